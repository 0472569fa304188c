package admission

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/admission"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/manifests"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/test/kube"
)

const (
	shop  = "registry.example.com/team/shop"
	guard = "registry.example.com/selfsame/guard"
)

var (
	good = digest.FromString("good")
	bad  = digest.FromString("bad")
	pair = filepath.Join(os.TempDir(), fmt.Sprintf("admission-%d", os.Getpid()))
)

func TestMain(m *testing.M) {
	code := m.Run()
	kube.Stop()
	stop()
	_ = os.RemoveAll(pair)
	os.Exit(code)
}

// table is an engine with a table, which counts what it is asked.
type table struct {
	mu    sync.Mutex
	allow map[digest.Digest]bool
	asked map[digest.Digest]int
	hang  bool
}

func (a *table) Ask(ctx context.Context, q engine.Question) engine.Answer {
	return a.AskAll(ctx, []engine.Question{q})[0]
}

func (a *table) AskAll(_ context.Context, qs []engine.Question) []engine.Answer {
	if a.hang {
		select {}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]engine.Answer, len(qs))
	for i, q := range qs {
		a.asked[q.Digest]++
		out[i].Image = policy.Image{Name: q.Name, Digest: q.Digest.String()}
		if out[i].Allow = a.allow[q.Digest]; !out[i].Allow {
			out[i].By, out[i].Class = policy.Edition{Name: "shop", Version: 3, SHA256: "aa"}, engine.ClassRule
			out[i].Rules = []policy.Outcome{{Rule: "reproduced", Status: policy.StatusFail, Reason: "nobody has rebuilt it", Fix: "selfsame audit " + q.Name}}
			out[i].Reasons = []string{"nobody has rebuilt it"}
		}
	}
	return out
}

// tags is a registry whose tags move.
type tags struct {
	mu sync.Mutex
	to map[string]digest.Digest
}

func (t *tags) set(ref string, d digest.Digest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.to[ref] = d
}

func (t *tags) Resolve(_ context.Context, ref string) (digest.Digest, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d, ok := t.to[ref]; ok {
		return d, nil
	}
	return "", errors.New("no such tag")
}

// hook is one webhook server, and what it asks.
type hook struct {
	url   string
	table *table
	tags  *tags
}

var (
	life, stop = context.WithCancel(context.Background())
	authority  = sync.OnceValue(func() *admission.Authority {
		a, err := admission.NewAuthority(time.Now())
		if err != nil {
			panic(err)
		}
		return a
	})
)

func certificates(tb testing.TB) *admission.Certificates {
	tb.Helper()
	cert, key, err := authority().Issue(time.Now(), time.Hour, "127.0.0.1")
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.MkdirAll(pair, 0o700); err != nil {
		tb.Fatal(err)
	}
	for name, data := range map[string][]byte{"tls.crt": cert, "tls.key": key} {
		if err := os.WriteFile(filepath.Join(pair, name), data, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	c, err := admission.LoadCertificates(filepath.Join(pair, "tls.crt"), filepath.Join(pair, "tls.key"), time.Now)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// serve starts a webhook that ends with the test binary: a configuration that names it may outlive the test.
func serve(tb testing.TB, hang bool) *hook {
	tb.Helper()
	h := &hook{table: &table{allow: map[digest.Digest]bool{good: true}, asked: map[digest.Digest]int{}, hang: hang}, tags: &tags{to: map[string]digest.Digest{}}}
	gate, err := admission.New(admission.Options{Asker: h.table, Tags: h.tags, Now: time.Now, Modes: admission.Modes{Audit: []string{"trial"}}})
	if err != nil {
		tb.Fatal(err)
	}
	certs := certificates(tb)
	listening := make(chan net.Addr, 1)
	go func() {
		if err := gate.Serve(life, admission.Serving{Listen: "127.0.0.1:0", Certificates: certs, Failed: func(error) {},
			Listening: func(at, _ net.Addr) { listening <- at }}); err != nil {
			panic(err)
		}
	}()
	h.url = "https://" + (<-listening).String()
	return h
}

// injector is somebody else's mutating webhook, called after ours: it adds a container to each pod.
func injector(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	patch, _ := json.Marshal([]any{map[string]any{"op": "add", "path": "/spec/containers/-", "value": map[string]string{"name": "sidecar", "image": shop + "@" + bad.String()}}})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Request struct{ UID string } }
		_ = json.NewDecoder(r.Body).Decode(&in)
		_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
			"response": map[string]any{"uid": in.Request.UID, "allowed": true, "patchType": "JSONPatch", "patch": patch}})
	})
	s := &http.Server{Handler: handler, TLSConfig: certificates(tb).Config(nil), ReadHeaderTimeout: time.Second}
	go func() { _ = s.ServeTLS(l, "", "") }()
	context.AfterFunc(life, func() { _ = s.Close() })
	return "https://" + l.Addr().String()
}

// ended is a webhook that would allow everything, with a certificate whose time is over.
func ended(tb testing.TB) string {
	tb.Helper()
	cert, key, err := authority().Issue(time.Now().Add(-2*time.Hour), time.Hour, "127.0.0.1")
	if err != nil {
		tb.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		tb.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Request struct{ UID string } }
		_ = json.NewDecoder(r.Body).Decode(&in)
		_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": map[string]any{"uid": in.Request.UID, "allowed": true}})
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}
	s.StartTLS()
	context.AfterFunc(life, s.Close)
	return s.URL
}

func options() manifests.Options {
	return manifests.Options{Image: guard + "@" + good.String(), CA: authority().Certificate, Exempt: []string{"kube-system"}, Audit: []string{"trial"},
		Files: map[string]string{"guard.yaml": "guard: v1\ntrust: trust.yaml\npolicy: {file: policy.yaml}\n"}}
}

var service = regexp.MustCompile(`service: \{name: selfsame-guard, namespace: "[^"]+", path: (/[a-z]+), port: 443\}`)

// cluster is what the guard prints, with the webhook where a test has it.
func cluster(tb testing.TB, url string) string {
	tb.Helper()
	all, err := manifests.Cluster(options())
	if err != nil {
		tb.Fatal(err)
	}
	if url == "" {
		return all
	}
	return service.ReplaceAllString(all, `url: "`+url+`$1"`)
}

// single is one webhook configuration of what is printed, under another name and for namespaces with a label.
func single(tb testing.TB, url, kind, name, label string, timeout int) string {
	tb.Helper()
	for doc := range strings.SplitSeq(cluster(tb, url), "\n---\n") {
		if strings.Contains(doc, "kind: "+kind+"\n") {
			doc = strings.Replace(doc, "name: selfsame-guard\n", "name: "+name+"\n", 1)
			doc = strings.Replace(doc, "timeoutSeconds: 5", fmt.Sprintf("timeoutSeconds: %d", timeout), 1)
			return regexp.MustCompile(`(?s)namespaceSelector:\n.*$`).ReplaceAllString(doc, "namespaceSelector: {matchLabels: {gate: "+label+"}}\n")
		}
	}
	tb.Fatalf("no %s is printed", kind)
	return ""
}

// the cluster that tests share: everything is applied as it is printed, and the webhook runs.
var shared struct {
	once sync.Once
	hook *hook
}

func world(tb testing.TB) (*kube.Client, *hook) {
	tb.Helper()
	c := kube.Shared(tb).Client()
	shared.once.Do(func() {
		shared.hook = serve(tb, false)
		if err := apply(tb.Context(), c, cluster(tb, shared.hook.url)); err != nil {
			tb.Fatal(err)
		}
		ns := c.Namespace(tb)
		kube.Wait(tb, "the webhooks", func() error {
			err := refused(c.Create(tb.Context(), kube.Pods(ns)+"?dryRun=All", kube.Pod("p", shop+"@"+bad.String()), nil), 403, "validate.guard.selfsame.build")
			if err != nil {
				return err
			}
			shared.hook.tags.set(shop+":probe", good)
			return c.Create(tb.Context(), kube.Pods(ns)+"?dryRun=All", kube.Pod("p", shop+":probe"), nil)
		})
		kube.Wait(tb, "the policies", func() error {
			label := map[string]any{"metadata": map[string]any{"labels": map[string]any{"a": "b"}}}
			if err := refused(c.Patch(tb.Context(), "/api/v1/namespaces/selfsame-guard?dryRun=All", kube.Merge, label, nil), 403, "selfsame-guard:admins"); err != nil {
				return err
			}
			if err := refused(c.Create(tb.Context(), kube.Pods("selfsame-guard")+"?dryRun=All", kube.Pod("p", shop+"@"+good.String()), nil), 403, "only the guard"); err != nil {
				return err
			}
			return refused(c.Create(tb.Context(), kube.Pods(ns)+"?dryRun=All", kube.Pod("p", shop+":nosuch"), nil), 403, "has no digest")
		})
		if err := c.Create(tb.Context(), "/api/v1/namespaces", map[string]any{"metadata": map[string]any{"name": "trial"}}, nil); err != nil {
			tb.Fatal(err)
		}
	})
	if shared.hook == nil {
		tb.Skip("the shared cluster could not be set up")
	}
	return c, shared.hook
}

// places are the collections of the kinds that are printed.
var places = map[string]string{
	"Namespace": "/api/v1/namespaces", "ServiceAccount": "/api/v1/namespaces/%s/serviceaccounts", "ConfigMap": "/api/v1/namespaces/%s/configmaps", "Service": "/api/v1/namespaces/%s/services",
	"ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles", "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
	"Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/%s/roles", "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/%s/rolebindings",
	"Deployment": "/apis/apps/v1/namespaces/%s/deployments", "DaemonSet": "/apis/apps/v1/namespaces/%s/daemonsets",
	"PodDisruptionBudget": "/apis/policy/v1/namespaces/%s/poddisruptionbudgets", "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/%s/networkpolicies",
	"ValidatingWebhookConfiguration": kube.Admission("validatingwebhookconfigurations"), "MutatingWebhookConfiguration": kube.Admission("mutatingwebhookconfigurations"),
	"ValidatingAdmissionPolicy": kube.Admission("validatingadmissionpolicies"), "ValidatingAdmissionPolicyBinding": kube.Admission("validatingadmissionpolicybindings"),
}

var kind = regexp.MustCompile(`(?m)^kind: (\w+)$`)

// apply makes every object, with strict validation of its fields: one that the server does not know is refused.
func apply(ctx context.Context, c *kube.Client, all string) error {
	for doc := range strings.SplitSeq(all, "\n---\n") {
		m := kind.FindStringSubmatch(doc)
		path, ok := places[m[1]]
		if !ok {
			return fmt.Errorf("no place for a %s", m[1])
		}
		if strings.Contains(path, "%s") {
			path = fmt.Sprintf(path, "selfsame-guard")
		}
		if _, err := c.Do(ctx, "POST", path+"?fieldValidation=Strict", "application/yaml", []byte(doc)); err != nil {
			return fmt.Errorf("%w:\n%s", err, doc)
		}
	}
	return nil
}

// refused says what is wrong with an error that is to be a refusal of code with a text in it, or nil.
func refused(err error, code int, text string) error {
	s, ok := errors.AsType[*kube.Status](err)
	if !ok || s.Code != code || !strings.Contains(s.Message, text) {
		return fmt.Errorf("got %v; want a refusal with %d and %q", err, code, text)
	}
	return nil
}
