package policy

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// FuzzParse: any file loads or is refused in words and with a place; what loads comes to a verdict in bounded time, and a rule that was not
// true allows nothing.
func FuzzParse(f *testing.F) {
	f.Add(oneRule(`signatures.exists(s, s.signer == "release")`))
	f.Add(oneRule(`packages.every(p, p.license in ["MIT"]) || statements.exists(s, s.predicate.score > 7)`))
	f.Add(windows)
	f.Add(tenRules)
	f.Add(oneRule(`[packages].map(p, [p, p, p]).size() > 0 && image.name.matches("a{10}")`))
	f.Add(edit(`require: 'now > timestamp("2020-01-01T00:00:00Z")'`))
	e := shop()
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse("p.yaml", []byte(text))
		if err != nil {
			list := diag.All(err)
			if len(list) == 0 || p != nil {
				t.Fatalf("%v, %v", p, err)
			}
			for _, d := range list {
				if d.Summary == "" || !strings.HasPrefix(string(d.Code), "A06") || d.At == nil {
					t.Errorf("%+v", d)
				}
			}
			return
		}
		began := time.Now()
		v := p.Decide(context.Background(), e, start)
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("it took %v", took)
		}
		checkVerdict(t, v)
	})
}

// checkVerdict is what holds of every verdict.
func checkVerdict(t *testing.T, v Verdict) {
	t.Helper()
	applies, bad := 0, false
	for _, o := range v.Rules {
		applies += map[Status]int{StatusPass: 1, StatusWaived: 1, StatusFail: 1, StatusError: 1}[o.Status]
		bad = bad || o.Status == StatusFail || o.Status == StatusError
		if strings.Contains(o.Reason, "\n") || len(o.Reason) > maxLine {
			t.Errorf("%q", o.Reason)
		}
	}
	if v.Allow != (len(v.Reasons) == 0) || v.Allow != (v.ExitCode == 0) || v.Allow && (applies == 0 || bad) {
		t.Errorf("%+v", v)
	}
}

// FuzzEvidence: any evidence that can be read comes to a verdict, and one with a block is denied.
func FuzzEvidence(f *testing.F) {
	for _, e := range []*Evidence{shop(), {}, {Blocks: []Block{{"denied", "no", 14}}}} {
		data, err := json.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"statements": [{"predicate": [[{"a": null}], 1e400]}], "provenance": [{"parameters": {"x": -0}, "time": "0001-01-01T00:00:00Z"}]}`))
	p := mustParse(f, tenRules)
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := ParseEvidence(data)
		if err != nil {
			return
		}
		v := p.Decide(context.Background(), &e, start)
		checkVerdict(t, v)
		if v.Allow && len(e.Blocks) > 0 {
			t.Errorf("%+v", v)
		}
		if text := p.Explain(context.Background(), &e, start).Text(); strings.ContainsAny(text, "\x1b\x00\r") {
			t.Errorf("%q", text)
		}
	})
}
