package tracing_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/tracing"
	"github.com/selfsame-build/selfsame/policy"
)

// nobody is a Gatherer that is never asked: what is out of scope needs no evidence.
type nobody struct{}

func (nobody) Gather(context.Context, string, digest.Digest) (policy.Evidence, error) { panic("asked") }
func (nobody) Epoch() engine.Epoch                                                    { return engine.Epoch{} }
func (nobody) Refresh(context.Context) error                                          { return nil }

func TestOneSpanADecision(t *testing.T) {
	var mu sync.Mutex
	var got []map[string]string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var req collector.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &req); err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, rs := range req.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				for _, s := range ss.Spans {
					attrs := map[string]string{"": s.Name}
					for _, a := range s.Attributes {
						attrs[a.Key] = a.Value.GetStringValue()
					}
					got = append(got, attrs)
				}
			}
		}
	}))
	defer server.Close()
	tracer, end, err := tracing.Start(t.Context(), server.URL, "v1")
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Config{Gatherer: nobody{}, Tracer: tracer, Policy: func(context.Context) (*policy.Policy, error) {
		return policy.Parse("p", []byte("policy: v1\nname: prod\nversion: 1\nrules:\n  - {name: r, match: [\"r.example.com/**\"], require: \"signatures.size() > 0\", message: m, fix: f}\n"))
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.Ask(t.Context(), engine.Question{Name: "x.example.com/y", Digest: digest.FromString("z"), Who: engine.Who{Gate: engine.GateStart, Namespace: "shop"}})
	if err := end(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0][""] != "selfsame.decide" || got[0]["selfsame.image"] != "x.example.com/y" || got[0]["selfsame.class"] != "rule" || got[0]["k8s.namespace.name"] != "shop" {
		t.Errorf("%v", got)
	}
}

// TestCollectorGone: it costs no decision a thing.
func TestCollectorGone(t *testing.T) {
	tracer, end, err := tracing.Start(t.Context(), "http://127.0.0.1:1", "v1")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for range 10_000 {
		_, span := tracer.Start(t.Context(), "x")
		span.End()
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("10,000 spans took %s", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_ = end(ctx)
}
