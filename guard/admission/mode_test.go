package admission

import (
	"testing"
)

func TestAuditModeWarns(t *testing.T) {
	for _, test := range []struct {
		modes Modes
		ns    string
		want  Mode
	}{
		{Modes{}, "shop", Enforce},
		{Modes{Audit: []string{"shop"}}, "shop", Audit},
		{Modes{Audit: []string{"shop"}}, "shop2", Enforce},
		{Modes{Audit: []string{"shop"}, Enforce: []string{"shop"}}, "shop", Enforce},
		{Modes{Default: Audit}, "shop", Audit},
		{Modes{Default: Audit, Enforce: []string{"shop"}}, "shop", Enforce},
		{Modes{Default: "typo"}, "shop", Enforce},
		{Modes{Audit: []string{""}}, "", Enforce},
	} {
		if got := test.modes.Of(test.ns); got != test.want {
			t.Errorf("%+v: %s is in %s, want %s", test.modes, test.ns, got, test.want)
		}
	}
	var seen []Reviewed
	g := newGate(t, &asker{}, func(o *Options) {
		o.Modes.Audit = []string{"shop"}
		o.Reviewed = func(r Reviewed) { seen = append(seen, r) }
	})
	ask := ask{kind: "Pod", op: "CREATE", namespace: "shop", object: `{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"selfsame.build/mode":"enforce"}},"spec":{"containers":[{"name":"a","image":"` + shop + `:v2"},{"name":"b","image":"` + shop + `:v9"}]}}`}
	_, got, raw := g.post(t, "/validate", ask.body())
	if got == nil || !got.Allowed || len(got.Warnings) != 2 || got.AuditAnnotations["mode"] != "audit" || got.AuditAnnotations["verdict"] != "would be denied: nobody has rebuilt it" {
		t.Fatal(raw)
	}
	if want := "selfsame (audit): " + shop + ":v2 would be denied: nobody has rebuilt it"; got.Warnings[0] != want {
		t.Errorf("%q, want %q", got.Warnings[0], want)
	}
	if len(seen) != 1 || seen[0].Outcome != "warned" || !seen[0].Refusals[0].Judged || seen[0].Refusals[1].Judged {
		t.Errorf("%+v", seen)
	}
}
