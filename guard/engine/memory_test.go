package engine

import (
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/policy"
)

// TestWhatWasGatheredLaterStays: whoever judged older evidence meanwhile does not put it in the place of newer evidence.
func TestWhatWasGatheredLaterStays(t *testing.T) {
	noon := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	k := key{"registry.example.com/team/shop", digest.FromString("x")}
	for _, bare := range []bool{false, true} { // the newer one, of which somebody may have deleted everything
		m := newMemory(8, 1<<10, nil)
		old, newer := &entry{gathered: noon}, &entry{gathered: noon.Add(time.Second), bare: bare}
		m.put(k, old, []byte("old"))
		m.put(k, newer, []byte("newer"))
		m.put(k, old, []byte("old"))
		m.touch(k, old)
		if got := m.get(k); got != newer || string(m.packed(k)) != "newer" {
			t.Errorf("bare %t: gathered at %s, %q", bare, got.gathered, m.packed(k))
		}
		again := &entry{gathered: newer.gathered, bare: bare} // the same evidence, judged again
		m.put(k, again, []byte("newer"))
		if m.get(k) != again {
			t.Errorf("bare %t: a new verdict over the same evidence is not kept", bare)
		}
	}
}

// TestBare: an image about which somebody's verdict was handed on is none of those that anybody can make up.
func TestBare(t *testing.T) {
	for name, e := range map[string]struct {
		evidence policy.Evidence
		bare     bool
	}{
		"nothing":               {policy.Evidence{}, true},
		"a signature":           {policy.Evidence{Signatures: []policy.Signature{{}}}, false},
		"a verdict handed on":   {policy.Evidence{HandedOn: []policy.HandedOn{{}}}, false},
		"denied":                {policy.Evidence{Blocks: []policy.Block{{Verdict: "denied"}}}, false},
		"not all could be read": {policy.Evidence{Blocks: []policy.Block{{Verdict: "undecided"}}}, true},
		"another image's":       {policy.Evidence{Elsewhere: []policy.Elsewhere{{}}}, true},
		"a list that was asked": {policy.Evidence{Lists: []policy.List{{}}}, true},
	} {
		if got := newEntry(&e.evidence, Epoch{}, time.Now()).bare; got != e.bare {
			t.Errorf("%s: %t", name, got)
		}
	}
}
