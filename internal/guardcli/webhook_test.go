package guardcli_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/internal/guardcli"
	"github.com/selfsame-build/selfsame/internal/invocation"
	"github.com/selfsame-build/selfsame/signing/signingtest"
	"github.com/selfsame-build/selfsame/test/kube"
	"github.com/selfsame-build/selfsame/trust"
)

// free are addresses of loopback that were free a moment ago.
func free(t *testing.T) (a, b string) {
	t.Helper()
	var at [2]string
	for i := range at {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		at[i] = l.Addr().String()
	}
	return at[0], at[1]
}

// webhook runs `selfsame-guard webhook` with a certificate that the guard made, until it is ready, and gives its address, that of its
// probes, and a client that trusts it.
func (w *world) webhook() (hook, health string, c *http.Client) {
	w.t.Helper()
	pair := filepath.Join(w.dir, "tls")
	if code, out, said := run(w.t, "certificate", "--out", pair, "--name", "127.0.0.1"); code != 0 {
		w.t.Fatal(out, said)
	}
	hook, health, w.stop = w.replica("guard.yaml", 10*time.Millisecond)
	ca, err := os.ReadFile(pair + "/ca.crt")
	w.must(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return hook, health, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}}
}

// replica runs one with the certificate that is there.
func (w *world) replica(config string, drain time.Duration) (hook, health string, stop func() int) {
	w.t.Helper()
	hook, health = free(w.t)
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan int, 1)
	go func() {
		done <- guardcli.Main(ctx, []string{"webhook", "--config", filepath.Join(w.dir, config), "--tls-cert", w.dir + "/tls/tls.crt", "--tls-key", w.dir + "/tls/tls.key",
			"--listen", hook, "--health-listen", health, "--drain", drain.String()}, invocation.Streams{Out: &w.log, Err: &w.log, Env: func(string) string { return "" }})
	}()
	var once sync.Once
	code := -1
	stop = func() int { once.Do(func() { cancel(); code = <-done }); return code }
	w.t.Cleanup(func() { stop() })
	w.soon("the webhook is ready", func() bool {
		code, _ := fetch(w.t, http.DefaultClient, "http://"+health+"/readyz", "")
		return code == 200
	})
	return hook, health, stop
}

func fetch(t *testing.T, c *http.Client, url, body string) (code int, text string) {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data)
}

// gauge is the value of a metric without labels, in what /metrics shows; NaN: it has none.
func gauge(shown, name string) float64 {
	for line := range strings.Lines(shown) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			if n, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
				return n
			}
		}
	}
	return math.NaN()
}

func podReview(image string) string {
	return fmt.Sprintf(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","kind":{"group":"","version":"v1","kind":"Pod"},"operation":"CREATE","namespace":"shop",
"userInfo":{"username":"ann"},"object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"app","image":%q}]}}}}`, image)
}

// TestWebhook is the webhook with a real engine, registry and evidence.
func TestWebhook(t *testing.T) {
	w := newWorld(t)
	signed, bare := w.push("team/shop"), w.push("team/bare")
	w.sign(signed)
	hook, health, c := w.webhook()
	for _, test := range []struct{ path, image, want string }{
		{"/validate", signed.Name + "@" + signed.Digest.String(), `"allowed":true`},
		{"/validate", bare.Name + "@" + bare.Digest.String(), "fix: sign its contents"},
		{"/validate", signed.Name + ":v1", "it has no digest"},
		{"/validate", bare.Name + "@" + signed.Digest.String(), `"allowed":false`}, // evidence of another name
		{"/mutate", signed.Name + ":v1", `"patchType":"JSONPatch"`},
		{"/mutate", signed.Name + ":v9", "is left without a digest"},
	} {
		if code, got := fetch(t, c, "https://"+hook+test.path+"?timeout=10s", podReview(test.image)); code != 200 || !strings.Contains(got, test.want) {
			t.Errorf("%s %s: %d %s\nwant %s", test.path, test.image, code, got, test.want)
		}
	}
	if code, got := fetch(t, c, "https://"+hook+"/validate", `{"apiVersion":"v1"}`); code != 400 {
		t.Errorf("no review: %d %s", code, got)
	}
	w.soon("the log says so", func() bool {
		log := w.log.String()
		return strings.Contains(log, `"who":{"gate":"admission","namespace":"shop","workload":"Pod/p","container":"app","user":"ann"`) && strings.Contains(log, `"review":"validate","outcome":"malformed"`)
	})
	_, metrics := fetch(t, http.DefaultClient, "http://"+health+"/metrics", "")
	for _, want := range []string{`selfsame_admission_reviews_total{outcome="denied",phase="validate"} 3`, `selfsame_admission_reviews_total{outcome="malformed",phase="validate"} 1`,
		`selfsame_verify_total{point="admission",reason="ok",result="allow"} 1`, "selfsame_webhook_certificate_expires_timestamp_seconds 1."} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
	if issued, ends := gauge(metrics, "selfsame_denylist_issued_timestamp_seconds"), gauge(metrics, "selfsame_denylist_expires_timestamp_seconds"); ends-issued != 24*60*60 || time.Since(time.Unix(int64(issued), 0)).Abs() > time.Hour {
		t.Errorf("the deny list of a day counts from %f to %f", issued, ends)
	}
	for _, at := range [][]string{{"--listen", hook}, {"--listen", "127.0.0.1:0", "--health-listen", health}} { // in use
		pair := filepath.Join(w.dir, "tls")
		args := append([]string{"webhook", "--config", filepath.Join(w.dir, "guard.yaml"), "--tls-cert", pair + "/tls.crt", "--tls-key", pair + "/tls.key"}, at...)
		if code, _, said := run(t, args...); code != 17 || !strings.Contains(said, "A0921") || !strings.Contains(said, "give another address with "+at[len(at)-2]) {
			t.Errorf("%v: exit %d, %s", at, code, said)
		}
	}
	w.down.Store(true)
	other := w.host + "/team/other@" + signed.Digest.String()
	if code, got := fetch(t, c, "https://"+hook+"/validate?timeout=2s", podReview(other)); code != 200 || !strings.Contains(got, `"allowed":false`) {
		t.Errorf("the registry is down: %d %s", code, got)
	}
	if code, got := fetch(t, c, "https://"+hook+"/validate?timeout=2s", podReview(signed.Name+"@"+signed.Digest.String())); code != 200 || !strings.Contains(got, `"allowed":true`) {
		t.Errorf("the registry is down, and the verdict known: %d %s", code, got)
	}
	if code := w.stop(); code != 130 {
		t.Errorf("exit %d after an interruption\n%s", code, w.log.String())
	}
}

// TestCluster: what the guard prints, read by a real API server from its own disk, asks a real webhook about real images.
func TestCluster(t *testing.T) {
	w := newWorld(t)
	signed, bare := w.push("team/shop"), w.push("team/bare")
	w.sign(signed)
	hook, _, _ := w.webhook()
	static := filepath.Join(w.dir, "static")
	if code, out := w.guard("manifests", "--static", static, "--static-dir", static, "--static-url", "https://"+hook, "--ca", w.dir+"/tls/ca.crt", "--image", "registry.example.com/guard@"+string(signed.Digest)); code != 0 || strings.Count(out, "\n") != 4 {
		t.Fatalf("exit %d: %s", code, out)
	}
	api := kube.Start(t, kube.Options{FeatureGates: []string{"ManifestBasedAdmissionControlConfig"}, Flags: []string{"--admission-control-config-file=" + static + "/admission-configuration.yaml"}}).Client()
	create := func(image string) (string, error) {
		var got struct {
			Spec struct{ Containers []struct{ Image string } }
		}
		err := api.Create(t.Context(), kube.Pods("default")+"?dryRun=All", kube.Pod("p", image), &got)
		if err != nil {
			return "", err
		}
		return got.Spec.Containers[0].Image, nil
	}
	pinned := signed.Name + ":v1@" + signed.Digest.String()
	if got, err := create(signed.Name + ":v1"); err != nil || got != pinned {
		t.Errorf("stored %s, %v; want %s", got, err, pinned)
	}
	_, err := create(bare.Name + ":v1")
	refusal, ok := errors.AsType[*kube.Status](err)
	if want := "container c0: " + bare.Name + "@" + bare.Digest.String() + " is denied: "; !ok || refusal.Code != 403 || !strings.Contains(refusal.Message, want) || !strings.Contains(refusal.Message, "\nfix: sign its contents") {
		t.Errorf("got %v; want %s", err, want)
	}
	w.sign(bare)
	w.soon("its contents are signed", func() bool { _, err := create(bare.Name + ":v1"); return err == nil })
	w.deny(2, signed.Digest)
	w.soon("it is taken back", func() bool {
		_, err := create(signed.Name + ":v1")
		return err != nil && strings.Contains(err.Error(), "it leaks")
	})
}

// TestManifests: a folder of configuration becomes manifests, and a key in it does not.
func TestManifests(t *testing.T) {
	w := newWorld(t)
	pair := filepath.Join(w.dir, "tls")
	if code, out, said := run(t, "certificate", "--out", pair); code != 0 {
		t.Fatal(out, said)
	}
	// A folder that the pods cannot mount, and a group that they do not know, are said so: neither would do anything.
	here := read(t, w.dir+"/guard.yaml")
	there := strings.Replace(here, "breakGlass: glass", "breakGlass: /etc/selfsame-break-glass", 1)
	args := []string{"manifests", "--config", w.dir + "/guard.yaml", "--ca", pair + "/ca.crt", "--image", "registry.example.com/guard@sha256:" + strings.Repeat("a", 64)}
	for _, test := range []struct{ config, want string }{
		{here, "cannot be mounted at `/etc/selfsame/glass`"},
		{strings.Replace(there, "run/guard.sock", "run/guard.sock, group: users", 1), "does not know the host's names of groups"},
	} {
		w.write("guard.yaml", test.config)
		if code, out, said := run(t, args...); code != 10 || out != "" || !strings.Contains(said, test.want) || !strings.Contains(said, "A0922") {
			t.Errorf("exit %d: %s%s; want %q", code, said, out, test.want)
		}
	}
	w.write("guard.yaml", strings.Replace(there, "run/guard.sock", `run/guard.sock, group: "990"`, 1))
	code, out, said := run(t, args...)
	if code != 0 || !strings.Contains(out, `"release.pub": "-----BEGIN PUBLIC KEY`) || strings.Count(out, "\nkind: ") != 21 {
		t.Errorf("exit %d, %d objects: %s%s", code, strings.Count(out, "\nkind: "), said, out)
	}
	for part, times := range map[string]int{`mountPath: "/etc/selfsame-break-glass"`: 2, "name: selfsame-guard-break-glass": 3, "supplementalGroups: [990]": 1, "NET_ADMIN": 0, "CHOWN": 0} {
		if strings.Count(out, part) != times {
			t.Errorf("%q is there %d times, not %d", part, strings.Count(out, part), times)
		}
	}
	w.write("oops.key", "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n")
	if code, out, said := run(t, args...); code != 10 || out != "" || !strings.Contains(said, "A0922") {
		t.Errorf("a key: exit %d: %s%s", code, said, out)
	}
	first, err := os.ReadFile(pair + "/tls.crt")
	w.must(err)
	ca, err := os.ReadFile(pair + "/ca.crt")
	w.must(err)
	if code, _, said := run(t, "certificate", "--out", pair); code != 0 {
		t.Fatal(said)
	}
	second, _ := os.ReadFile(pair + "/tls.crt")
	again, _ := os.ReadFile(pair + "/ca.crt")
	if string(first) == string(second) || string(ca) != string(again) {
		t.Error("a renewal makes another certificate by the same authority")
	}
}

// TestDenyListThatNobodyMaySign: the trust file takes out who signed the deny list, so that everything is denied. The list has no end then that could
// be near, and the alert about it holds all the same, until a list counts again.
func TestDenyListThatNobodyMaySign(t *testing.T) {
	w := newWorld(t)
	_, health, _ := w.webhook()
	shows := func(lacking, ends float64) func() bool {
		return func() bool {
			_, metrics := fetch(t, http.DefaultClient, "http://"+health+"/metrics", "")
			return gauge(metrics, "selfsame_denylist_lacking") == lacking && math.Min(1, gauge(metrics, "selfsame_denylist_expires_timestamp_seconds")) == ends
		}
	}
	w.soon("the list counts", shows(0, 1))
	whole := read(t, w.dir+"/trust.yaml")
	w.write("other.pub", string(signingtest.NewSigner(t, trust.Revoker).Verifier().PEM()))
	w.write("trust.yaml", strings.Replace(whole, "[revoker.pub]", "[other.pub]", 1))
	w.soon("none counts", shows(1, 0))
	w.write("trust.yaml", whole)
	w.soon("it counts again", shows(0, 1))
	w.write("trust.yaml", strings.Replace(whole, "denylist: {list: denylist.json}\n", "", 1))
	w.soon("none is asked for", shows(0, 0))
}
