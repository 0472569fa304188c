package engine

import (
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/policy"
)

// TestWritesKeepTheirOrder: a slow write of older evidence does not end up over newer evidence, also where that was never written.
func TestWritesKeepTheirOrder(t *testing.T) {
	d, err := openDisk(t.TempDir()+"/evidence", 10, nil)
	if err != nil {
		t.Fatal(err)
	}
	k := key{"registry.example.com/team/shop", digest.FromString("x")}
	first := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	packed, err := pack(&policy.Evidence{})
	if err != nil {
		t.Fatal(err)
	}
	slow, newer := d.turn(k), d.turn(k)
	if err := newer.supersede(first.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := slow.save(&entry{gathered: first}, packed); err != nil {
		t.Fatal(err)
	}
	if e, _ := d.load(k, first); e != nil {
		t.Errorf("older evidence, gathered at %v, is kept", e.gathered)
	}
	if err := newer.save(&entry{gathered: first.Add(time.Second), room: roomBare}, packed); err != nil {
		t.Fatal(err)
	}
	if err := slow.supersede(first); err != nil {
		t.Fatal(err)
	}
	slow.leave()
	newer.leave()
	if e, _ := d.load(k, first); e == nil || !e.gathered.Equal(first.Add(time.Second)) || len(d.turns) != 0 {
		t.Errorf("kept: %+v; %d turns are left", e, len(d.turns))
	}
}

// TestRemovalIsFlushed: evidence that takes the place of older evidence waits for the disk, so that a power cut does not bring the older back; what is
// kept of an image for the first time does not.
func TestRemovalIsFlushed(t *testing.T) {
	d, err := openDisk(t.TempDir()+"/evidence", 10, nil)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := pack(&policy.Evidence{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	turn := d.turn(key{"registry.example.com/team/shop", digest.FromString("x")})
	defer turn.leave()
	for _, step := range []struct {
		supersede, flushed bool
	}{{true, false}, {false, false}, {true, true}, {false, false}} {
		now = now.Add(time.Second)
		if step.supersede {
			if err := turn.supersede(now); err != nil {
				t.Fatal(err)
			}
		}
		if turn.removed != step.flushed {
			t.Errorf("at %v: older evidence was removed: %v, want %v", now, turn.removed, step.flushed)
		}
		if err := turn.save(&entry{gathered: now}, packed); err != nil || turn.removed {
			t.Errorf("at %v: %v, and the removal still waits: %v", now, err, turn.removed)
		}
	}
}
