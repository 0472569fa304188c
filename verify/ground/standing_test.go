package ground_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify/ground"
)

// TestPolicyOfWhomTheListDenies: also where the registry is up and has no other policy.
func TestPolicyOfWhomTheListDenies(t *testing.T) {
	w, c, _ := lived(t)
	w.asked = nil
	g := w.open(c)
	_, err := g.Policy(t.Context())
	w.must(err)
	w.denyAll(4, provenance.DenyEntry{Signer: &trust.Party{Key: trust.Key{Hint: w.keys["rules"].Key().Hint}}})
	w.must(g.Stands())
	w.must(g.Refresh(t.Context()))
	if err := g.Stands(); !errors.Is(err, policy.ErrRevoked) { // and no registry had to say so
		t.Errorf("%v", err)
	}
	if p, err := g.Policy(t.Context()); p != nil || !errors.Is(err, policy.ErrRevoked) {
		t.Errorf("%v, %v", p, err)
	}
	w.must(g.Stands()) // there is none
}

// TestPolicyOfAnotherPlace: a trust file that names another place for the policy, or none, takes the one in force along only if who signed it
// may sign policies still. The registry is down, so that nothing but the files says so.
func TestPolicyOfAnotherPlace(t *testing.T) {
	for name, c := range map[string]struct {
		place string // in the trust file of later; empty: none
		taken bool   // the old signer is out
		other bool   // another one may sign
	}{
		"another place and another signer":     {"other", true, true},
		"another place, the same signer":       {"other", false, false},
		"another place and one more signer":    {"other", false, true},
		"the same place and another signer":    {"policy", true, true},
		"no place any more":                    {"", false, false},
		"no place any more and another signer": {"", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.publish(3)
			g := w.open(w.config(w.trust("policy: {at: " + w.host + "/ops/policy}\n")))
			_, err := g.Policy(t.Context())
			w.must(err)
			w.must(g.Stands())
			text := "trust: v1\nsigners:\n  release: {keys: [release.pub], roles: [release]}\n"
			if !c.taken {
				text += "  rules: {keys: [rules.pub], roles: [policy]}\n"
			}
			if c.other {
				text += "  other: {keys: [other.pub], roles: [policy]}\n"
			}
			if c.place != "" {
				text += "policy: {at: " + w.host + "/ops/" + c.place + ", minimum: " + map[string]string{"policy": "3", "other": "4"}[c.place] + ", maxAge: 1h}\n"
			}
			w.write("trust.yaml", text)
			w.asked = func(*http.Request) bool { return true }
			w.now = w.now.Add(2 * time.Hour) // more than maxAge
			w.must(g.RefreshFiles())
			if err := g.Stands(); errors.Is(err, policy.ErrRevoked) != c.taken || err != nil && !c.taken {
				t.Errorf("stands: %v", err)
			}
			if _, err := g.Policy(t.Context()); errors.Is(err, policy.ErrRevoked) != c.taken || err == nil {
				t.Errorf("read: %v", err)
			}
		})
	}
}

// TestNumbersOfTheSamePlace: what the trust file now demands of the place that the policy in force is from counts at once.
func TestNumbersOfTheSamePlace(t *testing.T) {
	for _, demand := range []string{"minimum: 4", "maxAge: 1h"} {
		w := newWorld(t)
		w.publish(3)
		at := "policy: {at: " + w.host + "/ops/policy"
		g := w.open(w.config(w.trust(at + "}\n")))
		_, err := g.Policy(t.Context())
		w.must(err)
		w.trust(at + ", " + demand + "}\n")
		w.now = w.now.Add(2 * time.Hour)
		w.asked = func(*http.Request) bool { return true }
		w.must(g.RefreshFiles())
		if err := g.Stands(); !errors.Is(err, policy.ErrRevoked) {
			t.Errorf("%s: stands: %v", demand, err)
		}
		if p, err := g.Policy(t.Context()); p != nil || !errors.Is(err, policy.ErrRevoked) {
			t.Errorf("%s: read: %v, %v", demand, p, err)
		}
	}
}

// TestPolicyWithoutARoot: who is named beside an identity that nobody can prove does not speak alone: whether the deny list names him was not asked
// yet. Nor does what he signed go on from before a restart.
func TestPolicyWithoutARoot(t *testing.T) {
	w := newWorld(t)
	w.publish(3)
	w.deny(3)
	c := w.remembering()
	c.Trust = w.trust(w.denylist())
	c.Policy = w.at(w.host+"/ops/policy", "rules")
	_, err := w.open(c).Policy(t.Context())
	w.must(err)
	w.denyAll(4, provenance.DenyEntry{Signer: &trust.Party{Key: trust.Key{Hint: w.keys["rules"].Key().Hint}}})
	c.Policy.Identities = []trust.IdentityRule{{}}
	if p, err := w.open(c).Policy(t.Context()); p != nil || !errors.Is(err, ground.ErrPolicyRootless) {
		t.Errorf("%v, %v", p, err)
	}
}
