package handon

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/verify/ground"
)

// TestHandedOn: one place has the evidence and hands its verdict on; the edge has the image and that verdict, in a real registry.
func TestHandedOn(t *testing.T) {
	w := newWorld(t)
	image := w.publish()
	w.write("policy.yaml", "policy: v1\nname: prod\nversion: 3\nrules:\n  - name: twice\n    match: [\""+w.host+"/team/**\"]\n    require: summary.reproduced\n    message: it was not built twice\n    fix: build it twice\n")
	w.write("central.yaml", "trust: v1\nsigners:\n  release: {keys: [release.pub], roles: [release]}\n  ops: {keys: [ops.pub], roles: [revoker]}\ndenylist: {list: "+w.host+"/ops/denylist}\n")
	w.write("edge.yaml", strings.Replace(w.read("central.yaml"), "signers:\n", "signers:\n  central: {keys: [central.pub], roles: [verifier]}\n", 1))
	w.must(0, "", "deny", "new", "--list", w.host+"/ops/denylist", "--key", "ops.key")

	by := []string{"verify", w.host + "/team/shop@" + image.Digest.String(), "--policy", "policy.yaml", "--trust", "central.yaml"}
	with := func(more ...string) []string { return append(by[:len(by):len(by)], more...) }
	w.must(10, "need --sign-with or --keyless", with("--attach-verdict")...)
	w.must(10, "it is between 1m and 24h", with("--attach-verdict", "--sign-with", "central.key", "--verdict-life", "25h")...)
	w.must(10, "is a key that releases images", with("--attach-verdict", "--sign-with", "release.key")...)
	w.must(10, "call verify twice", with("--attach-verdict", "--vsa", "vsa.json", "--sign-with", "central.key")...)
	w.must(10, "leave one of --at and", with("--attach-verdict", "--sign-with", "central.key", "--at", "2100-01-01")...)
	w.must(10, "are about a policy's verdict", "verify", by[1], "--trust", "central.yaml", "--accept-verdicts")
	w.must(0, "the verdict is attached as sha256:", with("--attach-verdict", "--verdict", "verdict.json", "--sign-with", "central.key")...)

	// The edge: the same image in a mirror, without evidence; then with the verdict alone.
	w.copy("cache/shop")
	edge := []string{"verify", w.host + "/cache/shop@" + image.Digest.String(), "--name", w.host + "/team/shop", "--policy", "policy.yaml", "--trust", "edge.yaml"}
	accepting := append(edge[:len(edge):len(edge)], "--accept-verdicts")
	w.must(14, "it was not built twice", accepting...)
	w.attach("cache/shop", image, []byte(w.read("verdict.json")))
	w.must(14, "it was not built twice", edge...)
	w.must(0, "in a verdict that central handed on until", accepting...)
	w.must(14, "is that of central, who handed it on", append(accepting[:len(accepting):len(accepting)], "--verdict", "again.json", "--sign-with", "other.key")...)
	w.must(14, "it was not built twice", append(edge[:len(edge)-1:len(edge)-1], "central.yaml", "--accept-verdicts")...) // nobody is a verifier there

	// The guard's engine over the same registry, told to accept, and not told.
	q := engine.Question{Name: w.host + "/cache/shop", Digest: image.Digest, Who: engine.Who{Gate: engine.GatePull}}
	gate, deaf := w.gate(true), w.gate(false)
	if a := gate.Ask(t.Context(), q); !a.Allow || a.Class != engine.ClassHandedOn || a.HandedOn.Signer != "central" || a.HandedOn.Epoch.Deny != 1 {
		t.Errorf("%+v", a)
	}
	if a := deaf.Ask(t.Context(), q); a.Allow || a.Class != engine.ClassRule {
		t.Errorf("%+v", a)
	}
	// A newer deny list that says nothing of the image: the verdict was reached under an older one.
	w.must(0, "", "deny", "add", digest.FromString("x").String(), "--list", w.host+"/ops/denylist", "--key", "ops.key", "--reason", "it leaks")
	w.refresh(gate)
	if a := gate.Ask(t.Context(), q); a.Allow || a.Class != engine.ClassRule || a.Epoch.Deny != 2 {
		t.Errorf("%+v", a)
	}
	w.must(14, "under number 1 of the deny list, and 2 is in force", accepting...)
	// Handed on anew it counts again, until the image itself is denied here.
	w.must(0, "", with("--verdict", "verdict.json", "--sign-with", "central.key")...)
	w.attach("cache/shop", image, []byte(w.read("verdict.json")))
	w.must(0, "in a verdict that central handed on", accepting...)
	w.must(0, "", "deny", "add", image.Digest.String(), "--list", w.host+"/ops/denylist", "--key", "ops.key", "--reason", "it leaks")
	w.refresh(gate)
	if a := gate.Ask(t.Context(), q); a.Allow || a.Class != engine.ClassDenied {
		t.Errorf("%+v", a)
	}
	w.must(14, "it leaks", accepting...)
}

// TestNoSecondVerdict: a timer does not pile verdicts up. Where the trust file names the verifier, one that says the same and counts for most
// of its time stands for the next; one that says less, or by somebody else, does not.
func TestNoSecondVerdict(t *testing.T) {
	w := newWorld(t)
	image := w.publish()
	rules := "policy: v1\nname: prod\nversion: %d\nrules:\n  - name: twice\n    match: [\"**\"]\n    require: summary.reproduced\n    message: it was not built twice\n    fix: build it twice\n"
	w.write("policy.yaml", fmt.Sprintf(rules, 3))
	w.write("trust.yaml", "trust: v1\nsigners:\n  release: {keys: [release.pub], roles: [release]}\n  central: {keys: [central.pub], roles: [verifier]}\n  other: {keys: [other.pub], roles: [verifier]}\n")
	hand := func(want, key, life string) {
		t.Helper()
		w.must(0, want, "verify", w.host+"/team/shop@"+image.Digest.String(), "--policy", "policy.yaml", "--trust", "trust.yaml", "--attach-verdict", "--sign-with", key, "--verdict-life", life)
	}
	const attached, stands = "the verdict is attached as sha256:", "no verdict is attached: one that says the same counts until "
	hand(attached, "central.key", "3h")
	hand(stands, "central.key", "3h")
	hand(stands, "central.key", "4h")   // 3 of 4
	hand(attached, "central.key", "5h") // 3 of 5
	hand(stands, "central.key", "6h")   // 5 of 6
	hand(attached, "other.key", "6h")   // another verifier, for whoever believes that one
	hand(stands, "central.key", "6h")   // beside it, too: 5 of 6
	w.write("policy.yaml", fmt.Sprintf(rules, 4))
	hand(attached, "central.key", "1h") // another policy
}

// gate is an engine that stands on what the edge's guard would.
func (w *world) gate(accept bool) *engine.Engine {
	w.t.Helper()
	c := ground.Config{Setup: ground.Setup{Trust: "edge.yaml", Policy: ground.PolicyAt{At: "policy.yaml"}, Client: w.client, Now: time.Now},
		Mirrors: map[string]string{w.host + "/cache": w.host + "/team"}}
	g, err := ground.Open(w.t.Context(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	e, err := engine.New(engine.Config{Gatherer: g, Policy: func(ctx context.Context) (*policy.Policy, error) { return g.Policy(ctx) }, NameOf: g.NameOf, AcceptVerdicts: accept, Refused: time.Millisecond})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(e.Close)
	w.refresh(e)
	return e
}

func (w *world) refresh(e *engine.Engine) {
	w.t.Helper()
	if err := e.Refresh(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// attach puts a bundle beside an image.
func (w *world) attach(repository string, image artifact.Descriptor, bundle []byte) {
	w.t.Helper()
	r, err := w.client.Repository(w.host + "/" + repository)
	if err == nil {
		_, err = r.Attach(w.t.Context(), image, artifact.Bundle(signing.BundleMediaType, bundle, "https://slsa.dev/verification_summary/v1"))
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read(name string) string {
	w.t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(raw)
}
