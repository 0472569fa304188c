package intoto

import (
	"encoding/base64"
	"encoding/json"
	"go/build"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/in-toto/in-toto-golang/in_toto"
	digest "github.com/opencontainers/go-digest"
)

// library is where in-toto-golang lies: in the module cache, with its own test data.
var library = sync.OnceValues(func() (*build.Package, error) {
	return build.Import("github.com/in-toto/in-toto-golang/in_toto", ".", build.FindOnly)
})

func stock(t *testing.T, name string) []byte {
	t.Helper()
	pkg, err := library()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(pkg.Dir, "..", "test", "data", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestStockLayouts: in-toto's own demo layouts are read, but for what they would have us run.
func TestStockLayouts(t *testing.T) {
	payloads := map[string][]byte{}
	for _, name := range []string{"demo.layout", "super.layout", "sub_layout.70ca5750.link"} {
		var block struct {
			Signed json.RawMessage `json:"signed"`
		}
		if err := json.Unmarshal(stock(t, name), &block); err != nil {
			t.Fatal(err)
		}
		payloads[name] = block.Signed
	}
	for _, name := range []string{"demo.dsse.layout", "dsse-only.root.layout"} {
		var env struct{ Payload string }
		if err := json.Unmarshal(stock(t, name), &env); err != nil {
			t.Fatal(err)
		}
		var err error
		if payloads[name], err = base64.StdEncoding.DecodeString(env.Payload); err != nil {
			t.Fatal(err)
		}
	}
	inspections := 0
	for name, payload := range payloads {
		var doc in_toto.Layout
		if err := json.Unmarshal(payload, &doc); err != nil {
			t.Fatal(err)
		}
		if len(doc.Inspect) > 0 {
			inspections++
			if _, err := Parse(payload); err == nil || !strings.Contains(err.Error(), doc.Inspect[0].Name) {
				t.Errorf("%s: the inspection %s is not refused by name: %v", name, doc.Inspect[0].Name, err)
			}
		}
		payload, _ = json.Marshal(without(doc))
		if l, err := Parse(payload); err != nil || len(l.Steps()) != len(doc.Steps) || len(l.Keys()) != len(doc.Keys) {
			t.Errorf("%s without inspections: %v", name, err)
		}
	}
	if inspections == 0 {
		t.Error("none has an inspection; this test proves less than it says")
	}
}

// without takes away what is refused: inspections and functionaries by certificate.
func without(l in_toto.Layout) in_toto.Layout {
	l.Inspect, l.RootCas, l.IntermediateCas = []in_toto.Inspection{}, nil, nil
	for i := range l.Steps {
		l.Steps[i].CertificateConstraints = nil
	}
	return l
}

// TestStockRules: over in-toto's demo, as it is and spoiled, the outcome is that of in-toto-golang's verification.
func TestStockRules(t *testing.T) {
	var demo struct{ Signed in_toto.Layout }
	if err := json.Unmarshal(stock(t, "demo.layout"), &demo); err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(without(demo.Signed))
	if err != nil {
		t.Fatal(err)
	}
	l, err := Parse(payload)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(links []in_toto.Link){
		"as it is":         func([]in_toto.Link) {},
		"altered material": func(x []in_toto.Link) { x[1].Materials["foo.py"] = in_toto.HashObj{"sha256": hexA} },
		"another product":  func(x []in_toto.Link) { x[0].Products["bar.py"] = in_toto.HashObj{"sha256": hexA} },
		"product renamed":  func(x []in_toto.Link) { x[1].Products = map[string]in_toto.HashObj{"bar": x[1].Products["foo.tar.gz"]} },
		"more materials":   func(x []in_toto.Link) { x[1].Materials["bar.py"] = in_toto.HashObj{"sha256": hexA} },
	} {
		var links []in_toto.Link
		for _, file := range []string{"write-code.b7d643de.link", "package.d3ffd108.link"} {
			var block struct{ Signed in_toto.Link }
			if err := json.Unmarshal(stock(t, file), &block); err != nil {
				t.Fatal(err)
			}
			links = append(links, block.Signed)
		}
		spoil(links)
		v := &verification{layout: l, steps: make([]candidates, 2)}
		all := map[string]in_toto.Metadata{}
		for i, x := range links {
			link := Link{Step: x.Name, Materials: Artifacts{}, Products: Artifacts{}}
			for name, d := range x.Materials {
				link.Materials[name] = "sha256:" + digestOf(d)
			}
			for name, d := range x.Products {
				link.Products[name] = "sha256:" + digestOf(d)
			}
			v.steps[i].add(Signed{Link: link, KeyID: demo.Signed.Steps[i].PubKeys[0]})
			all[x.Name] = &in_toto.Metablock{Signed: x}
		}
		want := in_toto.VerifyArtifacts([]any{demo.Signed.Steps[0], demo.Signed.Steps[1]}, all)
		out := []Outcome{v.count(0), v.count(1)}
		v.chain(out)
		if got := brief(out); (got == "") != (want == nil) {
			t.Errorf("%s: %q, in-toto-golang says %v", name, got, want)
		}
	}
}

func digestOf(h in_toto.HashObj) digest.Digest { return digest.Digest(h["sha256"]) }
