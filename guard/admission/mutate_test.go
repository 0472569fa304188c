package admission

import (
	"strings"
	"testing"
)

func TestMutate(t *testing.T) {
	for _, test := range []struct {
		name string
		ask  ask
		want string // the patch
		warn string
	}{
		{"tags", podAsk(`{"initContainers":[{"name":"a","image":"` + shop + `:v1"}],"containers":[{"name":"b","image":"` + shop + `:v2"},{"name":"c","image":"` + shop + `"}],"volumes":[{"name":"d","image":{"reference":"` + shop + `:v1"}}]}`),
			`[{"op":"replace","path":"/spec/initContainers/0/image","value":"` + shop + `:v1@` + good.String() + `"},{"op":"replace","path":"/spec/volumes/0/image/reference","value":"` + shop + `:v1@` + good.String() +
				`"},{"op":"replace","path":"/spec/containers/0/image","value":"` + shop + `:v2@` + bad.String() + `"},{"op":"replace","path":"/spec/containers/1/image","value":"` + shop + `@` + moved.String() + `"}]`, ""},
		{"digests", podAsk(`{"containers":[{"name":"b","image":"` + shop + `@` + bad.String() + `"}]}`), "", ""},
		{"no such tag", podAsk(`{"containers":[{"name":"b","image":"` + shop + `:v9"}]}`), "", "is left without a digest: resolving " + shop + ":v9: no such tag"},
		{"what a sidecar injector fills in", podAsk(`{"containers":[{"name":"istio-proxy","image":""}]}`), "", ""},
		{"a template", ask{kind: "CronJob", apiVersion: "batch/v1", op: "CREATE", namespace: "shop", object: `{"apiVersion":"batch/v1","kind":"CronJob","spec":{"jobTemplate":{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"` + shop + `:v1"}]}}}}}}`},
			`[{"op":"replace","path":"/spec/jobTemplate/spec/template/spec/containers/0/image","value":"` + shop + `:v1@` + good.String() + `"}]`, ""},
		{"only what changes", ask{kind: "Pod", op: "UPDATE", namespace: "shop", old: pod(`{"containers":[{"name":"a","image":"` + shop + `:v2"}]}`), object: pod(`{"containers":[{"name":"b","image":"` + shop + `:v1"},{"name":"a","image":"` + shop + `:v2"}]}`)},
			`[{"op":"replace","path":"/spec/containers/0/image","value":"` + shop + `:v1@` + good.String() + `"}]`, ""},
		{"audit mode", ask{kind: "Pod", op: "CREATE", namespace: "trial", object: pod(`{"containers":[{"name":"b","image":"` + shop + `:v1"}]}`)}, "", ""},
		{"out of scope", podAsk(`{"containers":[{"name":"b","image":"169.254.169.254/metadata:v1"}]}`), "", "no rule of the policy could allow"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &asker{}
			g := newGate(t, a, func(o *Options) {
				o.Modes.Audit = []string{"trial"}
				o.Scope = func(name string) bool { return strings.HasPrefix(name, "registry.example.com/") }
			})
			_, got, raw := g.post(t, "/mutate", test.ask.body())
			if got == nil || !got.Allowed || string(got.Patch) != test.want || (got.PatchType == "JSONPatch") != (test.want != "") {
				t.Errorf("got %s: %s\nwant %s", raw, got.Patch, test.want)
			}
			if all := strings.Join(got.Warnings, "|"); !strings.Contains(all, test.warn) || (all == "") != (test.warn == "") {
				t.Errorf("warnings %q, want %q", all, test.warn)
			}
			if len(a.asked) > 0 {
				t.Error("the mutating phase decides")
			}
		})
	}
}
