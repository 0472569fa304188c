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
	for _, r := range rooms { // the newer one, of which somebody may have deleted everything
		m := newMemory(8, 1<<10, nil)
		old, newer := &entry{gathered: noon}, &entry{gathered: noon.Add(time.Second), room: r}
		m.put(k, old, []byte("old"))
		m.put(k, newer, []byte("newer"))
		m.put(k, old, []byte("old"))
		m.touch(k, old)
		if got := m.get(k); got != newer || string(m.packed(k)) != "newer" {
			t.Errorf("room %d: gathered at %s, %q", r, got.gathered, m.packed(k))
		}
		again := &entry{gathered: newer.gathered, room: r} // the same evidence, judged again
		m.put(k, again, []byte("newer"))
		if m.get(k) != again {
			t.Errorf("room %d: a new verdict over the same evidence is not kept", r)
		}
	}
}

// TestBare: an image about which somebody's verdict was handed on is none of those that anybody can make up.
func TestBare(t *testing.T) {
	for name, e := range map[string]struct {
		evidence policy.Evidence
		room     room
	}{
		"nothing":               {policy.Evidence{}, roomBare},
		"a signature":           {policy.Evidence{Signatures: []policy.Signature{{}}}, roomKnown},
		"a verdict handed on":   {policy.Evidence{HandedOn: []policy.HandedOn{{}}}, roomKnown},
		"denied":                {policy.Evidence{Blocks: []policy.Block{{Verdict: "denied"}}}, roomDenied},
		"denied, and signed":    {policy.Evidence{Blocks: []policy.Block{{Verdict: "denied"}}, Signatures: []policy.Signature{{}}}, roomKnown},
		"not all could be read": {policy.Evidence{Blocks: []policy.Block{{Verdict: "undecided"}}}, roomBare},
		"another image's":       {policy.Evidence{Elsewhere: []policy.Elsewhere{{}}}, roomBare},
		"a list that was asked": {policy.Evidence{Lists: []policy.List{{}}}, roomBare},
	} {
		if got := newEntry(&e.evidence, Epoch{}, time.Now()).room; got != e.room {
			t.Errorf("%s: %d", name, got)
		}
	}
}
