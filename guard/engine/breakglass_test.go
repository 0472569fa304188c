package engine_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/breakglass"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/signingtest"
	"github.com/selfsame-build/selfsame/trust"
)

// broken is a world in which one image may run in one namespace for an hour, against the policy.
func broken(t *testing.T, d digest.Digest) *world {
	t.Helper()
	return brokenFor(t, shop, d)
}

// brokenFor is the same for an image of another name.
func brokenFor(t *testing.T, name string, d digest.Digest) *world {
	t.Helper()
	s := signingtest.NewSigner(t, trust.BreakGlass)
	made, err := provenance.BreakGlassStatement(name, d, provenance.BreakGlass{Namespaces: []string{"shop"}, Owner: "ops", Reason: "incident 4711", Issued: start, Expires: start.Add(time.Hour)})
	check(t, err)
	bundle, err := signing.Sign(t.Context(), s, made.Payload)
	check(t, err)
	f := &breakglass.Folder{Dir: t.TempDir()}
	check(t, os.WriteFile(filepath.Join(f.Dir, "a.json"), bundle, 0o600))
	check(t, f.Read(breakglass.Who{Trust: signing.Trust{Keys: []*signing.Verifier{s.Verifier()}},
		Signers: []trust.Signer{{Name: "ops", Keys: []trust.Key{s.Key()}, Roles: []trust.Role{trust.BreakGlass}}}}, start))
	return newWorld(t, func(c *engine.Config) { c.BreakGlass = f })
}

func TestBreakGlass(t *testing.T) {
	w := broken(t, evil)
	a := w.want("a rule said no", evil, true, engine.ClassBreakGlass, false, 1)
	if a.BreakGlass == nil || a.BreakGlass.Reason != "incident 4711" || len(a.Reasons) != 1 || a.NotAfter.After(start.Add(time.Hour)) {
		t.Errorf("%+v", a)
	}
	for name, who := range map[string]engine.Who{
		"another namespace": {Gate: engine.GateStart, Namespace: "pay"}, "no namespace": {Gate: engine.GateStart}, "admission elsewhere": {Gate: engine.GateAdmission, Namespace: "pay"},
	} {
		if a := w.Ask(t.Context(), engine.Question{Name: shop, Digest: evil, Who: who}); a.Allow {
			t.Errorf("%s: allowed", name)
		}
	}
	if a := w.Ask(t.Context(), engine.Question{Name: shop, Digest: evil, Who: engine.Who{Gate: engine.GatePull}}); !a.Allow {
		t.Errorf("the pull, which does not know for whom: %s", a.Denial())
	}
	w.pass(time.Hour)
	w.want("over", evil, false, engine.ClassRule, false, 2)
	w.Close()
	if !strings.Contains(w.log.String(), `"class":"break-glass"`) || !strings.Contains(w.log.String(), `"reason":"incident 4711"`) {
		t.Errorf("the log says nothing:\n%s", w.log.String())
	}
}

func TestBreakGlassWithoutEvidence(t *testing.T) {
	w := broken(t, evil)
	w.f.err = errDown
	w.want("nothing could be decided", evil, true, engine.ClassBreakGlass, false, 1)
	w.f.set(func(f *fake) { f.denied[evil] = true })
	if a := w.want("the deny list goes before it", evil, false, engine.ClassUndecided, true, 1); !strings.Contains(a.Denial(), "leaks keys") {
		t.Error(a.Denial())
	}
}

func TestBreakGlassNeverOverridesTheDenyList(t *testing.T) {
	w := broken(t, good)
	w.f.denied[good] = true
	w.want("taken back", good, false, engine.ClassDenied, false, 1)
	w.config.Gatherer = silent{w.f} // knows no deny list without I/O
	w.f.set(func(f *fake) { f.denied = map[digest.Digest]bool{}; f.err = errDown; f.epoch.Deny = 2; f.next.Deny = 2 })
	w.Close()
	w.open()
	w.want("nobody can say", good, false, engine.ClassUndecided, false, 2)
}

// TestBreakGlassWithoutADenyList: a list is asked for and none counts any more, so that nobody can say that the image is not on it.
func TestBreakGlassWithoutADenyList(t *testing.T) {
	w := broken(t, evil)
	w.config.Gatherer = ended{w.f}
	w.Close()
	w.open()
	if a := w.want("it has ended", evil, false, engine.ClassRule, false, 1); !strings.Contains(a.Denial(), "the deny list cannot be asked: it has ended") {
		t.Error(a.Denial())
	}
}

// ended is a Gatherer whose deny list does not count any more.
type ended struct{ *fake }

func (ended) Denied(digest.Digest) (policy.Block, bool, error) {
	return policy.Block{}, false, errors.New("it has ended")
}

// silent is a Gatherer that is no Denier.
type silent struct{ engine.Gatherer }

// What the list names may be a platform, a base or a builder, which nobody sees while the registry is down: then what was last seen counts.
func TestBreakGlassRemembersADenial(t *testing.T) {
	w := broken(t, evil)
	w.f.set(func(f *fake) { f.inside = map[digest.Digest]bool{evil: true} })
	w.want("what is in it is denied", evil, false, engine.ClassDenied, false, 1)
	w.f.set(func(f *fake) { f.err = errDown; f.epoch.Deny++; f.next.Deny++ }) // a newer list, and no evidence to compare with it
	if a := w.want("the registry is down", evil, false, engine.ClassUndecided, false, 2); !strings.Contains(a.Denial(), "when its evidence was last read") {
		t.Error(a.Denial())
	}
	w.pass(time.Minute)
	w.want("still", evil, false, engine.ClassUndecided, false, 3)
	w.f.set(func(f *fake) { f.inside, f.err = nil, nil })
	w.pass(time.Minute)
	w.want("read again, and denied no more", evil, true, engine.ClassBreakGlass, false, 4)
}

// blocksAlone is a Gatherer whose deny list names no digest: only evidence shows what it is about (a source, a signer, a base, a platform).
type blocksAlone struct{ *fake }

func (blocksAlone) Denied(digest.Digest) (policy.Block, bool, error) {
	return policy.Block{}, false, nil
}

// TestBreakGlassOutOfScope: an image that no rule is about is gathered all the same once a statement names it, since the deny list has entries
// that only its evidence shows.
func TestBreakGlassOutOfScope(t *testing.T) {
	const other = "elsewhere.example.org/x/y"
	w := brokenFor(t, other, evil)
	w.config.Gatherer = blocksAlone{w.f}
	w.Close()
	w.open()
	ask := func(namespace string) engine.Answer {
		return w.Ask(t.Context(), engine.Question{Name: other, Digest: evil, Who: engine.Who{Gate: engine.GateStart, Namespace: namespace}})
	}
	if a := ask("pay"); a.Allow || w.f.total() != 0 {
		t.Errorf("where no statement counts: allowed %t, %d gatherings", a.Allow, w.f.total())
	}
	if a := ask("shop"); !a.Allow || a.Class != engine.ClassBreakGlass || w.f.total() != 1 {
		t.Errorf("by the statement: allowed %t, class %s, %d gatherings", a.Allow, a.Class, w.f.total())
	}
	w.f.set(func(f *fake) { f.denied[evil], f.epoch.Deny, f.next.Deny = true, 2, 2 })
	if a := ask("shop"); a.Allow || a.Class != engine.ClassDenied {
		t.Errorf("on the deny list: allowed %t, class %s", a.Allow, a.Class)
	}
}

// TestBreakGlassEndsByItself: how long the answer counts is the statement's matter, not that of the denial it goes against.
func TestBreakGlassEndsByItself(t *testing.T) {
	w := broken(t, good)
	w.f.ends = start.Add(-time.Minute)
	if a := w.ask(good); !a.Allow || !a.NotAfter.Equal(start.Add(time.Hour)) {
		t.Errorf("allowed %t until %s", a.Allow, a.NotAfter)
	}
}
