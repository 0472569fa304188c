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
