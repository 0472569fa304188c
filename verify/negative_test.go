package verify

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
)

// The names N6 to N17 are classes of faults that real verifiers had; each comment names an advisory.

type change func(*testing.T, provenance.Subjected) *provenance.Subjected

// only applies c to statements of one kind and leaves the others.
func only(predicateType string, c change) change {
	return func(t *testing.T, s provenance.Subjected) *provenance.Subjected {
		if s.PredicateType != predicateType {
			return &s
		}
		return c(t, s)
	}
}

func swap(old, with string) change {
	return func(t *testing.T, s provenance.Subjected) *provenance.Subjected { return replaced(t, s, old, with) }
}

func drop(*testing.T, provenance.Subjected) *provenance.Subjected { return nil }

// TestSignedButWrong has statements that the right key signed and that still must not do.
func TestSignedButWrong(t *testing.T) {
	prov, reb := provenance.PredicateProvenance, provenance.PredicateRebuild
	cases := []struct {
		name   string
		change change
		want   Verdict
		reason string
	}{
		// CVE-2022-35929, CVE-2022-35930, CVE-2026-39395: another predicate, or none that can be read, passed.
		{"N6 another predicate type", only(prov, swap(prov, "https://slsa.dev/provenance/v0.2")), VerdictMissing, "where the image came from"},
		{"N6 predicate that is no provenance", only(prov, swap(`"buildType":`, `"buildKind":`)), VerdictInvalid, "buildType"},
		// N9: readers that disagree.
		{"N9 type bogus", swap("Statement/v1", "Statement/v9"), VerdictInvalid, "_type"},
		{"N9 type missing", swap(`"_type":"https://in-toto.io/Statement/v1",`, ``), VerdictInvalid, "_type"},
		{"N9 subject in another case", swap(`"subject":`, `"Subject":`), VerdictInvalid, "letters"},
		{"N9 upper-case digest", func(t *testing.T, s provenance.Subjected) *provenance.Subjected {
			hex := s.Subject.Digest.Encoded()
			return replaced(t, s, hex, strings.ToUpper(hex))
		}, VerdictInvalid, "lower-case"},
		{"N9 sha256 of another, sha512 beside", only(prov, func(t *testing.T, s provenance.Subjected) *provenance.Subjected {
			return replaced(t, s, s.Subject.Digest.Encoded(), strings.Repeat("0", 64)+`","sha512":"`+strings.Repeat("ab", 64))
		}), VerdictInvalid, "it is about"},
		{"N9 a second subject", only(prov, swap(`"subject":[`, `"subject":[{"name":"x","digest":{"sha256":"`+strings.Repeat("0", 64)+`"}},`)), VerdictInvalid, "2 subjects"},
		// N12: podman-container-tools/container-libs#1153, a bundle is valid in every repository.
		{"N12 name of another repository", swap(`"name":"`+shop, `"name":"registry.example.com/evil/shop`), VerdictInvalid, "evil"},
		{"N12 no name", swap(`"name":"`+shop+`",`, ``), VerdictInvalid, "no repository"},
		{"N12 name in the rebuild only", only(reb, swap(`"name":"`+shop, `"name":"registry.example.com/evil/shop`)), VerdictNotReproduced, "evil"},
		// N8: GHSA-r2xv-vpr2-42m9, the builder was not checked.
		{"N8 another builder", only(prov, swap("https://selfsame.build/builder/local/v1", "https://example.com/builder")), VerdictInvalid, "no builder of selfsame's"},
		{"N8 another builder that rebuilt", only(reb, swap("https://selfsame.build/builder/local/v1", "https://example.com/builder")), VerdictNotReproduced, "not one of selfsame's"},
		{"another build type", only(prov, swap(provenance.BuildType, "https://example.com/type")), VerdictInvalid, "build type"},
		{"an unknown external parameter", only(prov, swap(`"platforms":[`, `"preScript":"x","platforms":[`)), VerdictInvalid, "unknown field"},
		{"no recipe", only(prov, swap(`"path":"recipe.yaml","digest"`, `"path":"","digest"`)), VerdictInvalid, "no recipe"},
		// The rebuild.
		{"rebuild of other platforms", only(reb, func(t *testing.T, s provenance.Subjected) *provenance.Subjected {
			s.Payload = []byte(strings.ReplaceAll(string(s.Payload), `"platform":"linux/arm64"`, `"platform":"linux/s390x"`))
			return &s
		}), VerdictNotReproduced, "linux/arm64"},
		{"no rebuild", only(reb, drop), VerdictNotReproduced, "no signed rebuild"},
		{"N10 a rebuild that differed", only(reb, swap(`"result":"match"`, `"result":"mismatch"`)), VerdictNotReproduced, "differed"},
		{"only contents equal", only(reb, swap(`"level":"manifest"`, `"level":"diffIDs"`)), VerdictNotReproduced, "not every byte"},
		{"rebuilt digest differs", only(reb, func(t *testing.T, s provenance.Subjected) *provenance.Subjected {
			hex := s.Subject.Digest.Encoded()
			return replaced(t, s, `"rebuilt":{"digest":{"sha256":"`+hex, `"rebuilt":{"digest":{"sha256":"`+strings.Repeat("0", 64))
		}), VerdictNotReproduced, "rebuilt"},
		{"rebuild of another original", only(reb, func(t *testing.T, s provenance.Subjected) *provenance.Subjected {
			hex := s.Subject.Digest.Encoded()
			return replaced(t, s, `"original":{"digest":{"sha256":"`+hex, `"original":{"digest":{"sha256":"`+strings.Repeat("0", 64))
		}), VerdictNotReproduced, "not the subject"},
		{"no axis differed", only(reb, func(t *testing.T, s provenance.Subjected) *provenance.Subjected {
			s.Payload = []byte(strings.ReplaceAll(string(s.Payload), `"state":"measured"`, `"state":"applied"`))
			return &s
		}), VerdictNotReproduced, "no axis"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.publish(func(s provenance.Subjected) *provenance.Subjected { return c.change(t, s) })
			w.must(w.options(), c.want, c.reason)
		})
	}
}

// CVE-2025-25204: exit 0 with nothing to check.
func TestN7NothingAttached(t *testing.T) {
	w := newWorld(t)
	res := w.must(w.options(), VerdictMissing, "nothing is attached")
	if res.ExitCode != diag.ExitMissing {
		t.Errorf("exit code %d", res.ExitCode)
	}
}

func TestN7OnlyJunkAttached(t *testing.T) {
	w := newWorld(t)
	for _, s := range w.statements() {
		w.attachArtifact(s.Subject, artifact.Artifact{ArtifactType: "application/spdx+json", Blob: s.Payload})
	}
	w.must(w.options(), VerdictMissing, "none of them a bundle")
}

func TestForeignSignatureOnly(t *testing.T) {
	w := newWorld(t)
	for _, s := range w.statements() {
		w.attach(s.Subject, w.sign(w.other, s.Payload))
	}
	w.must(w.options(), VerdictInvalid, "another key")
}

// Somebody else's rebuild says nothing: only keys that were given count.
func TestForeignRebuildDoesNotProve(t *testing.T) {
	w := newWorld(t)
	for _, s := range w.statements() {
		signer := w.signer
		if s.PredicateType == provenance.PredicateRebuild {
			signer = w.other
		}
		w.attach(s.Subject, w.sign(signer, s.Payload))
	}
	w.must(w.options(), VerdictNotReproduced, "no signed rebuild")
}

func TestChangedAfterSigning(t *testing.T) {
	w := newWorld(t)
	for _, s := range w.statements() {
		bundle := string(w.sign(w.signer, s.Payload))
		at := strings.Index(bundle, `"payload":"`) + 40
		w.attach(s.Subject, []byte(bundle[:at]+flip(bundle[at])+bundle[at+1:]))
	}
	w.must(w.options(), VerdictInvalid, "does not hold")
}

func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

// N10: stock cosign takes a FAILED summary, signed by the key, as "signed". Here it counts for nothing.
func TestN10NegativeStatementIsNoApproval(t *testing.T) {
	w := newWorld(t)
	for _, s := range w.statements() {
		vsa := replaced(t, s, s.PredicateType, "https://slsa.dev/verification_summary/v1")
		w.attach(s.Subject, w.sign(w.signer, vsa.Payload))
	}
	w.must(w.options(), VerdictMissing, "verification_summary")
}

// N10: a trusted rebuild that failed outweighs any number that passed.
func TestN10MismatchVetoes(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	for _, s := range w.statements() {
		if s.PredicateType == provenance.PredicateRebuild && s.Subject.Digest == w.build.Images[1].Manifest.Digest {
			w.attach(s.Subject, w.sign(w.signer, replaced(t, s, `"result":"match"`, `"result":"mismatch"`).Payload))
		}
	}
	o := w.options()
	w.must(o, VerdictNotReproduced, "differed")
	o.AllowUnreproduced = true // allows the absence of a proof, not a proof of the contrary
	w.must(o, VerdictNotReproduced, "differed")
	o.Budget.Listing.Referrers = 1000
	o.Source = faulty{Source: w.store, listing: func(l artifact.Listing) (artifact.Listing, error) {
		return l, &artifact.IncompleteError{Bound: "one"} // and nothing that was not read takes it back
	}}
	w.must(o, VerdictNotReproduced, "differed")
}

// N11: evidence about the index says nothing of a platform, and the other way round.
func TestN11IndexAndChildSwapped(t *testing.T) {
	w := newWorld(t)
	index, child := w.build.Index, w.build.Images[0].Manifest
	w.publish(func(s provenance.Subjected) *provenance.Subjected {
		switch s.Subject.Digest {
		case index.Digest:
			s.Subject = child
		case child.Digest:
			s.Subject = index
		}
		return &s
	})
	w.must(w.options(), VerdictInvalid, "it is about")
}

func TestN11ChildWithoutEvidence(t *testing.T) {
	w := newWorld(t)
	w.publish(func(s provenance.Subjected) *provenance.Subjected {
		if s.Subject.Digest == w.build.Images[1].Manifest.Digest {
			return nil
		}
		return &s
	})
	w.must(w.options(), VerdictMissing, "nothing is attached")
}

func TestN11IndexListsAnotherSet(t *testing.T) {
	for name, listed := range map[string][]string{
		"more":  {"linux/amd64", "linux/arm64", "linux/riscv64"},
		"fewer": {"linux/amd64"},
		"twice": {"linux/amd64", "linux/arm64", "linux/arm64"},
		"none":  {},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			// The statements vouch for two platforms, under the digest of an index that lists others.
			index, _ := w.addImage(listed...)
			w.build.Index, w.build.IndexTwin = index, index.Digest
			w.publish(nil)
			o := w.options()
			res := w.run(o)
			if res.Verdict != VerdictInvalid && res.Verdict != VerdictMissing {
				t.Errorf("verdict %s\n%s", res.Verdict, text(t, res))
			}
			if c, ok := find(res.Subjects[0], "platforms"); !ok || c.Status != StatusFail {
				t.Errorf("the platforms were not found to differ\n%s", text(t, res))
			}
		})
	}
}

func find(s Subject, check string) (Check, bool) {
	for _, c := range s.Checks {
		if c.Name == check {
			return c, true
		}
	}
	return Check{}, false
}

// N13: genuine provenance of an older image, attached to a newer one.
func TestN13OlderProvenanceReplayed(t *testing.T) {
	w := newWorld(t)
	old := w.statements()
	w.build = w.describe(w.addImage("linux/amd64", "linux/s390x"))
	w.attach(w.build.Index, w.sign(w.signer, old[0].Payload))
	w.attach(w.build.Index, w.sign(w.signer, old[1].Payload))
	o := w.options()
	w.must(o, VerdictInvalid, "it is about")

	// Beside the right one it changes nothing, and is listed.
	w.publish(nil)
	if res := w.must(o, VerdictVerified, ""); len(res.Ignored) != 2 {
		t.Errorf("%d ignored, want the 2 old statements\n%s", len(res.Ignored), text(t, res))
	}
}

// N14: CVE-2022-47633, CVE-2023-33959: another answer than what was asked for.
func TestN14AnotherAnswer(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	o := w.options()
	o.Source = faulty{Source: w.store, manifest: func(d artifact.Descriptor, raw []byte) (artifact.Descriptor, []byte, error) {
		return d, append(raw, ' '), nil
	}}
	_, err := Run(t.Context(), o)
	if diag.ExitCode(err) != diag.ExitUndecided || !strings.Contains(err.Error(), "the answer has the digest") {
		t.Errorf("error %v (exit %d)", err, diag.ExitCode(err))
	}
}

// N15: junk by the hundred neither hides the good evidence nor passes in silence.
func TestN15JunkFlood(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	const junk = 60 // of each kind
	for i := range junk {
		w.attach(w.build.Index, []byte(fmt.Sprintf(`{"junk":%d}`, i)))
		w.attachArtifact(w.build.Index, artifact.Artifact{ArtifactType: "text/plain", Blob: fmt.Append(nil, i)})
		w.attach(w.build.Index, w.sign(w.other, replaced(t, w.statements()[0], "run-1", fmt.Sprint(i)).Payload))
	}
	res := w.must(w.options(), VerdictVerified, "")
	if len(res.Ignored) != 3*junk {
		t.Errorf("%d ignored are listed, want %d", len(res.Ignored), 3*junk)
	}
	for _, x := range res.Ignored {
		if x.Reason == "" || x.Referrer == "" || x.Subject != w.build.Index.Digest {
			t.Fatalf("ignored without saying what and why: %+v", x)
		}
	}
}

// N15: more than the budget is undecided and says so, whatever was seen until then: it could hide a veto.
func TestN15BudgetReached(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	for i := range 20 {
		w.attach(w.build.Index, []byte(fmt.Sprintf(`{"junk":%d}`, i)))
	}
	o := w.options()
	o.Budget.Listing.Referrers = 10
	w.must(o, VerdictUndecided, "10 referrers")

	o = w.options()
	o.Budget.Bytes = 1000
	res := w.must(o, VerdictUndecided, "more than 1000 bytes")
	if res.NotRead == 0 {
		t.Error("nothing counts as not read")
	}

	o = w.options()
	o.Budget.Platforms = 1
	if _, err := Run(t.Context(), o); diag.ExitCode(err) != diag.ExitUndecided {
		t.Errorf("2 platforms with a limit of 1: %v", err)
	}
}

// A single thing that cannot be read could be a veto: undecided, never a success, and not "missing" either.
func TestUnreadableBundleIsUndecided(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	w.attach(w.build.Index, []byte(`{"gone":true}`))
	o := w.options()
	o.Source = faulty{Source: w.store, blob: func(d artifact.Descriptor) ([]byte, error) {
		if d.Size == int64(len(`{"gone":true}`)) {
			return nil, errors.New("502")
		}
		return w.store.Blob(t.Context(), d, d.Size)
	}}
	w.must(o, VerdictUndecided, "502")
}

// N17: a listing may claim anything; only what the referrer's own manifest says counts.
func TestN17ListingLies(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	o := w.options()
	o.Source = faulty{Source: w.store, listing: func(l artifact.Listing) (artifact.Listing, error) {
		for i := range l.Referrers {
			l.Referrers[i].Subject.Digest = w.build.Images[0].Manifest.Digest
		}
		return l, nil
	}}
	w.must(o, VerdictMissing, "is attached to")
}

// N15: a bundle that says it is larger than any of ours is not fetched, and is listed.
func TestN15HugeBundleIsNotRead(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	w.attach(w.build.Index, []byte(`{"huge":true}`))
	huge := int64(len(`{"huge":true}`))
	o := w.options()
	o.Source = faulty{Source: w.store,
		listing: func(l artifact.Listing) (artifact.Listing, error) {
			for i, r := range l.Referrers {
				if r.Layers[0].Size == huge {
					l.Referrers[i].Layers[0].Size = signing.MaxBundle + 1
				}
			}
			return l, nil
		},
		blob: func(d artifact.Descriptor) ([]byte, error) {
			if d.Size > signing.MaxBundle {
				t.Error("the huge bundle was read")
			}
			return w.store.Blob(t.Context(), d, d.Size)
		},
	}
	w.must(o, VerdictVerified, "the limit is")
}

// A listing that names a referrer twice does not make two statements of it.
func TestListedTwiceCountsOnce(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	o := w.options()
	o.Source = faulty{Source: w.store, listing: func(l artifact.Listing) (artifact.Listing, error) {
		l.Referrers = append(l.Referrers, l.Referrers...)
		return l, nil
	}}
	w.must(o, VerdictVerified, "2 statement(s) signed by 1 key(s)")
}

func TestComparePlatforms(t *testing.T) {
	one := image{desc: artifact.Descriptor{Digest: "sha256:1", MediaType: v1.MediaTypeImageManifest}, platform: "linux/amd64", label: "linux/amd64"}
	direct := one
	direct.platform, direct.label = "", "image"
	nested := one
	nested.desc.MediaType = v1.MediaTypeImageIndex
	cases := map[string]struct {
		img   image
		built map[string]string
		ok    bool
	}{
		"index":                     {image{index: true, children: []image{one}}, map[string]string{"linux/amd64": "sha256:1"}, true},
		"index of an index":         {image{index: true, children: []image{nested}}, map[string]string{"linux/amd64": "sha256:1"}, false},
		"child":                     {one, map[string]string{"linux/amd64": "sha256:1"}, true},
		"child under another name":  {one, map[string]string{"linux/arm64": "sha256:1"}, false},
		"child with another digest": {one, map[string]string{"linux/amd64": "sha256:2"}, false},
		"asked for directly":        {direct, map[string]string{"linux/amd64": "sha256:1"}, true},
		"nothing built":             {direct, nil, false},
	}
	for name, c := range cases {
		if err := comparePlatforms(c.img, c.built); (err == nil) != c.ok {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestListingFails(t *testing.T) {
	w := newWorld(t)
	o := w.options()
	o.Source = faulty{Source: w.store, listing: func(artifact.Listing) (artifact.Listing, error) {
		return artifact.Listing{}, errors.New("503")
	}}
	if _, err := Run(t.Context(), o); diag.ExitCode(err) != diag.ExitUndecided {
		t.Errorf("error %v (exit %d), want exit 17", err, diag.ExitCode(err))
	}
}

// Every byte of a bundle, changed: either it does not verify, or the very same statement was read (an unsigned hint moved).
func TestNoByteOfABundleMayChange(t *testing.T) {
	w := newWorld(t)
	img := image{desc: w.build.Index}
	bundle := w.sign(w.signer, w.statements()[0].Payload)
	read := func(b []byte) []statement {
		e := evidence{}
		e.open(w.options(), img, artifact.Referrer{Layers: []artifact.Descriptor{{}}}, b)
		return e.trusted
	}
	original := read(bundle)
	if len(original) != 1 {
		t.Fatal("the untouched bundle does not verify")
	}
	refused := 0
	for at := range bundle {
		spoilt := append([]byte(nil), bundle...)
		spoilt[at] ^= 0x01
		got := read(spoilt)
		if len(got) == 0 {
			refused++
			continue
		}
		if diff := cmp.Diff(original[0].Statement, got[0].Statement); diff != "" {
			t.Fatalf("byte %d changed what was read (-signed +read):\n%s", at, diff)
		}
	}
	if refused < len(bundle)*9/10 {
		t.Errorf("only %d of %d changes were refused", refused, len(bundle))
	}
}
