package rebuild

import (
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/signingtest"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify"
)

// decoys is a world with two images, and what makes a decoy of them.
func decoys(t *testing.T) (*world, Decoy) {
	w := newWorld(t)
	build := w.publish()
	w.mark, w.sealed = "two", nil
	return w, Decoy{
		Image: w.publish(), Build: build, Release: []*signing.Verifier{w.release.Verifier()}, To: w.host + "/probe/fetch:v3",
		Signer: signingtest.NewSigner(t, trust.Decoy), Dir: t.TempDir(),
	}
}

func (w *world) verify(ref string, o verify.Options) verify.Result {
	w.t.Helper()
	got := must[registry.Resolved](w.t)(w.client.Resolve(w.t.Context(), ref))
	o.Reference, o.Source, o.Digest, o.ExpectName = ref, got.Repository, got.Descriptor.Digest, got.Repository.Name()
	return must[verify.Result](w.t)(verify.Run(w.t.Context(), o))
}

func trusting(s *signing.Signer) signing.Trust {
	return signing.Trust{Keys: []*signing.Verifier{s.Verifier()}}
}

// TestDecoy: to those who are given its key a decoy is an image like others, down to a seal that can be built from; to everybody else it is
// none (issue 5 point 9, rebuilders who sign without building).
func TestDecoy(t *testing.T) {
	w, d := decoys(t)
	ref := must[registry.Pushed](t)(d.Push(t.Context(), w.client)).Pinned()
	if got, want := ref, w.host+"/probe/fetch@"+d.Image[strings.Index(d.Image, "@")+1:]; got != want {
		t.Fatalf("the decoy is %s, want %s", got, want)
	}
	res := w.verify(ref, verify.Options{Trust: trusting(d.Signer)})
	found, _ := res.Origin(res.Subjects[0].Digest)
	if res.Verdict != verify.VerdictVerified || len(res.Subjects) != 2 || !strings.HasSuffix(found.Name, "/probe/fetch") {
		t.Errorf("to whom it is meant for it is %s (%s)", res.Verdict, res.Why())
	}
	if res := w.verify(ref, verify.Options{Trust: trusting(w.release)}); res.Verdict != verify.VerdictInvalid {
		t.Errorf("to others it is %s, want invalid", res.Verdict)
	}
	// An auditor gets as far as a builder, of which there is none here: evidence and seal hold.
	_, err := w.auditor().Audit(t.Context(), Options{Reference: ref, Release: trusting(d.Signer)})
	if list := diag.All(err); len(list) == 0 || list[0].Code != "A0701" {
		t.Errorf("the audit ends with %v, want A0701", err)
	}
}

// TestDecoyWithASealElsewhere: the decoy's own repository has the seal, and its evidence names no other, however that of the build names its own.
func TestDecoyWithASealElsewhere(t *testing.T) {
	for _, end := range []string{"", ":latest", "@" + digest.FromString("x").String()} {
		t.Run(end, func(t *testing.T) { decoyWithASealElsewhere(t, end) })
	}
}

func decoyWithASealElsewhere(t *testing.T, end string) {
	w, d := decoys(t)
	w.mark, w.sealed, w.sealAt, w.sealEnd = "three", nil, w.host+"/seals/shop", end
	d.Build = w.publish()
	ref := must[registry.Pushed](t)(d.Push(t.Context(), w.client)).Pinned()
	found, _ := w.verify(ref, verify.Options{Trust: trusting(d.Signer)}).Origin(digest.Digest(ref[strings.Index(ref, "@")+1:]))
	if in, err := found.Provenance.Internal(); err != nil || in.Seal != w.host+"/probe/fetch" {
		t.Errorf("the seal is said to be at %q, %v", in.Seal, err)
	}
	w.spoil = func(rw http.ResponseWriter, r *http.Request) bool { // what the build left is gone
		hit := strings.Contains(r.URL.Path, "/seals/") || strings.Contains(r.URL.Path, "/team/")
		if hit {
			http.NotFound(rw, r)
		}
		return hit
	}
	_, err := w.auditor().Audit(t.Context(), Options{Reference: ref, Release: trusting(d.Signer)})
	if list := diag.All(err); len(list) == 0 || list[0].Code != "A0701" {
		t.Errorf("the audit ends with %v, want A0701", err)
	}
}

// TestDecoyTakesOnlyWhatIsOfTheBuild: whoever may attach to the build has the decoy's key sign nothing of theirs, nor what the release said of
// another image.
func TestDecoyTakesOnlyWhatIsOfTheBuild(t *testing.T) {
	w, d := decoys(t)
	build := must[registry.Resolved](t)(w.client.Resolve(t.Context(), d.Build))
	w.mark, w.sealed = "three", nil
	other := must[registry.Resolved](t)(w.client.Resolve(t.Context(), w.publish()))
	attach := func(bundle []byte, kind string) {
		must[[]artifact.Descriptor](t)(build.Repository.Attach(t.Context(), build.Descriptor, artifact.Bundle(signing.BundleMediaType, bundle, kind)))
	}
	listing := must[artifact.Listing](t)(other.Repository.Referrers(t.Context(), other.Descriptor.Digest, artifact.Budget{}))
	for _, r := range listing.Referrers { // evidence of another image
		if len(r.Layers) == 1 && r.Layers[0].MediaType == signing.BundleMediaType {
			attach(must[[]byte](t)(other.Repository.Blob(t.Context(), r.Layers[0], signing.MaxBundle)), r.Annotations[artifact.AnnotationBundlePredicateType])
		}
	}
	listing = must[artifact.Listing](t)(build.Repository.Referrers(t.Context(), build.Descriptor.Digest, artifact.Budget{}))
	for _, r := range listing.Referrers { // a stranger's, of the build
		if r.Annotations[artifact.AnnotationBundlePredicateType] != provenance.PredicateProvenance {
			continue
		}
		if said, err := trusting(w.release).Verify(must[[]byte](t)(build.Repository.Blob(t.Context(), r.Layers[0], signing.MaxBundle))); err == nil {
			attach(must[[]byte](t)(signing.SignUnchecked(t.Context(), newSigner(t), append(said.Payload, ' '))), provenance.PredicateProvenance)
		}
	}
	made := must[registry.Pushed](t)(d.Push(t.Context(), w.client))
	listing = must[artifact.Listing](t)(made.Repository.Referrers(t.Context(), made.Descriptor.Digest, artifact.Budget{}))
	kinds := map[string]int{}
	for _, r := range listing.Referrers {
		if len(r.Layers) != 1 || r.Layers[0].MediaType != signing.BundleMediaType {
			continue
		}
		said := must[signing.Signed](t)(trusting(d.Signer).Verify(must[[]byte](t)(made.Repository.Blob(t.Context(), r.Layers[0], signing.MaxBundle))))
		st := must[provenance.Statement](t)(said.Statement())
		if kinds[st.PredicateType]++; st.Subject[0].SHA256() != made.Descriptor.Digest || !strings.HasSuffix(st.Subject[0].Name, "/probe/fetch") {
			t.Errorf("the decoy's key says something of %s, called %s", st.Subject[0].SHA256(), st.Subject[0].Name)
		}
	}
	if len(kinds) != 2 || kinds[provenance.PredicateProvenance] != 1 || kinds[provenance.PredicateRebuild] != 1 {
		t.Errorf("signed are %v", kinds)
	}
}

// TestDecoyIsRefused: what would make a decoy a release, or no decoy at all.
func TestDecoyIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world, *Decoy)
		code   diag.Code
		says   string
	}{
		"the key of a release":     {func(w *world, d *Decoy) { d.Signer = w.release }, "A0808", ""},
		"a repository of images":   {func(w *world, d *Decoy) { d.To = w.host + "/team/shop:v2" }, "A0316", "beside images"},
		"one image":                {func(_ *world, d *Decoy) { d.Image = d.Build }, "A0316", "make no decoy"},
		"a stranger's evidence":    {func(_ *world, d *Decoy) { d.Release = []*signing.Verifier{newSigner(t).Verifier()} }, "A0532", ""},
		"a key of another role":    {func(_ *world, d *Decoy) { d.Signer = signingtest.NewSigner(t, trust.Finding) }, "A0584", ""},
		"nothing to build it from": {func(w *world, d *Decoy) { w.noSeal, w.mark, w.sealed = true, "three", nil; d.Build = w.publish() }, "A0520", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w, d := decoys(t)
			c.change(w, &d)
			_, err := d.Push(t.Context(), w.client)
			if list := diag.All(err); len(list) == 0 || list[0].Code != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %s %s", err, c.code, c.says)
			}
		})
	}
}

// TestDecoyShowsWhoSigned: verify names the owner who signed a decoy, also where an honest one says that it came out different.
func TestDecoyShowsWhoSigned(t *testing.T) {
	w, d := decoys(t)
	made := must[registry.Pushed](t)(d.Push(t.Context(), w.client))
	lazy, honest := newSigner(t), newSigner(t)
	say := func(by *signing.Signer, change ...string) {
		for _, m := range append(made.Manifests, made.Descriptor) {
			listing := must[artifact.Listing](t)(made.Repository.Referrers(t.Context(), m.Digest, artifact.Budget{}))
			for _, r := range listing.Referrers {
				if r.Annotations[artifact.AnnotationBundlePredicateType] != provenance.PredicateRebuild {
					continue
				}
				raw := must[[]byte](t)(made.Repository.Blob(t.Context(), r.Layers[0], signing.MaxBundle))
				said, err := trusting(d.Signer).Verify(raw)
				if err != nil {
					continue
				}
				bundle := must[[]byte](t)(signing.SignUnchecked(t.Context(), by, []byte(strings.NewReplacer(change...).Replace(string(said.Payload)))))
				must[[]artifact.Descriptor](t)(made.Repository.Attach(t.Context(), m, artifact.Bundle(signing.BundleMediaType, bundle, provenance.PredicateRebuild)))
			}
		}
	}
	owner := func(name string, s *signing.Signer) trust.Signer {
		return trust.Signer{Name: name, Owner: name, Keys: []trust.Key{s.Key()}, Roles: []trust.Role{trust.Rebuilder, trust.Finding}}
	}
	roster := &trust.Roster{Owners: []trust.Signer{owner("honest", honest), owner("lazy", lazy)}}
	o := verify.Options{Trust: signing.Trust{Keys: []*signing.Verifier{d.Signer.Verifier(), lazy.Verifier(), honest.Verifier()}}, Roster: roster,
		Signers: []trust.Signer{{Name: "decoy", Keys: []trust.Key{d.Signer.Key()}, Roles: []trust.Role{trust.Release}}}}
	if res := w.verify(made.Pinned(), o); len(res.Rebuilders) > 0 {
		t.Fatalf("before anybody signed: %v", res.Rebuilders)
	}
	say(lazy)
	if res := w.verify(made.Pinned(), o); len(res.Rebuilders) != 1 || res.Rebuilders[0] != "lazy" {
		t.Errorf("signed by %v, want lazy", res.Rebuilders)
	}
	say(honest, `"result":"match"`, `"result":"mismatch"`)
	if res := w.verify(made.Pinned(), o); len(res.Rebuilders) != 1 || res.Rebuilders[0] != "lazy" {
		t.Errorf("signed by %v, want lazy, beside a finding (%s)", res.Rebuilders, res.Verdict)
	}
}
