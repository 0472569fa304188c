package admission

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
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
		{"out of scope", podAsk(`{"containers":[{"name":"b","image":"169.254.169.254/metadata:v1"}]}`), "", "is left without a digest: no rule is about it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &asker{}
			g := newGate(t, a, func(o *Options) {
				o.Modes.Audit = []string{"trial"}
				o.Scope = func(name string) error {
					if !strings.HasPrefix(name, "registry.example.com/") {
						return errors.New("no rule is about it")
					}
					return nil
				}
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

// TestTagsAreUnderTheBoundOfReviews: a registry that hangs, and a resolver that does not even look at its time, hold as many reviews as may
// be, half of all; the next ones are told at once, in the mutating phase and in audit mode, and verdicts are still reached.
func TestTagsAreUnderTheBoundOfReviews(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	var asked atomic.Int32
	hangs := resolverFunc(func(context.Context, string) (digest.Digest, error) {
		asked.Add(1)
		<-release
		return good, nil
	})
	a := &asker{allow: map[digest.Digest]bool{good: true}}
	g := newGate(t, a, func(o *Options) {
		o.Tags, o.Underway, o.Deadline, o.Modes.Audit = hangs, 4, 300*time.Millisecond, []string{"trial"}
	})
	loose := podAsk(`{"containers":[{"name":"a","image":"` + shop + `:v1"},{"name":"b","image":"` + shop + `:v2"}]}`)
	for n, want := range []string{"no answer from its registry in time", "no answer from its registry in time", "too many reviews are under way"} {
		_, got, raw := g.post(t, "/mutate", loose.body())
		if got == nil || !got.Allowed || got.Patch != nil || !strings.Contains(strings.Join(got.Warnings, "|"), want) {
			t.Errorf("review %d: %s; want %q", n, raw, want)
		}
	}
	loose.namespace = "trial"
	if _, got, raw := g.post(t, "/validate", loose.body()); got == nil || !got.Allowed || !strings.Contains(raw, "too many reviews are under way") {
		t.Errorf("audit mode: %s", raw)
	}
	if asked.Load() != 4 {
		t.Errorf("the registry was asked %d times, by two reviews of two images", asked.Load())
	}
	if _, got, raw := g.post(t, "/validate", podAsk(`{"containers":[{"name":"a","image":"`+shop+"@"+good.String()+`"}]}`).body()); got == nil || !got.Allowed {
		t.Errorf("a verdict while tags hang: %s", raw)
	}
}
