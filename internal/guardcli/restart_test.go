package guardcli_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/signingtest"
	"github.com/selfsame-build/selfsame/trust"
)

// remote has policy and deny list in the registry, which denies one image.
func (w *world) remote(denied digest.Digest) {
	w.t.Helper()
	w.keys[trust.Policy] = signingtest.NewSigner(w.t, trust.Policy)
	w.write("policy.pub", string(w.keys[trust.Policy].Verifier().PEM()))
	w.signers("release")
	l := provenance.DenyList{Edition: provenance.NewEdition(3, time.Now(), 24*time.Hour)}
	l.Entries = []provenance.DenyEntry{{Digest: denied, Reason: "it leaks", Added: time.Now().UTC().Truncate(time.Second)}}
	s, err := provenance.DenyListStatement(w.host+"/ops/denylist", l)
	w.must(err)
	bundle, err := signing.Sign(w.t.Context(), w.keys[trust.Revoker], s.Payload)
	w.must(err)
	place, err := freshness.OpenPlace(w.client, w.host+"/ops/denylist")
	w.must(err)
	_, err = place.Write(w.t.Context(), bundle)
	w.must(err)
	place, err = freshness.OpenPolicyPlace(w.client, w.host+"/ops/policy")
	w.must(err)
	_, err = freshness.PolicyPublisher{
		Place: place, Signer: w.keys[trust.Policy], Trust: signing.Trust{Keys: []*signing.Verifier{w.keys[trust.Policy].Verifier()}}, Life: 24 * time.Hour,
		Now: time.Now, Sleep: func(context.Context, time.Duration) error { return nil },
	}.Push(w.t.Context(), "policy.yaml", "policy", []byte(rules(1, "spdx")))
	w.must(err)
	w.write("guard.yaml", "guard: v1\ntrust: trust.yaml\npolicy: {from: "+w.host+"/ops/policy}\nstate: state\nsocket: {path: run/guard.sock}\nbreakGlass: glass\nrefresh: 1s\nwatch: 1s\nkeep: {refused: 1s}\n")
}

// signers writes a trust file in which somebody's key is the release key.
func (w *world) signers(release string) {
	w.t.Helper()
	w.write("trust.yaml", "trust: v1\nsigners:\n  release: {keys: ["+release+".pub], roles: [release]}\n  revoker: {keys: [revoker.pub], roles: [revoker]}\n"+
		"  glass: {keys: [break-glass.pub], roles: [break-glass]}\n  rules: {keys: [policy.pub], roles: [policy]}\ndenylist: {list: "+w.host+"/ops/denylist}\n")
}

// TestRestartWhileTheRegistryIsDown: list, policy and evidence are as they were, break-glass opens, and the trust file counts as it is now.
func TestRestartWhileTheRegistryIsDown(t *testing.T) {
	w := newWorld(t)
	good, bad, other := w.push("team/shop"), w.push("team/bad"), w.push("team/other")
	for _, q := range []engine.Question{good, bad} {
		w.sign(q)
	}
	w.remote(bad.Digest)
	w.start()
	w.soon("allowed", func() bool { return w.agent.Ask(t.Context(), good).Allow })
	w.stop()

	w.down.Store(true)
	w.start()
	w.soon("known from before", func() bool { return w.agent.Ask(t.Context(), good).Allow })
	if a := w.agent.Ask(t.Context(), good); a.Epoch.Deny != 3 || a.By.Version != 1 || a.Gathered.IsZero() {
		t.Errorf("%+v", a)
	}
	if a := w.agent.Ask(t.Context(), bad); a.Allow || a.Class != engine.ClassDenied || !strings.Contains(a.Denial(), "it leaks") {
		t.Errorf("on the list: %+v", a)
	}
	w.glass(other)
	w.soon("glass is broken", func() bool { a := w.agent.Ask(t.Context(), other); return a.Allow && a.Class == engine.ClassBreakGlass })
	if !strings.Contains(w.log.String(), "503") {
		t.Error("nobody is told that the registry is down")
	}

	// A key is taken out: whatever it signed does not count, without a registry.
	w.signers("revoker2")
	w.write("revoker2.pub", string(signingtest.NewSigner(t, trust.Release).Verifier().PEM()))
	w.soon("what it signed does not count", func() bool { return !w.agent.Ask(t.Context(), good).Allow })
}

// TestStartWithoutAnyList: where a deny list is asked for and none is known, nothing runs: not what evidence is kept of, and not by
// break-glass, until the registry has answered.
func TestStartWithoutAnyList(t *testing.T) {
	w := newWorld(t)
	good, other := w.push("team/shop"), w.push("team/other")
	w.sign(good)
	w.remote(other.Digest)
	w.write("policy.yaml", rules(1, "spdx"))
	w.write("guard.yaml", "guard: v1\ntrust: trust.yaml\npolicy: {file: policy.yaml}\nstate: state\nsocket: {path: run/guard.sock}\nbreakGlass: glass\nrefresh: 1s\nwatch: 1s\nkeep: {refused: 1s}\n")
	w.start()
	w.soon("allowed", func() bool { return w.agent.Ask(t.Context(), good).Allow })
	w.stop()

	w.must(os.RemoveAll(filepath.Join(w.dir, "state", "lists")))
	w.down.Store(true)
	w.must(os.Rename(w.glass(good), filepath.Join(w.dir, "glass", "good.json")))
	w.glass(other)
	w.start()
	for _, q := range []engine.Question{good, other} {
		w.soon("break-glass is of no use", func() bool {
			a := w.agent.Ask(t.Context(), q)
			if a.Allow {
				t.Fatalf("it may run: %+v", a)
			}
			return strings.Contains(a.Denial(), "is of no use: the deny list cannot be asked")
		})
	}
	w.down.Store(false)
	w.soon("there is a list", func() bool { return w.agent.Ask(t.Context(), good).Allow })
	if a := w.agent.Ask(t.Context(), other); a.Allow || a.Class != engine.ClassDenied {
		t.Errorf("on the list: %+v", a)
	}
}
