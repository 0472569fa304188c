package admission

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/policy"
)

var (
	good  = digest.FromString("good")
	bad   = digest.FromString("bad")
	moved = digest.FromString("moved")
	at    = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
)

const shop = "registry.example.com/team/shop"

// asker is an engine with a table.
type asker struct {
	mu    sync.Mutex
	allow map[digest.Digest]bool
	asked []engine.Question
	hang  bool
	then  func([]engine.Answer) []engine.Answer
}

func (a *asker) Ask(ctx context.Context, q engine.Question) engine.Answer {
	return a.AskAll(ctx, []engine.Question{q})[0]
}

func (a *asker) AskAll(_ context.Context, qs []engine.Question) []engine.Answer {
	if a.hang {
		select {}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, qs...)
	out := make([]engine.Answer, len(qs))
	for i, q := range qs {
		out[i].Image = policy.Image{Name: q.Name, Digest: q.Digest.String()}
		if out[i].Allow = a.allow[q.Digest]; !out[i].Allow {
			out[i].Rules = []policy.Outcome{{Rule: "signed", Status: policy.StatusPass}, {Rule: "reproduced", Status: policy.StatusFail, Reason: "nobody has rebuilt it", Fix: "selfsame audit " + q.Name}}
			out[i].Reasons = []string{"nobody has rebuilt it"}
			out[i].By, out[i].Class = policy.Edition{Name: "shop", Version: 3, SHA256: "aa"}, engine.ClassRule
		}
	}
	if a.then != nil {
		return a.then(out)
	}
	return out
}

// tags is a registry with a table.
type tags map[string]digest.Digest

func (t tags) Resolve(_ context.Context, ref string) (digest.Digest, error) {
	if d, ok := t[ref]; ok {
		return d, nil
	}
	return "", fmt.Errorf("resolving %s: no such tag", ref)
}

func newGate(t *testing.T, a *asker, with func(*Options)) *Gate {
	t.Helper()
	opts := Options{Asker: a, Tags: tags{shop + ":v1": good, shop + ":v2": bad, shop + ":latest": moved}, Now: func() time.Time { return at }}
	if with != nil {
		with(&opts)
	}
	g, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// ask is a request as the API server makes it.
type ask struct {
	kind, object, old, op, sub, namespace string
	apiVersion                            string
}

func (a ask) body() string {
	group, version, found := strings.Cut(a.apiVersion, "/")
	if !found {
		group, version = "", a.apiVersion
	}
	if a.apiVersion == "" {
		version = "v1"
	}
	raw := func(s string) string {
		if s == "" {
			return "null"
		}
		return s
	}
	return fmt.Sprintf(`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u-1","kind":{"group":%q,"version":%q,"kind":%q},
"resource":{"group":%q,"version":%q,"resource":"things"},"subResource":%q,"requestKind":{"group":"","version":"v1","kind":"Pod"},"name":"shop-0","namespace":%q,"operation":%q,
"userInfo":{"username":"ann","groups":["dev"],"extra":{"Foo":["a"],"foo":["b"]}},"object":%s,"oldObject":%s,"dryRun":true,"options":{"kind":"CreateOptions"}}}`,
		group, version, a.kind, group, version, a.sub, a.namespace, a.op, raw(a.object), raw(a.old))
}

func pod(spec string) string {
	return `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"shop-0"},"spec":` + spec + `}`
}

// podAsk asks for a pod to be made.
func podAsk(spec string) ask {
	return ask{kind: "Pod", op: "CREATE", namespace: "shop", object: pod(spec)}
}

func (g *Gate) post(t *testing.T, path, body string) (int, *response, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path+"?timeout=10s", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	g.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return w.Code, nil, w.Body.String()
	}
	var got review
	d := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
	d.DisallowUnknownFields()
	if err := d.Decode(&got); err != nil || got.Response == nil || got.Kind != reviewKind || got.APIVersion != reviewVersion || got.Response.UID != "u-1" {
		t.Fatalf("not a well-formed answer: %v: %s", err, w.Body)
	}
	if !got.Response.Allowed && (got.Response.Status == nil || got.Response.Status.Code < 400 || got.Response.Status.Message == "") {
		t.Errorf("a denial without words: %s", w.Body)
	}
	return w.Code, got.Response, w.Body.String()
}
