package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/policy"
)

// TestNoPolicyYet: what is said before a policy was read is true, tells why there is none, and what to do.
func TestNoPolicyYet(t *testing.T) {
	broken := errors.New("policy.yaml: line 3: no such key")
	var read error
	e, err := engine.New(engine.Config{Gatherer: &fake{}, Policy: func(context.Context) (*policy.Policy, error) {
		if read != nil {
			return nil, read
		}
		return policy.Parse("policy.yaml", []byte(text(1, signed, "")))
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	question := engine.Question{Name: shop, Digest: good, Who: engine.Who{Gate: engine.GateStart}}
	for _, test := range []struct {
		name  string
		fails error
		why   string
	}{
		{"nobody has read it", nil, "no policy has been read yet: the guard has just been started"},
		{"it cannot be read", broken, "no policy has been read yet: reading the policy: policy.yaml: line 3: no such key"},
	} {
		if read = test.fails; read != nil {
			if err := e.Refresh(t.Context()); err == nil {
				t.Fatal("a policy that cannot be read is taken")
			}
		}
		a := e.Ask(t.Context(), question)
		want := shop + "@" + good.String() + " is denied: " + test.why + "\nbefore any rule (no-policy)\nfix: have the guard read its policy: its log says why it could not, and so does `selfsame-guard check`"
		if a.Allow || a.Class != engine.ClassNoPolicy || a.ExitCode != 17 || a.Denial() != want {
			t.Errorf("%s: %s: %s\nwant %s", test.name, a.Class, a.Denial(), want)
		}
		hopeless, ok := errors.AsType[engine.Hopeless](e.Scope(shop))
		if !ok || hopeless.Class != engine.ClassNoPolicy || hopeless.Error() != test.why || !strings.Contains(hopeless.Fix(), "selfsame-guard check") {
			t.Errorf("%s: %+v, fix %s", test.name, hopeless, hopeless.Fix())
		}
	}
	read = nil
	if err := e.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.Scope(shop); err != nil {
		t.Errorf("with a policy: %v", err)
	}
	if err := e.Scope("registry.example.org/other"); err == nil || err.Error() != "no rule of policy prod, version 1, is about images of registry.example.org/other" {
		t.Errorf("a name that no rule is about: %v", err)
	}
}

// TestWhoSaidNo: where no policy decided, it is not said that there is none.
func TestWhoSaidNo(t *testing.T) {
	a := engine.Unanswered(engine.Question{Name: shop, Digest: good}, errors.New("reaching the node agent: connection refused"))
	if got := strings.Split(a.Denial(), "\n"); len(got) != 3 || got[1] != "before any rule (undecided)" {
		t.Errorf("%q", got)
	}
}
