package engine_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/policy"
)

// handing is an engine of which central verified the image evil, about which nothing is known here, until half an hour from now.
func handing(t *testing.T, accept bool) *world {
	t.Helper()
	w := newWorld(t, func(c *engine.Config) { c.AcceptVerdicts, c.State = accept, filepath.Join(t.TempDir(), "state") })
	w.f.set(func(f *fake) {
		f.handed = []policy.HandedOn{{
			Signer: "central", Verifier: "https://v.example.com", Policy: w.Edition().SHA256, Epoch: engine.Epoch{Trust: "theirs", Deny: 1},
			Verified: start.Add(-time.Minute), NotAfter: start.Add(30 * time.Minute),
		}}
	})
	return w
}

func TestHandedOn(t *testing.T) {
	w := handing(t, true)
	a := w.want("handed on", evil, true, engine.ClassHandedOn, false, 1)
	if a.HandedOn == nil || a.HandedOn.Signer != "central" || a.Denial() != "" || !a.NotAfter.Equal(start.Add(30*time.Minute)) {
		t.Errorf("%+v", a)
	}
	w.want("from the cache", evil, true, engine.ClassHandedOn, true, 1)
	w.want("its own evidence", good, true, engine.ClassOK, false, 2)
	w.Close()
	lines := strings.Split(strings.TrimSpace(w.log.String()), "\n")
	var d engine.Decision
	if err := json.Unmarshal([]byte(lines[0]), &d); err != nil || d.Class != engine.ClassHandedOn || d.HandedOn == nil || d.HandedOn.Epoch.Trust != "theirs" || len(d.Rules) != 1 || d.Rules[0] != "signed: handed-on" {
		t.Errorf("%+v, %v: %s", d, err, lines[0])
	}
	// What is kept on disk is evidence: whether it is accepted is asked anew.
	w.open()
	w.want("after a restart", evil, true, engine.ClassHandedOn, true, 2)
	w.Close()
	w.config.AcceptVerdicts = false
	w.open()
	w.want("nobody says to accept it any more", evil, false, engine.ClassRule, true, 2)
}

func TestHandedOnOnlyWhereAskedFor(t *testing.T) {
	handing(t, false).want("ignored", evil, false, engine.ClassRule, false, 1)
}

// TestHandedOnEnds: by its own end, with the policy it was reached by, and with the deny list under which it was looked at.
func TestHandedOnEnds(t *testing.T) {
	w := handing(t, true)
	w.want("handed on", evil, true, engine.ClassHandedOn, false, 1)
	w.pass(31 * time.Minute)
	w.want("its end", evil, false, engine.ClassRule, false, 2)

	w = handing(t, true)
	w.want("handed on", evil, true, engine.ClassHandedOn, false, 1)
	w.write(text(2, signed, ""))
	if err := w.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.want("another policy", evil, false, engine.ClassRule, true, 1)

	w = handing(t, true)
	w.want("handed on", evil, true, engine.ClassHandedOn, false, 1)
	w.f.set(func(f *fake) { f.next.Deny, f.denied[evil] = 2, true })
	if err := w.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.want("denied", evil, false, engine.ClassDenied, false, 2)
}

// TestFloodPushesNoHandedOnVerdictOut: a verifier that is trusted here signed it, and nobody can make any number of those.
func TestFloodPushesNoHandedOnVerdictOut(t *testing.T) {
	w := handing(t, true)
	w.Close()
	w.config.Images = 8
	w.open()
	w.want("handed on", evil, true, engine.ClassHandedOn, false, 1)
	w.f.set(func(f *fake) { f.handed = nil })
	for i := range 40 {
		w.ask(digest.FromString(fmt.Sprint("nobody signed it", i)))
	}
	w.f.set(func(f *fake) { f.err = errDown })
	w.want("after a flood, with the registry down", evil, true, engine.ClassHandedOn, true, 41)
}
