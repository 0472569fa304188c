package faults

import (
	"encoding/pem"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// nameServer answers every name with this machine, but fails at the first look-ups of each, and whenever two come at once: what
// resolvers of busy machines were seen to do.
type nameServer struct {
	conn  net.PacketConn
	mu    sync.Mutex
	tries map[string]int
	fails int
	bad   int // how often it failed
}

// newNameServer listens where a resolv.conf can name it, which has no ports.
func newNameServer(t *testing.T, fails int) *nameServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.77.53:53")
	if err != nil {
		t.Skipf("SKIPPED: listening on port 53 of loopback: %v", err)
	}
	s := &nameServer{conn: conn, tries: map[string]int{}, fails: fails}
	go s.serve()
	t.Cleanup(func() { _ = conn.Close() })
	return s
}

func (s *nameServer) serve() {
	buf := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
			continue
		}
		if packed, err := s.answer(m).Pack(); err == nil {
			_, _ = s.conn.WriteTo(packed, from)
		}
	}
}

func (s *nameServer) answer(m dnsmessage.Message) *dnsmessage.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := m.Questions[0]
	out := &dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true}, Questions: m.Questions}
	s.tries[q.Name.String()+q.Type.String()]++
	switch {
	case s.tries[q.Name.String()+q.Type.String()] <= s.fails:
		s.bad++
		out.RCode = dnsmessage.RCodeServerFailure
	case q.Type == dnsmessage.TypeA:
		out.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET},
			Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
		}}
	}
	return out
}

// resolving makes a command ask the name server, in a mount namespace of its own.
func (s *nameServer) resolving(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Skip("SKIPPED: unshare is not installed: run make deps")
	}
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	put(t, conf, "nameserver 127.0.77.53\noptions attempts:1 timeout:2\n")
	cmd.Args = append([]string{unshare, "--mount", "sh", "-c", `mount --bind "$0" /etc/resolv.conf && exec "$@"`, conf}, cmd.Args...)
	cmd.Path = unshare
	return cmd
}

// TestNameServerFails has a name server that fails at first: recording, a base image, the push and what is fetched again are tried
// again. One that never answers is exit 17.
func TestNameServerFails(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	up := newUpstream(t, "named\n")
	reg := newRegistry(t, nil)
	secure := httptest.NewTLSServer(reg.back) // only loopback's own names are spoken to without TLS
	t.Cleanup(secure.Close)
	trusted := filepath.Join(t.TempDir(), "ca.pem")
	put(t, trusted, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})))
	names := newNameServer(t, 2)
	web := strings.Replace(up.host, "127.0.0.1", "web.example.com", 1)
	image := strings.Replace(secure.Listener.Addr().String(), "127.0.0.1", "registry.example.com", 1)

	dir := scratch(t)
	m.must(0, dir, words("lock -q"))
	m.must(0, dir, []string{"build", "-q", "--unsigned", "--push=" + reg.host + "/base:v1"})
	dir = withStep(t, dockerfile(t, "FROM "+image+"/base:v1\nCOPY step /step\nADD http://"+web+"/two /two\n"+
		`RUN ["/step", "get", "http://`+web+`/one", "/one", "http://`+web+`/three", "/three"]`+"\n", web))
	run := func(code int, args ...string) result {
		t.Helper()
		r := finish(t, names.resolving(t, m.on(t, "SSL_CERT_FILE="+trusted).command(dir, args...)))
		r.check(t, args[0], code)
		return r
	}
	forget := func() {
		names.mu.Lock()
		defer names.mu.Unlock()
		names.tries, names.bad = map[string]int{}, 0
	}
	run(0, "lock", "-q", "--debian-mirror", "http://127.0.0.1:1/debian") // named, so that none is looked for
	if names.bad < 4 {
		t.Errorf("the name server failed %d times: this test tests nothing", names.bad)
	}
	if err := os.RemoveAll(filepath.Join(m.home, "cache")); err != nil {
		t.Fatal(err)
	}
	forget()
	run(0, "build", "-q")
	forget()
	run(0, "build", "-q", "--unsigned", "--push="+image+"/app:v1")

	names.mu.Lock()
	names.fails = 1 << 30
	names.mu.Unlock()
	if err := os.RemoveAll(filepath.Join(m.home, "cache")); err != nil {
		t.Fatal(err)
	}
	run(17, "build", "-q")
}
