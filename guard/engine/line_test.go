package engine

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/policy"
)

// TestEncodeDecision: a line is the one that encoding/json makes, and is written without it where all is plain.
func TestEncodeDecision(t *testing.T) {
	at := time.Date(2026, 11, 28, 12, 0, 0, 120_000_000, time.UTC)
	full := Decision{SchemaVersion: 1, Time: at, Who: Who{Gate: GateAdmission, Namespace: "shop", Workload: "Pod/shop-*", Container: "app", User: "ann", Reference: "shop:v1"},
		Image: "registry.example.com/shop@sha256:aa", Allow: true, Class: ClassOK, Rules: []string{"signed: pass", "fresh: fail"}, Reasons: []string{"none"},
		Policy: policy.Edition{Name: "p", Version: 7, SHA256: "aa"}, Epoch: Epoch{Trust: "t", Deny: -9}, Cached: true, Gathered: at.Add(-time.Hour), Micros: 12345}
	for _, of := range []any{full, full.Who, full.Policy, full.Epoch} { // a field that is new is written here, too, or not plain
		for v, n := reflect.ValueOf(of), 0; n < v.NumField(); n++ {
			if name := v.Type().Field(n).Name; v.Field(n).IsZero() != (name == "BreakGlass" || name == "HandedOn") {
				t.Errorf("%T.%s is not looked at", of, name)
			}
		}
	}
	with := func(change func(*Decision)) Decision {
		d := full
		change(&d)
		return d
	}
	for _, c := range []struct {
		name  string
		d     Decision
		plain bool
	}{
		{"all", full, true},
		{"nothing", Decision{Time: at}, true},
		{"one rule", with(func(d *Decision) { d.Rules, d.Reasons, d.Allow = []string{"a: fail"}, nil, false }), true},
		{"break-glass", with(func(d *Decision) { d.BreakGlass = &Grant{ID: "x"} }), false},
		{"handed on", with(func(d *Decision) { d.HandedOn = &policy.HandedOn{} }), false},
		{"a quote", with(func(d *Decision) { d.Reasons = []string{`"x" is not signed`} }), false},
		{"another alphabet", with(func(d *Decision) { d.Who.User = "Änn" }), false},
		{"no UTF-8", with(func(d *Decision) { d.Image = "\xff" }), false},
		{"another zone", with(func(d *Decision) { d.Time = at.In(time.FixedZone("x", 3600)) }), false},
	} {
		want, err := json.Marshal(c.d)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.d.encode(); err != nil || string(got) != string(want) {
			t.Errorf("%s:\n%s, %v\nwant\n%s", c.name, got, err, want)
		}
		if _, plain := c.d.appendPlain(nil); plain != c.plain {
			t.Errorf("%s: plain is %t", c.name, plain)
		}
	}
}

// TestEncodeEveryByte: each byte, and some that belong together, in each text.
func TestEncodeEveryByte(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // no secret
	for i := range 4096 {
		word := func() string {
			return strings.Repeat("a", r.IntN(3)) + string([]byte{byte(i)}) + strings.Repeat("é\u2028", r.IntN(2))
		}
		d := Decision{Time: time.Unix(r.Int64N(1<<40), r.Int64N(1e9)).UTC(), Who: Who{Gate: Gate(word()), Namespace: word(), Workload: word(), Container: word(), User: word(), Reference: word()}, Image: word(),
			Class: Class(word()), Rules: []string{word(), word()}, Reasons: []string{word()}, Policy: policy.Edition{Name: word(), SHA256: word()}, Epoch: Epoch{Trust: word()}, Micros: r.Int64()}
		want, err := json.Marshal(d)
		got, err2 := d.encode()
		if (err == nil) != (err2 == nil) || string(got) != string(want) {
			t.Fatalf("%s, %v\nwant\n%s, %v", got, err2, want, err)
		}
	}
}
