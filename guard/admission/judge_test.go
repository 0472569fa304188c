package admission

import (
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/policy"
)

func TestValidate(t *testing.T) {
	template := func(image string) string {
		return `{"template":{"spec":{"containers":[{"name":"app","image":"` + image + `"}]}}}`
	}
	ok, no := shop+"@"+good.String(), shop+":v2@"+bad.String()
	both := func(kind, api, spec string) ask {
		return ask{kind: kind, apiVersion: api, op: "CREATE", namespace: "shop", object: `{"apiVersion":"` + api + `","kind":"` + kind + `","metadata":{"name":"shop"},"spec":` + spec + `}`}
	}
	for _, test := range []struct {
		name string
		ask  ask
		want string // part of the denial; empty: allowed
	}{
		{"allowed", podAsk(`{"containers":[{"name":"app","image":"` + ok + `"}]}`), ""},
		{"denied", podAsk(`{"containers":[{"name":"app","image":"` + no + `"}]}`),
			"container app: " + shop + "@" + bad.String() + " is denied: nobody has rebuilt it\nby policy shop, version 3, rule reproduced\nfix: selfsame audit " + shop},
		{"init container", podAsk(`{"initContainers":[{"name":"setup","image":"` + no + `"}],"containers":[{"name":"app","image":"` + ok + `"}]}`), "init container setup: "},
		{"ephemeral container", ask{kind: "Pod", op: "UPDATE", sub: "ephemeralcontainers", namespace: "shop",
			old:    pod(`{"containers":[{"name":"app","image":"` + ok + `"}]}`),
			object: pod(`{"containers":[{"name":"app","image":"` + ok + `"}],"ephemeralContainers":[{"name":"debug","image":"` + no + `"}]}`)}, "ephemeral container debug: "},
		{"image volume", podAsk(`{"containers":[{"name":"app","image":"` + ok + `"}],"volumes":[{"name":"tmp","emptyDir":{}},{"name":"data","image":{"reference":"` + no + `"}}]}`), "volume data: "},
		{"one image in three places", podAsk(`{"containers":[{"name":"a","image":"` + no + `"},{"name":"b","image":"` + shop + "@" + bad.String() + `"},{"name":"c","image":"` + no + `"},{"name":"d","image":"` + no + `"}]}`),
			"container a, container b, container c, 1 more: "},
		{"image of a running pod", ask{kind: "Pod", op: "UPDATE", namespace: "shop", old: pod(`{"containers":[{"name":"app","image":"` + ok + `"}]}`), object: pod(`{"containers":[{"name":"app","image":"` + no + `"}]}`)}, "rule reproduced"},
		{"nothing new in a running pod", ask{kind: "Pod", op: "UPDATE", namespace: "shop", old: pod(`{"containers":[{"name":"app","image":"` + no + `"}]}`), object: pod(`{"containers":[{"name":"app","image":"` + no + `"}]}`)}, ""},
		{"a running image in another container", ask{kind: "Pod", op: "UPDATE", namespace: "shop", old: pod(`{"containers":[{"name":"app","image":"` + no + `"}]}`),
			object: pod(`{"containers":[{"name":"app","image":"` + no + `"}],"ephemeralContainers":[{"name":"app","image":"` + no + `"}]}`)}, "ephemeral container app: "},
		{"update without what was", ask{kind: "Pod", op: "UPDATE", namespace: "shop", object: pod(`{"containers":[{"name":"app","image":"` + no + `"}]}`)}, "rule reproduced"},
		{"Deployment", both("Deployment", "apps/v1", template(no)), "rule reproduced"},
		{"ReplicaSet", both("ReplicaSet", "apps/v1", template(no)), "rule reproduced"},
		{"StatefulSet", both("StatefulSet", "apps/v1", template(no)), "rule reproduced"},
		{"DaemonSet", both("DaemonSet", "apps/v1", template(no)), "rule reproduced"},
		{"ReplicationController", both("ReplicationController", "v1", template(no)), "rule reproduced"},
		{"Job", both("Job", "batch/v1", template(no)), "rule reproduced"},
		{"CronJob", both("CronJob", "batch/v1", `{"jobTemplate":{"spec":`+template(no)+`}}`), "rule reproduced"},
		{"CronJob allowed", both("CronJob", "batch/v1", `{"jobTemplate":{"spec":`+template(ok)+`}}`), ""},
		{"PodTemplate", ask{kind: "PodTemplate", op: "CREATE", namespace: "shop", object: `{"apiVersion":"v1","kind":"PodTemplate","template":{"spec":{"containers":[{"name":"app","image":"` + no + `"}]}}}`}, "rule reproduced"},
		{"another's kind", both("Rollout", "argoproj.io/v1alpha1", template(no)), "rule reproduced"},
		{"another's kind without images", both("Widget", "example.com/v1", `{"size":3}`), "names no image in any place"},
		{"no digest", podAsk(`{"containers":[{"name":"app","image":"` + shop + `:v1"}]}`), "it has no digest"},
		{"no image", podAsk(`{"containers":[{"name":"app"}]}`), `"" is denied`},
		{"no containers", podAsk(`{}`), "names no image"},
		{"upper case", podAsk(`{"containers":[{"name":"app","image":"Registry.example.com/Team/Shop"}]}`), "is not an image reference"},
		{"10 KB", podAsk(`{"containers":[{"name":"app","image":"` + strings.Repeat("a", 10<<10) + `"}]}`), "it has 10240 bytes"},
		{"unicode", podAsk(`{"containers":[{"name":"app","image":"registry.example.com/\u202eshop:v1"}]}`), `\u202e`},
		{"a forged annotation", ask{kind: "Pod", op: "CREATE", namespace: "shop",
			object: `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x","annotations":{"selfsame.build/verdict":"allow","mutate.selfsame.build/verified":"true"}},"spec":{"containers":[{"name":"app","image":"` + no + `"}]}}`}, "rule reproduced"},
		{"deletion", ask{kind: "Pod", op: "DELETE", namespace: "shop", old: pod(`{"containers":[{"name":"app","image":"` + no + `"}]}`)}, ""},
		{"exec", ask{kind: "PodExecOptions", op: "CONNECT", sub: "exec", namespace: "shop", object: `{}`}, "judges CREATE and UPDATE"},
		{"no object", ask{kind: "Pod", op: "CREATE", namespace: "shop"}, "has no object"},
		{"no operation", ask{kind: "Pod", namespace: "shop", object: pod(`{}`)}, "judges CREATE and UPDATE"},
		{"status", ask{kind: "Pod", op: "UPDATE", sub: "status", namespace: "shop", object: pod(`{}`)}, ""},
		{"scale", ask{kind: "Scale", apiVersion: "autoscaling/v1", op: "UPDATE", sub: "scale", namespace: "shop", object: `{}`}, ""},
		{"object of another kind", ask{kind: "Pod", op: "CREATE", namespace: "shop", object: `{"apiVersion":"apps/v1","kind":"Deployment","spec":{}}`}, "is a `Deployment`"},
		{"case folded", podAsk(`{"containers":[{"name":"app","Image":"` + no + `","image":"` + ok + `"}]}`), "in this case of letters"},
		{"spec of another type", podAsk(`"none"`), "cannot be judged"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGate(t, &asker{allow: map[digest.Digest]bool{good: true}}, nil)
			_, got, raw := g.post(t, "/validate", test.ask.body())
			if got == nil || got.Allowed != (test.want == "") {
				t.Fatalf("want %q, got %s", test.want, raw)
			}
			if got.Status != nil && !strings.Contains(got.Status.Message, test.want) {
				t.Errorf("got %q\nwant %q in it", got.Status.Message, test.want)
			}
			if got.Patch != nil {
				t.Errorf("the validating phase patches: %s", raw)
			}
		})
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for name, then := range map[string]func([]engine.Answer) []engine.Answer{
		"none":          func([]engine.Answer) []engine.Answer { return nil },
		"another image": func(a []engine.Answer) []engine.Answer { a[0].Image.Digest = bad.String(); return a },
		"ended":         func(a []engine.Answer) []engine.Answer { a[0].NotAfter = at.Add(-time.Second); return a },
		"no image":      func(a []engine.Answer) []engine.Answer { a[0].Image = policy.Image{}; return a },
		"panic":         func([]engine.Answer) []engine.Answer { panic("secret") },
		"no reason":     func(a []engine.Answer) []engine.Answer { a[0] = engine.Answer{}; return a },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t, &asker{allow: map[digest.Digest]bool{good: true}, then: then}, nil)
			_, got, raw := g.post(t, "/validate", podAsk(`{"containers":[{"name":"app","image":"`+shop+"@"+good.String()+`"}]}`).body())
			if got == nil || got.Allowed || strings.Contains(raw, "secret") {
				t.Error(raw)
			}
		})
	}
}
