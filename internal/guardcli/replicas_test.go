package guardcli_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/test/kube"
)

// balancer stands for a Service: each new connection goes to the next replica that says that it is ready.
type balancer struct {
	t        *testing.T
	at       string
	mu       sync.Mutex
	replicas map[string]string // by the address of their probes
	taken    map[string]int    // connections, by replica
}

func balance(t *testing.T) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	b := &balancer{t: t, at: l.Addr().String(), replicas: map[string]string{}, taken: map[string]int{}}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go b.pass(conn)
		}
	}()
	return b
}

func (b *balancer) pass(conn net.Conn) {
	defer conn.Close()
	to, err := net.Dial("tcp", b.next())
	if err != nil {
		return
	}
	defer to.Close()
	go func() { _, _ = io.Copy(to, conn); _ = to.(*net.TCPConn).CloseWrite() }()
	_, _ = io.Copy(conn, to)
}

// next is the ready replica with the fewest connections until now.
func (b *balancer) next() (hook string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for health, at := range b.replicas {
		if code, _ := fetch(b.t, http.DefaultClient, "http://"+health+"/readyz", ""); code == 200 && (hook == "" || b.taken[at] < b.taken[hook]) {
			hook = at
		}
	}
	b.taken[hook]++
	return hook
}

// add has one more replica take connections; its name is its configuration's.
func (b *balancer) add(w *world, config string) (stop func() int) {
	hook, health, stop := w.replica(config, 3*time.Second)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.replicas[health] = hook
	b.taken = map[string]int{} // the newest one is not to take all
	return stop
}

// TestTwoReplicas: one after the other is restarted, as for an update, while a real API server goes on to admit pods by the two of them: no pod
// is lost or let through.
func TestTwoReplicas(t *testing.T) {
	w := newWorld(t)
	signed, bare := w.push("team/shop"), w.push("team/bare")
	w.sign(signed)
	if code, out, said := run(t, "certificate", "--out", w.dir+"/tls", "--name", "127.0.0.1"); code != 0 {
		t.Fatal(out, said)
	}
	w.write("second.yaml", strings.Replace(read(t, w.dir+"/guard.yaml"), "state: ", "state: second-", 1))
	b := balance(t)
	first, second := b.add(w, "guard.yaml"), b.add(w, "second.yaml")
	static := filepath.Join(w.dir, "static")
	if code, out := w.guard("manifests", "--static", static, "--static-dir", static, "--static-url", "https://"+b.at, "--ca", w.dir+"/tls/ca.crt", "--image", "registry.example.com/guard@"+string(signed.Digest)); code != 0 {
		t.Fatalf("exit %d: %s", code, out)
	}
	api := kube.Start(t, kube.Options{FeatureGates: []string{"ManifestBasedAdmissionControlConfig"}, Flags: []string{"--admission-control-config-file=" + static + "/admission-configuration.yaml"}}).Client()

	var admitted, refused atomic.Int64
	var ended atomic.Bool
	var callers sync.WaitGroup
	defer callers.Wait()
	defer ended.Store(true)
	create := func(image string) error {
		return api.Create(t.Context(), kube.Pods("default")+"?dryRun=All", kube.Pod("p", image), nil)
	}
	for range 4 {
		callers.Go(func() {
			for !ended.Load() {
				if err := create(signed.Name + ":v1"); err != nil {
					t.Errorf("a good image: %v", err)
					return
				}
				admitted.Add(1)
				refusal, ok := errors.AsType[*kube.Status](create(bare.Name + ":v1"))
				if !ok || !strings.Contains(refusal.Message, "fix: sign its contents") {
					t.Errorf("a bad one: %v", refusal)
					return
				}
				refused.Add(1)
			}
		})
	}
	more := func() {
		t.Helper()
		from := admitted.Load()
		w.soon("pods are admitted", func() bool { return admitted.Load() > from+20 || t.Failed() })
	}
	more()
	for _, replica := range []struct {
		stop   func() int
		config string
	}{{first, "guard.yaml"}, {second, "second.yaml"}} {
		if code := replica.stop(); code != 130 {
			t.Errorf("exit %d", code)
		}
		more()
		b.add(w, replica.config)
		more()
	}
	ended.Store(true)
	callers.Wait()
	t.Logf("%d admitted, %d refused", admitted.Load(), refused.Load())
}
