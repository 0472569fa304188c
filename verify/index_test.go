package verify

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// indexed is a world with an indexer.
type indexed struct {
	*world
	indexer *signing.Signer
	memory  *freshness.Memory
}

func newIndexed(t *testing.T) indexed {
	w := indexed{newWorld(t), newSigner(t).For(trust.Indexer), &freshness.Memory{Dir: t.TempDir()}}
	w.publish(nil)
	return w
}

// renew publishes the next index in to.
func (w indexed) renew(to artifact.Store, change func(*freshness.Indexer)) (*freshness.Index, error) {
	x := freshness.Indexer{
		Signer: w.indexer, Of: signing.Trust{Keys: []*signing.Verifier{w.signer.Verifier()}}, Life: 24 * time.Hour, Now: noon,
	}
	if change != nil {
		change(&x)
	}
	subjects := []artifact.Descriptor{w.build.Index}
	for _, i := range w.build.Images {
		subjects = append(subjects, i.Manifest)
	}
	return x.Renew(w.t.Context(), w.store, to, shop, subjects)
}

func (w indexed) mustRenew() *freshness.Index {
	w.t.Helper()
	x, err := w.renew(w.store, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return x
}

func (w indexed) demanding() Options {
	o := w.options()
	o.Index = &IndexOptions{Demand: freshness.Demand{
		Trust: signing.Trust{Keys: []*signing.Verifier{w.indexer.Verifier()}}, Now: noon.Add(time.Hour), Memory: w.memory,
	}}
	return o
}

// hiding is the store without what a registry has deleted.
func (w indexed) hiding(hide func(artifact.Referrer) bool) artifact.Source {
	return faulty{Source: w.store, listing: func(l artifact.Listing) (artifact.Listing, error) {
		var kept []artifact.Referrer
		for _, r := range l.Referrers {
			if !hide(r) {
				kept = append(kept, r)
			}
		}
		l.Referrers = kept
		return l, nil
	}}
}

// TestN13DeletedStatement: a veto that the registry deletes is missed where an index lists it, and only there.
func TestN13DeletedStatement(t *testing.T) {
	w := newIndexed(t)
	var veto []byte
	for _, s := range w.statements() {
		if s.PredicateType == provenance.PredicateRebuild && s.Subject.Digest == w.build.Index.Digest {
			veto = w.sign(w.signer, replaced(t, s, `"result":"match"`, `"result":"mismatch"`).Payload)
		}
	}
	w.attach(w.build.Index, veto)
	if x := w.mustRenew(); len(x.Statements) != 7 || x.Sequence != 1 {
		t.Fatalf("%d statements, sequence %d", len(x.Statements), x.Sequence)
	}
	o := w.demanding()
	w.must(o, VerdictNotReproduced, "differed")
	o.Source = w.hiding(func(r artifact.Referrer) bool { return r.Layers[0].Digest == digest.FromBytes(veto) })
	res := w.must(o, VerdictMissing, "1 of 7 statement(s) that it lists are gone, first "+digest.FromBytes(veto).String()[:30])
	if res.ExitCode != diag.ExitMissing {
		t.Errorf("exit %d", res.ExitCode)
	}
	o.Index = nil
	w.must(o, VerdictVerified, "")
}

// TestReleaseIndex changes one thing at a time.
func TestReleaseIndex(t *testing.T) {
	w := newIndexed(t)
	o := w.demanding()
	w.must(o, VerdictMissing, "in "+w.store.Name()+" is missing")
	first := w.mustRenew()
	res := w.must(o, VerdictVerified, "all 6 statement(s) that it lists are there; sequence 1")
	if len(res.Lists) != 1 || res.Lists[0].Stateless {
		t.Errorf("%+v", res.Lists)
	}
	second := w.mustRenew()
	if second.Sequence != 2 {
		t.Errorf("sequence %d", second.Sequence)
	}
	w.must(o, VerdictVerified, "not older than 1, seen before")
	only := func(keep digest.Digest, others ...digest.Digest) artifact.Source {
		return w.hiding(func(r artifact.Referrer) bool {
			for _, d := range others {
				if r.Layers[0].Digest == d && d != keep {
					return true
				}
			}
			return false
		})
	}
	o.Source = only(first.Bundle, first.Bundle, second.Bundle)
	w.must(o, VerdictUndecided, "an older one than was seen before")
	o.Index.Demand.Memory = nil
	w.must(o, VerdictVerified, "stateless: an older list")
	o.Index.Demand.Minimum = 2
	w.must(o, VerdictUndecided, "less than the minimum, 2")
	o = w.demanding()
	o.Index.Demand.Now = noon.Add(24 * time.Hour)
	w.must(o, VerdictUndecided, "expired")
	o = w.demanding()
	o.Index.Demand.Trust = signing.Trust{Keys: []*signing.Verifier{w.other.Verifier()}}
	w.must(o, VerdictMissing, "is missing")
	o = w.demanding()
	o.ExpectName = ""
	w.must(o, VerdictVerified, "")
	// A newer index that has ended is not passed over for an older one that has not.
	if _, err := w.renew(w.store, func(x *freshness.Indexer) { x.Life = time.Minute }); err != nil {
		t.Fatal(err)
	}
	w.must(w.demanding(), VerdictUndecided, "expired")
}

// TestIndexIsNotTheWayToForget: renewing after a deletion fails, unless it is said on purpose.
func TestIndexIsNotTheWayToForget(t *testing.T) {
	w := newIndexed(t)
	x := w.mustRenew()
	lost := x.Statements[0]
	all := w.store
	hidden := indexed{w.world, w.indexer, w.memory}
	source := w.hiding(func(r artifact.Referrer) bool { return r.Layers[0].Digest == lost.Bundle })
	renew := func(drop ...digest.Digest) error {
		i := freshness.Indexer{Signer: w.indexer, Of: hidden.options().Trust, Life: time.Hour, Now: noon, Drop: drop}
		_, err := i.Renew(t.Context(), source, all, shop, []artifact.Descriptor{w.build.Index, w.build.Images[0].Manifest, w.build.Images[1].Manifest})
		return err
	}
	if err := renew(); diag.ExitCode(err) != diag.ExitMissing {
		t.Errorf("without --drop: %v", err)
	}
	if err := renew(lost.Bundle); err != nil {
		t.Errorf("with --drop: %v", err)
	}
}

// TestIndexElsewhere: an owner publishes its index in a place that the image's registry does not own, where the image is not.
func TestIndexElsewhere(t *testing.T) {
	w := newIndexed(t)
	owned, err := layout.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o := w.demanding()
	w.must(o, VerdictMissing, "is missing")
	// The series in the two places are two, also in a memory.
	w.mustRenew()
	w.mustRenew()
	w.must(o, VerdictVerified, "sequence 2")
	if _, err := w.renew(owned, func(x *freshness.Indexer) { x.Memory = w.memory }); err != nil {
		t.Fatal(err)
	}
	o.Index.Source = owned
	w.must(o, VerdictVerified, "all 6 statement(s)")
	o.Source = w.hiding(func(r artifact.Referrer) bool {
		return r.Annotations[artifact.AnnotationBundlePredicateType] == "" && r.Subject.Digest == w.build.Images[0].Manifest.Digest
	})
	o.AllowUnreproduced = true
	w.must(o, VerdictMissing, "are gone")

	// As a roster calls it, for one owner.
	q := freshness.IndexQuestion{Source: owned, Image: w.build.Index.Digest, Name: shop, Owner: "acme"}
	check, list, _ := checkIndexOf(context.Background(), "release index of acme", q, o.Index.Demand, Present{})
	if check.Status != StatusFail || check.verdict != VerdictMissing || check.Name != "release index of acme" || list == nil {
		t.Errorf("%+v, %v", check, list)
	}
}

// TestIndexOfJunk: what others attached is not listed, and an index of theirs does not count.
func TestIndexOfJunk(t *testing.T) {
	w := newIndexed(t)
	w.attach(w.build.Index, w.sign(w.other, w.statements()[0].Payload))
	w.attach(w.build.Index, []byte(`{"junk":1}`))
	if x := w.mustRenew(); len(x.Statements) != 6 {
		t.Errorf("%d statements are listed", len(x.Statements))
	}
	forged := indexed{w.world, w.other.For(trust.Indexer), w.memory}
	if _, err := forged.renew(w.store, func(x *freshness.Indexer) { x.Sequence = 100 }); err != nil {
		t.Fatal(err)
	}
	w.must(w.demanding(), VerdictVerified, "sequence 1")
	_, err := w.renew(w.store, func(x *freshness.Indexer) { x.Of = signing.Trust{} })
	if diag.ExitCode(err) != diag.ExitMissing {
		t.Errorf("an index of nothing: %v", err)
	}
}

// TestOwnersIndex: what an owner of the roster has said is listed where the image's registry cannot reach it. A finding that was deleted
// there is missed, and so is the owner's index itself.
func TestOwnersIndex(t *testing.T) {
	w := newIndexed(t)
	elsewhere, err := layout.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	finder := newSigner(t)
	i := slices.IndexFunc(w.statements(), func(s provenance.Subjected) bool { return s.PredicateType == provenance.PredicateRebuild })
	finding := replaced(t, w.statements()[i], `"result":"match"`, `"result":"mismatch"`)
	bundle := w.sign(finder, finding.Payload)
	w.attach(finding.Subject, bundle)

	o := w.options()
	o.Signers = []trust.Signer{
		{Name: "release", Roles: []trust.Role{trust.Release}, Keys: []trust.Key{w.signer.Key()}},
		{Name: "qa", Owner: "qa", Roles: []trust.Role{trust.Rebuilder, trust.Finding}, Keys: []trust.Key{finder.Key()}},
	}
	o.Trust.Keys = append(o.Trust.Keys, finder.Verifier())
	o.OwnerIndexes = []OwnerIndex{{Owner: "qa", IndexOptions: IndexOptions{Source: elsewhere, Demand: freshness.Demand{
		Trust: signing.Trust{Keys: []*signing.Verifier{w.indexer.Verifier()}}, Now: noon.Add(time.Hour), Memory: w.memory,
	}}}}
	deleted := o
	deleted.Source = w.hiding(func(r artifact.Referrer) bool { return r.Layers[0].Digest == digest.FromBytes(bundle) })
	w.must(deleted, VerdictMissing, "release index of qa")
	if _, err := w.renew(elsewhere, func(x *freshness.Indexer) {
		x.Of = signing.Trust{Keys: []*signing.Verifier{finder.Verifier()}}
	}); err != nil {
		t.Fatal(err)
	}
	w.must(deleted, VerdictMissing, "1 of 1 statement(s) that it lists are gone")
	w.must(o, VerdictNotReproduced, "differed")
	late := deleted
	late.OwnerIndexes = []OwnerIndex{o.OwnerIndexes[0]}
	late.OwnerIndexes[0].Demand.Now = noon.Add(48 * time.Hour)
	w.must(late, VerdictUndecided, "does not count")
	without := deleted
	without.OwnerIndexes = nil
	w.must(without, VerdictVerified, "") // what the index is for
}

// TestListsOfATrustFile: in lists that a trust file names, the signers with the role speak, and nobody else whose signature holds.
func TestListsOfATrustFile(t *testing.T) {
	w := newIndexed(t)
	w.mustRenew()
	o := w.options()
	o.Trust.Keys = append(o.Trust.Keys, w.indexer.Verifier(), w.other.Verifier())
	o.Signers = []trust.Signer{
		{Name: "release", Roles: []trust.Role{trust.Release}, Keys: []trust.Key{w.signer.Key()}},
		{Name: "clerk", Roles: []trust.Role{trust.Indexer}, Keys: []trust.Key{w.indexer.Key()}},
		{Name: "qa", Roles: []trust.Role{trust.Finding}, Keys: []trust.Key{w.other.Key()}},
	}
	demand := freshness.Demand{Trust: o.Trust, Counts: o.Speaks(trust.Indexer), Now: noon.Add(time.Hour), Memory: w.memory}
	o.Index = &IndexOptions{Demand: demand}
	w.must(o, VerdictVerified, "sequence 1")
	// A newer one by somebody who may say other things only.
	forged := indexed{w.world, w.other.For(trust.Indexer), w.memory}
	if _, err := forged.renew(w.store, func(x *freshness.Indexer) { x.Sequence = 100 }); err != nil {
		t.Fatal(err)
	}
	w.must(o, VerdictVerified, "sequence 1")
	o.Signers[1].Roles = []trust.Role{trust.Promoter}
	o.Index.Demand.Counts = o.Speaks(trust.Indexer)
	w.must(o, VerdictMissing, "is missing")
}

// TestIndexesOfOneNumber: two who renewed at the same time have each listed what they saw. All of it must be there, whatever the order in
// which the registry lists them; and so for whoever follows them.
func TestIndexesOfOneNumber(t *testing.T) {
	w := newIndexed(t)
	for _, gone := range []string{"one", "another"} {
		s, err := provenance.ReleaseIndexStatement(shop, w.build.Index, provenance.ReleaseIndex{
			Edition:    provenance.NewEdition(5, noon, 24*time.Hour),
			Statements: []provenance.IndexedStatement{{Bundle: digest.FromString(gone), Subject: w.build.Index.Digest, PredicateType: provenance.PredicateRebuild}},
		})
		if err != nil {
			t.Fatal(err)
		}
		w.attach(w.build.Index, w.sign(w.indexer, s.Payload))
	}
	o := w.demanding()
	o.Index.Demand.Memory = nil
	w.must(o, VerdictMissing, "2 of 2 statement(s) that it lists are gone")
	if _, err := w.renew(w.store, nil); err == nil || !strings.Contains(err.Error(), "2 statement(s) that index 5 lists are gone") {
		t.Errorf("%v", err)
	}
}

// TestIndexAmongTooMuch: what is attached to an image is not read without end.
func TestIndexAmongTooMuch(t *testing.T) {
	w := newIndexed(t)
	w.mustRenew()
	o := w.demanding()
	o.Index.Demand.Memory = nil
	junk := faulty{Source: w.store, listing: func(l artifact.Listing) (artifact.Listing, error) {
		for i := range 1<<30/signing.MaxBundle + 1 {
			l.Referrers = append(l.Referrers, artifact.Referrer{Layers: []artifact.Descriptor{{
				MediaType: signing.BundleMediaType, Digest: digest.FromString(strconv.Itoa(i)), Size: signing.MaxBundle}}})
		}
		return l, nil
	}}
	junk.blob = func(d artifact.Descriptor) ([]byte, error) {
		if d.Size == signing.MaxBundle {
			return []byte("{}"), nil
		}
		return w.store.Blob(t.Context(), d, d.Size)
	}
	o.Index.Source = junk
	w.must(o, VerdictUndecided, "bytes are attached")
}

// TestIndexOfADeniedSigner: whoever stole an indexer's key deletes a finding, and signs an index that does not list it. Once the deny list
// names the key, no index counts that it signed, beside the image or of an owner of the roster, and nothing passes until another indexer has
// signed one.
func TestIndexOfADeniedSigner(t *testing.T) {
	w := newIndexed(t)
	w.mustRenew()
	stolen := trust.Party{Key: trust.Key{Hint: w.indexer.Key().Hint}}
	o := w.demanding()
	w.must(o, VerdictVerified, "sequence 1")
	o.Deny = denyList(t, newSigner(t), nil, provenance.DenyEntry{Signer: &stolen})
	w.must(o, VerdictMissing, "one is denied, signer key "+stolen.Key.Hint)
	o.OwnerIndexes = []OwnerIndex{{Owner: "qa", IndexOptions: IndexOptions{Source: w.store, Demand: o.Index.Demand}}}
	o.Index = nil
	w.must(o, VerdictMissing, "release index of qa")
	heir := indexed{w.world, newSigner(t).For(trust.Indexer), w.memory}
	if _, err := heir.renew(w.store, func(x *freshness.Indexer) { x.Sequence = 100 }); err != nil {
		t.Fatal(err)
	}
	o.Index = &IndexOptions{Demand: heir.demanding().Index.Demand}
	o.OwnerIndexes = nil
	w.must(o, VerdictVerified, "sequence 100")
}
