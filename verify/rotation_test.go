package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/test/sigstore"
	"github.com/selfsame-build/selfsame/trust"
)

// rotation is a release that outlives the key, or the instance of sigstore, that vouches for it.
type rotation struct {
	*world
	i    *sigstore.Instance
	dir  string // with trust.yaml, keys and trusted_root.json
	name string // of the trust file
}

func newRotation(t *testing.T) *rotation {
	t.Helper()
	return &rotation{world: newWorld(t), i: sigstore.Start(t), dir: t.TempDir(), name: "trust.yaml"}
}

func (r *rotation) write(name string, data []byte) string {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

func (r *rotation) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// signedBy is the image with its evidence by one signer, in a layout of its own.
func (r *rotation) signedBy(s *signing.Signer) *layout.Layout {
	r.t.Helper()
	w := newWorld(r.t)
	list := w.statements()
	bundles, errs := make([][]byte, len(list)), make([]error, len(list))
	var all sync.WaitGroup
	for n, st := range list { // at once: a log keeps each waiting for its next checkpoint
		all.Go(func() { bundles[n], errs[n] = signing.SignUnchecked(r.t.Context(), s, st.Payload) })
	}
	all.Wait()
	r.must(errors.Join(errs...))
	for n, st := range list {
		w.attach(st.Subject, bundles[n])
	}
	return w.store
}

// stamped is a key in a file NAME.pub, whose signatures the instance stamps.
func (r *rotation) stamped(name string, role trust.Role) *signing.Signer {
	r.t.Helper()
	s := newSigner(r.t).For(role)
	r.write(name+".pub", s.Verifier().PEM())
	instance, root := described(r.t, r.i, func(c map[string]any) { delete(c, "rekorTlogUrls") })
	s, err := s.Stamped(signing.StampOptions{Instance: instance, Root: root, Now: time.Now})
	r.must(err)
	return s
}

// described is an instance as its users know it, as change leaves it.
func described(t *testing.T, i *sigstore.Instance, change func(config map[string]any)) (*signing.Instance, *signing.Root) {
	t.Helper()
	raw, err := os.ReadFile(i.SigningConfig)
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(raw, &config); err != nil {
		t.Fatal(err)
	}
	change(config)
	instance, err := signing.LoadInstance(mustJSON(t, config))
	if err != nil {
		t.Fatal(err)
	}
	root, err := signing.LoadRoot(i.Root(t))
	if err != nil {
		t.Fatal(err)
	}
	return instance, root
}

// verify is what `selfsame verify --trust` does, of an image in a layout.
func (r *rotation) verify(store artifact.Source, want Verdict, reason string) {
	r.t.Helper()
	o := r.options()
	o.Source, o.Trust.Keys = store, nil
	_, err := o.UseTrust(filepath.Join(r.dir, r.name), time.Now())
	r.must(err)
	if o.TrustedRoot != "" {
		raw, err := os.ReadFile(o.TrustedRoot)
		r.must(err)
		o.Trust.Root, err = signing.LoadRoot(raw)
		r.must(err)
	}
	r.world.must(o, want, reason)
}

// after waits until a moment, in whole seconds as trust files have them, is over.
func after(t *testing.T, at time.Time) {
	t.Helper()
	select {
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	case <-time.After(time.Until(at) + 50*time.Millisecond):
	}
}

// soon is the next whole second but one: what was signed until now lies before it.
func soon() time.Time { return time.Now().UTC().Truncate(time.Second).Add(2 * time.Second) }

// TestRotationOfAKey: the way of docs/how-to/rotate.md. What the first key signed in its time stays good; what it signs later counts for
// nothing, be it stamped or not; the second key's counts.
func TestRotationOfAKey(t *testing.T) {
	r := newRotation(t)
	r.write("trusted_root.json", r.i.Root(t))
	one := r.stamped("one", trust.Release)
	release, bare := r.signedBy(one), newSigner(t)
	r.write("bare.pub", bare.Verifier().PEM())

	// Before: no windows.
	r.write("trust.yaml", []byte("trust: v1\nsigstore: trusted_root.json\nsigners:\n  release: {keys: [one.pub, bare.pub], roles: [release]}\n"))
	r.verify(release, VerdictVerified, "as a trusted party says")
	unstamped := r.signedBy(bare)
	r.verify(unstamped, VerdictVerified, "")

	end := soon()
	r.write("trust.yaml", fmt.Appendf(nil, `trust: v1
sigstore: trusted_root.json
signers:
  release-1: {keys: [one.pub, bare.pub], roles: [release], owner: shop, until: %s}
  release-2: {keys: [two.pub], roles: [release], owner: shop, from: %[1]s}
`, end.Format(time.RFC3339)))
	two := r.stamped("two", trust.Release)
	early := r.signedBy(two)
	after(t, end)
	late, next := r.signedBy(one), r.signedBy(two)
	r.verify(release, VerdictVerified, "")
	r.verify(next, VerdictVerified, "")
	r.verify(late, VerdictInvalid, "and release-1 counted until "+end.Format(time.RFC3339))
	r.verify(early, VerdictInvalid, "and release-2 counted from "+end.Format(time.RFC3339))
	r.verify(unstamped, VerdictInvalid, "time not known")

	// Whoever stole the first key and keeps an old release's times: they are for another signature, so that they say nothing.
	r.verify(r.moved(release, r.signedBy(bare)), VerdictInvalid, "time not known")
	// Without the trusted root nobody says when.
	r.write("trust.yaml", fmt.Appendf(nil, "trust: v1\nsigners:\n  release-1: {keys: [one.pub], roles: [release], until: %s}\n", end.Format(time.RFC3339)))
	r.verify(release, VerdictInvalid, "time not known")
}

// moved is to, in which every bundle has the times and log entries of one of from's.
func (r *rotation) moved(from, to *layout.Layout) *layout.Layout {
	r.t.Helper()
	read := func(l *layout.Layout, subject artifact.Descriptor) []map[string]any {
		listing, err := l.Referrers(r.t.Context(), subject.Digest, artifact.Budget{})
		r.must(err)
		var out []map[string]any
		for _, f := range listing.Referrers {
			raw, err := l.Blob(r.t.Context(), f.Layers[0], signing.MaxBundle)
			r.must(err)
			var b map[string]any
			r.must(json.Unmarshal(raw, &b))
			out = append(out, b)
		}
		return out
	}
	w := newWorld(r.t)
	for _, subject := range []artifact.Descriptor{w.build.Index, w.build.Images[0].Manifest, w.build.Images[1].Manifest} {
		old := read(from, subject)
		for n, b := range read(to, subject) {
			material := b["verificationMaterial"].(map[string]any)
			for _, part := range []string{"timestampVerificationData", "tlogEntries"} {
				material[part] = old[n]["verificationMaterial"].(map[string]any)[part]
			}
			w.attach(subject, mustJSON(r.t, b))
		}
	}
	return w.store
}

// TestRotationOfTheRoot: certificate authority, timestamp authority and log of an instance are replaced while the first keep their time.
func TestRotationOfTheRoot(t *testing.T) {
	r := newRotation(t)
	const who = "release@selfsame.example"
	keyless := func(i *sigstore.Instance) *signing.Signer {
		instance, root := described(t, i, func(map[string]any) {})
		s, err := signing.NewKeyless(signing.KeylessOptions{Instance: instance, Root: root, Now: time.Now, Token: func(context.Context) (signing.Token, error) {
			return signing.ParseToken(i.Issuer.Token(t, who, nil))
		}})
		r.must(err)
		return s
	}
	r.write("trust.yaml", fmt.Appendf(nil, "trust: v1\nsigstore: trusted_root.json\nsigners:\n  release:\n    identities: [{issuer: %q, subject: %s}]\n    roles: [release]\n", r.i.Issuer.URL, who))
	before := r.i.Root(t)
	release, end := r.signedBy(keyless(r.i)), soon()
	after(t, end.Add(time.Second))   // these windows have their end in them, and timestamps whole seconds
	late := r.signedBy(keyless(r.i)) // by who has the first instance's keys still
	r.write("trusted_root.json", before)
	r.verify(release, VerdictVerified, "")
	r.verify(late, VerdictVerified, "")

	// Each of the three bounds what the others say.
	for _, part := range []string{sigstore.CAs, sigstore.TSAs, sigstore.Logs} {
		r.write("trusted_root.json", sigstore.Rotated(t, before, nil, end, part))
		r.verify(release, VerdictVerified, "")
		r.verify(late, VerdictInvalid, "")
	}
	second := r.i.Replace(t)
	all := []string{sigstore.CAs, sigstore.TSAs, sigstore.Logs}
	r.write("trusted_root.json", sigstore.Rotated(t, before, second.Root(t), end, all...))
	next := r.signedBy(keyless(second))
	r.verify(release, VerdictVerified, who)
	r.verify(next, VerdictVerified, who)
	r.verify(late, VerdictInvalid, "")
	// Who has not got the new file yet refuses what is new, and nothing old.
	r.write("trusted_root.json", before)
	r.verify(release, VerdictVerified, "")
	r.verify(next, VerdictInvalid, "")
	// And the new instance's own file is not enough: it forgets the first.
	r.write("trusted_root.json", second.Root(t))
	r.verify(next, VerdictVerified, "")
	r.verify(release, VerdictInvalid, "")
}

// TestRotationOfLists: a deny list and a release index go on under their signers' next keys, with the numbers that verifiers have seen.
func TestRotationOfLists(t *testing.T) {
	r := newRotation(t)
	r.write("trusted_root.json", r.i.Root(t))
	release := newSigner(t)
	r.write("release.pub", release.Verifier().PEM())
	store := r.signedBy(release)
	list := filepath.Join(r.dir, "deny.json")
	place, err := freshness.OpenPlace(nil, list)
	r.must(err)
	memory := &freshness.Memory{Dir: filepath.Join(r.dir, "seen")}
	publisher := func(s *signing.Signer, others ...*signing.Signer) freshness.Publisher {
		p := freshness.Publisher{Place: place, Signer: s, Life: time.Hour, Now: time.Now, Sleep: func(context.Context, time.Duration) error { return nil }, Jitter: func() float64 { return 0 }}
		for _, o := range append(others, s) {
			p.Trust.Keys = append(p.Trust.Keys, o.Verifier())
		}
		return p
	}
	indexer := func(s *signing.Signer, others ...*signing.Signer) freshness.Indexer {
		x := freshness.Indexer{Signer: s, Of: signing.Trust{Keys: []*signing.Verifier{release.Verifier()}}, Life: time.Hour, Now: time.Now()}
		for _, o := range others {
			x.Before.Keys = append(x.Before.Keys, o.Verifier())
		}
		return x
	}
	subjects := []artifact.Descriptor{r.build.Index, r.build.Images[0].Manifest, r.build.Images[1].Manifest}
	same := func(e []provenance.DenyEntry) []provenance.DenyEntry { return e }
	// lists says what a verifier with a memory makes of both lists under the trust file; the sequence number, or a code.
	lists := func() (string, string) {
		t.Helper()
		o := r.options()
		o.Trust.Keys = nil
		_, err := o.UseTrust(filepath.Join(r.dir, r.name), time.Now())
		r.must(err)
		raw, err := os.ReadFile(o.TrustedRoot)
		r.must(err)
		o.Trust.Root, err = signing.LoadRoot(raw)
		r.must(err)
		d := freshness.Demand{Trust: o.Trust, Counts: o.Speaks(trust.Revoker), Now: time.Now(), Memory: memory}
		denied, index := "", ""
		if l, err := freshness.OpenDenyList(t.Context(), place, d); err == nil {
			denied = fmt.Sprint(l.Sequence)
		}
		d.Counts = o.Speaks(trust.Indexer)
		if x, err := freshness.OpenIndex(t.Context(), freshness.IndexQuestion{Source: store, Image: r.build.Index.Digest, Name: shop}, d); err == nil {
			index = fmt.Sprint(x.Sequence)
		}
		return denied, index
	}
	must := func(when, denied, index string) {
		t.Helper()
		if d, i := lists(); d != denied || i != index {
			t.Errorf("%s: deny list %q, want %q; index %q, want %q", when, d, denied, i, index)
		}
	}
	file := func(ops1, ops2 string) {
		r.write("trust.yaml", fmt.Appendf(nil, `trust: v1
sigstore: trusted_root.json
signers:
  release: {keys: [release.pub], roles: [release]}
  ops-1: {keys: [revoker-1.pub, indexer-1.pub], roles: [revoker, indexer]%s}
  ops-2: {keys: [revoker-2.pub, indexer-2.pub], roles: [revoker, indexer]%s}
`, ops1, ops2))
	}
	revoker1, indexer1 := r.stamped("revoker-1", trust.Revoker), r.stamped("indexer-1", trust.Indexer)
	revoker2, indexer2 := r.stamped("revoker-2", trust.Revoker), r.stamped("indexer-2", trust.Indexer)
	_, err = publisher(revoker1).Create(t.Context(), "denylist")
	r.must(err)
	_, err = indexer(indexer1).Renew(t.Context(), store, store, shop, subjects)
	r.must(err)
	file("", "")
	must("under the first keys", "1", "1")

	end := soon()
	file(", until: "+end.Format(time.RFC3339), ", from: "+end.Format(time.RFC3339))
	must("before the end", "1", "1")
	after(t, end)
	must("what was signed in time is good until it ends by itself", "1", "1")
	// The next key cannot go on alone: it knows nothing of the list before.
	if _, err := publisher(revoker2).Change(t.Context(), true, same); err == nil {
		t.Error("a list of a stranger was built upon")
	}
	_, err = publisher(revoker2, revoker1).Change(t.Context(), true, same)
	r.must(err)
	_, err = indexer(indexer2, indexer1).Renew(t.Context(), store, store, shop, subjects)
	r.must(err)
	must("under the next keys", "2", "2")
	// Whoever has the first keys still cannot go on with the lists.
	_, err = publisher(revoker1, revoker2).Change(t.Context(), true, same)
	r.must(err)
	_, err = indexer(indexer1, indexer2).Renew(t.Context(), store, store, shop, subjects)
	r.must(err)
	must("the first keys, late", "", "2")
}
