package admission

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
)

// The names N18 to N21 are classes of faults that admission controllers had; docs/reference/known-attacks.md has them all.

// TestN18VerifiedAnnotation: nothing that a user can write says that an image was verified (kyverno#16336).
func TestN18VerifiedAnnotation(t *testing.T) {
	image := shop + "@" + bad.String()
	for _, written := range []string{
		`"annotations":{"kyverno.io/verify-images":"{\"` + image + `\":\"pass\"}"}`, `"annotations":{"selfsame.build/verified":"` + image + `"}`,
		`"labels":{"selfsame.build/verdict":"allow"}`, `"managedFields":[{"manager":"selfsame-guard","operation":"Apply"}]`,
		`"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"verified","uid":"1"}]`,
	} {
		a := ask{kind: "Pod", op: "CREATE", namespace: "shop", object: `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x",` + written + `},"spec":{"containers":[{"name":"app","image":"` + image + `"}]}}`}
		refuses(t, &asker{}, nil, a, "nobody has rebuilt it")
	}
}

// TestN19EveryPlace: containers of every kind and volumes, in a pod and in what makes pods (connaisseur#1311, policy-controller#1976, deckhouse#22401).
func TestN19EveryPlace(t *testing.T) {
	ok, no := shop+"@"+good.String(), shop+"@"+bad.String()
	for place, list := range map[string]string{
		"container app":             `"containers":[{"name":"app","image":"` + no + `"}]`,
		"init container setup":      `"containers":[{"name":"app","image":"` + ok + `"}],"initContainers":[{"name":"setup","image":"` + no + `"}]`,
		"init container sidecar":    `"containers":[{"name":"app","image":"` + ok + `"}],"initContainers":[{"name":"sidecar","restartPolicy":"Always","image":"` + no + `"}]`,
		"ephemeral container debug": `"containers":[{"name":"app","image":"` + ok + `"}],"ephemeralContainers":[{"name":"debug","image":"` + no + `"}]`,
		"volume data":               `"containers":[{"name":"app","image":"` + ok + `"}],"volumes":[{"name":"data","image":{"reference":"` + no + `"}}]`,
	} {
		some := &asker{allow: map[digest.Digest]bool{good: true}}
		refuses(t, some, nil, podAsk("{"+list+"}"), place+": ")
		if strings.HasPrefix(place, "ephemeral") {
			refuses(t, some, nil, ask{kind: "Pod", op: "UPDATE", sub: "ephemeralcontainers", namespace: "shop",
				old: pod(`{"containers":[{"name":"app","image":"` + ok + `"}]}`), object: pod("{" + list + "}")}, place+": ")
			continue
		}
		refuses(t, some, nil, ask{kind: "Deployment", apiVersion: "apps/v1", op: "CREATE", namespace: "shop",
			object: `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"x"},"spec":{"template":{"spec":{` + list + `}}}}`}, place+": ")
	}
}

// TestN20NamespaceSaysNothing: which namespaces are only watched is in the guard's own configuration, by their whole names (CVE-2025-46342,
// CVE-2024-48921).
func TestN20NamespaceSaysNothing(t *testing.T) {
	watched := func(o *Options) { o.Modes.Audit = []string{"sandbox"} }
	image := shop + "@" + bad.String()
	for _, namespace := range []string{"shop", "sandbox2", "Sandbox", "sandbox ", "sandbox/shop", "", "kube-system"} {
		object := `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x","namespace":"sandbox","labels":{"selfsame.build/mode":"audit","pod-security.kubernetes.io/enforce":"privileged"}},
			"spec":{"containers":[{"name":"app","image":"` + image + `"}]}}`
		refuses(t, &asker{}, watched, ask{kind: "Pod", op: "CREATE", namespace: namespace, object: object}, "")
	}
}

// TestN21FaultsDeny: no answer, a late one, one that is about something else or a panic lets nothing in (ratify#116).
func TestN21FaultsDeny(t *testing.T) {
	for name, then := range map[string]func([]engine.Answer) []engine.Answer{
		"a panic":         func([]engine.Answer) []engine.Answer { panic("a bug") },
		"no answer":       func([]engine.Answer) []engine.Answer { return nil },
		"an empty answer": func(a []engine.Answer) []engine.Answer { a[0] = engine.Answer{}; return a },
		"another image's": func(a []engine.Answer) []engine.Answer { a[0].Image.Digest = bad.String(); return a },
	} {
		t.Run(name, func(t *testing.T) {
			refuses(t, &asker{allow: map[digest.Digest]bool{good: true}, then: then}, nil, podAsk(`{"containers":[{"name":"app","image":"`+shop+"@"+good.String()+`"}]}`), "")
		})
	}
}

// refuses asks a gate, and wants a refusal that says something.
func refuses(t *testing.T, a *asker, with func(*Options), what ask, says string) {
	t.Helper()
	_, got, raw := newGate(t, a, with).post(t, "/validate", what.body())
	if got == nil || got.Allowed || got.Status == nil || !strings.Contains(got.Status.Message, says) {
		t.Errorf("want a refusal with %q: %s", says, raw)
	}
}
