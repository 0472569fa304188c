package verify

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/recipes/lock"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// denyList signs and opens a list of these entries.
func denyList(t *testing.T, by *signing.Signer, memory *freshness.Memory, entries ...provenance.DenyEntry) *freshness.DenyList {
	t.Helper()
	for i := range entries {
		entries[i].Reason, entries[i].Added = "it leaks", noon
	}
	s, err := provenance.DenyListStatement("registry.example.com/ops/denylist", provenance.DenyList{
		Edition: provenance.NewEdition(7, noon, 24*time.Hour), Entries: entries,
	})
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := signing.SignUnchecked(t.Context(), by, s.Payload)
	if err != nil {
		t.Fatal(err)
	}
	place, err := freshness.OpenPlace(nil, filepath.Join(t.TempDir(), "deny.json"))
	if err == nil {
		_, err = place.Write(t.Context(), bundle)
	}
	if err != nil {
		t.Fatal(err)
	}
	l, err := freshness.OpenDenyList(t.Context(), place, freshness.Demand{
		Trust: signing.Trust{Keys: []*signing.Verifier{by.Verifier()}}, Now: noon, Memory: memory,
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestDenied has an image whose evidence is all that it should be, and a list that takes something of it back.
func TestDenied(t *testing.T) {
	w := newWorld(t)
	w.build.Lock.Entries = []lock.Entry{
		{Kind: lock.KindImage, Key: "debian:12", Digest: digest.FromString("base")},
		{Kind: lock.KindResponse, Key: "https://example.com/left-pad.tgz", Digest: digest.FromString("left-pad"), PURL: "pkg:npm/left-pad@1.3.0"},
	}
	w.publish(nil)
	key := trust.Party{Key: trust.Key{Hint: w.signer.Key().Hint}}
	other := trust.Party{Key: trust.Key{Hint: w.other.Key().Hint}}
	revoker := newSigner(t)
	for name, c := range map[string]struct {
		entry provenance.DenyEntry
		want  Verdict
		says  string
	}{
		"nothing of it":         {provenance.DenyEntry{Digest: digest.FromString("x")}, VerdictVerified, "registry.example.com/ops/denylist, sequence 7"},
		"the index":             {provenance.DenyEntry{Digest: w.build.Index.Digest}, VerdictDenied, "it leaks (registry.example.com/ops/denylist, sequence 7, 2026-11-28)"},
		"one platform":          {provenance.DenyEntry{Digest: w.build.Images[1].Manifest.Digest}, VerdictDenied, "it leaks"},
		"base":                  {provenance.DenyEntry{Base: digest.FromString("base")}, VerdictDenied, "it leaks"},
		"another base":          {provenance.DenyEntry{Base: digest.FromString("x")}, VerdictVerified, ""},
		"package":               {provenance.DenyEntry{Package: "pkg:npm/left-pad"}, VerdictDenied, "package pkg:npm/left-pad"},
		"another version":       {provenance.DenyEntry{Package: "pkg:npm/left-pad@1.2.0"}, VerdictVerified, ""},
		"signer":                {provenance.DenyEntry{Signer: &key}, VerdictDenied, "it leaks"},
		"signer, without time":  {provenance.DenyEntry{Signer: &key, Since: noon.Add(1000 * time.Hour)}, VerdictDenied, "no trusted time"},
		"another signer":        {provenance.DenyEntry{Signer: &other}, VerdictVerified, ""},
		"builder":               {provenance.DenyEntry{Builder: w.build.BuilderID}, VerdictDenied, "builder https://selfsame.build/builder/local/v1"},
		"builder, without time": {provenance.DenyEntry{Builder: w.build.BuilderID, Since: noon}, VerdictDenied, "no trusted time"},
		"another builder":       {provenance.DenyEntry{Builder: w.build.BuilderID + "x"}, VerdictVerified, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := w.options()
			o.Deny = denyList(t, revoker, &freshness.Memory{Dir: t.TempDir()}, c.entry)
			res := w.must(o, c.want, c.says)
			if (c.want == VerdictDenied) != (res.ExitCode == diag.ExitPolicy) || len(res.Lists) != 1 {
				t.Errorf("exit %d, lists %v", res.ExitCode, res.Lists)
			}
			if res.Subjects[0].Checks[0].Name != checkDenyList {
				t.Errorf("the list is not asked first:\n%s", text(t, res))
			}
		})
	}
}

// TestDeniedBeforeAnythingIsRead: an image that is denied is refused also where nothing of it can be read.
func TestDeniedBeforeAnythingIsRead(t *testing.T) {
	w := newWorld(t)
	o := w.options()
	o.Digest = digest.FromString("hidden")
	o.Deny = denyList(t, newSigner(t), nil, provenance.DenyEntry{Digest: o.Digest})
	w.must(o, VerdictDenied, "it leaks")
}

// TestSignedAnewAfterTheft: an image whose first signer is denied and that another key signed too is good.
func TestSignedAnewAfterTheft(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	stolen := trust.Party{Key: trust.Key{Hint: w.signer.Key().Hint}}
	o := w.options()
	o.Trust.Keys = append(o.Trust.Keys, w.other.Verifier())
	o.Deny = denyList(t, newSigner(t), nil, provenance.DenyEntry{Signer: &stolen})
	w.must(o, VerdictDenied, "it leaks")
	w.signer, w.other = w.other, w.signer
	w.publish(nil)
	res := w.must(o, VerdictVerified, "stateless")
	if len(res.Ignored) != 6 || !strings.Contains(res.Ignored[0].Reason, "denied: signer key") {
		t.Errorf("ignored: %v", res.Ignored)
	}
}

// TestOneKeyForTwoRoles: a key that releases images must not take them back or index them.
func TestOneKeyForTwoRoles(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	o := w.options()
	o.Deny = denyList(t, w.signer, nil)
	_, err := Run(t.Context(), o)
	if diag.ExitCode(err) != diag.ExitUsage {
		t.Errorf("deny list: %v", err)
	}
	o = w.options()
	o.Index = &IndexOptions{Demand: freshness.Demand{Trust: o.Trust, Now: noon}}
	if _, err := Run(t.Context(), o); diag.ExitCode(err) != diag.ExitUsage {
		t.Errorf("index: %v", err)
	}
}
