package policy

import (
	"strings"
	"testing"
)

// two are policies of several rules, of which some are about registry.example.com/team/shop.
const two = `policy: v1
name: prod
version: 1
rules:
  - {name: signed, match: ["registry.example.com/**"], require: 'signatures.exists(s, s.signer == "release")', message: nobody signed it, fix: sign it}
  - {name: other, match: ["registry.example.org/**"], require: 'summary.reproduced', message: not reproduced, fix: build it}
  - {name: reproduced, match: ["registry.example.com/team/*"], require: 'summary.reproduced', message: not reproduced, fix: build it}
waivers:
  - {rule: reproduced, images: [` + digestA + `], owner: ann, reason: it is old, expires: 2027-01-01}
`

// TestSameFor lists what a verdict depends on.
func TestSameFor(t *testing.T) {
	old := mustParse(t, two)
	for _, test := range []struct {
		name, from, to string
		want           bool
	}{
		{"another version", "version: 1", "version: 2", true},
		{"a rule about other names", `registry.example.org/**"], require: 'summary.reproduced'`, `registry.example.org/**"], require: '!summary.reproduced'`, true},
		{"other names, too", `["registry.example.com/team/*"]`, `["registry.example.net/**", "registry.example.com/team/*"]`, true},
		{"a rule about other names becomes one about this", "registry.example.org/**", "registry.example.com/**", false},
		{"a rule is about others now", `["registry.example.com/team/*"]`, `["registry.example.com/others/*"]`, false},
		{"a policy of another name", "name: prod", "name: test", false},
		{"an end", "version: 1", "version: 1\nexpires: 2027-01-01", false},
		{"an expression", `s.signer == "release"`, `s.signer == "ann"`, false},
		{"a rule's name", "name: signed", "name: by-us", false},
		{"its words", "nobody signed it", "nobody did", false},
		{"its fix", "fix: sign it", "fix: sign", false},
		{"its beginning", "name: signed,", "name: signed, effectiveOn: 2027-01-01,", false},
		{"its end", "name: signed,", "name: signed, effectiveUntil: 2027-01-01,", false},
		{"a waiver's end", "expires: 2027-01-01", "expires: 2027-01-02", false},
		{"its owner", "owner: ann", "owner: bob", false},
		{"its reason", "reason: it is old", "reason: it is new", false},
		{"its images", digestA, "sha256:" + strings.Repeat("b", 64), false},
		{"its rule", "waivers:\n  - {rule: reproduced", "waivers:\n  - {rule: signed", false},
	} {
		text := strings.Replace(two, test.from, test.to, 1)
		if text == two {
			t.Fatalf("%s: nothing changed", test.name)
		}
		if got := mustParse(t, text).SameFor(old, "Registry.example.com:443/team/shop"); got != test.want {
			t.Errorf("%s: %t", test.name, got)
		}
		if got := old.SameFor(mustParse(t, text), "registry.example.com/team/shop"); got != test.want {
			t.Errorf("%s, the other way round: %t", test.name, got)
		}
	}
	rules := strings.SplitAfter(two, "\n")
	rules[4], rules[6] = rules[6], rules[4]
	if mustParse(t, strings.Join(rules, "")).SameFor(old, "registry.example.com/team/shop") {
		t.Error("another order is the same")
	}
}
