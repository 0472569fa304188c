package nri

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/nri/pkg/api"
	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/metrics"
)

// wary are answers where any other name has no evidence.
func wary(of answers) answers {
	of[""] = engine.ClassMissing
	return of
}

// TestMadeUpNames: whoever may have an image pulled by names of his own keeps nobody's volume from starting, whenever he comes, also after a
// restart of the agent; and he pushes out no name under which somebody objects.
func TestMadeUpNames(t *testing.T) {
	const honest = "registry.example.com/ml/model"
	d, pod := digest.FromString("model"), strings.Repeat("a", 64)
	c := &api.Container{Name: "app", Mounts: []*api.Mount{{Source: "/run/containerd/image-volumes/" + pod + "/" + d.Encoded(), Destination: "/data"}}}
	var made []string
	for i := range 2 * maxNames {
		made = append(made, fmt.Sprintf("elsewhere.example.com/%d", i))
	}
	starts := func(n *Names, asker answers) bool {
		p := &Plugin{Asker: asker, Names: n, Metrics: metrics.New()}
		return (&gate{p}).volumes(t.Context(), pod, c, engine.Who{}) == nil
	}
	for name, test := range map[string]struct {
		pulled []string
		class  engine.Class
		good   bool
	}{
		"before":               {append(slices.Clone(made), honest), engine.ClassOK, true},
		"after":                {append([]string{honest}, made...), engine.ClassOK, true},
		"around":               {slices.Concat(made, []string{honest}, made), engine.ClassOK, true},
		"objected to, before":  {append(slices.Clone(made), honest), engine.ClassObjected, false},
		"objected to, after":   {append([]string{honest}, made...), engine.ClassObjected, false},
		"no evidence anywhere": {append([]string{honest}, made...), engine.ClassMissing, false},
	} {
		t.Run(name, func(t *testing.T) {
			asker := wary(answers{honest: test.class})
			n := &Names{Asker: asker, dirty: make(chan struct{}, 1)}
			for _, name := range test.pulled {
				n.AskAll(t.Context(), []engine.Question{{Name: name, Digest: d}})
			}
			if got := starts(n, asker); got != test.good || len(n.of(d)) != maxNames {
				t.Errorf("starts %t, of %q", got, n.of(d))
			}
			if known := slices.Contains(n.of(d), honest); known != (test.class != engine.ClassMissing) {
				t.Errorf("%q", n.of(d))
			}
			file := filepath.Join(t.TempDir(), "names.json")
			if err := n.write(file, false); err != nil {
				t.Fatal(err)
			}
			again, err := OpenNames(asker, file)
			if err != nil || !slices.Equal(again.of(d), n.of(d)) {
				t.Fatalf("%q, %v", again.of(d), err)
			}
			for _, name := range made {
				again.Ask(t.Context(), engine.Question{Name: name, Digest: d})
			}
			if got := starts(again, asker); got != test.good {
				t.Errorf("after a restart: starts %t, of %q", got, again.of(d))
			}
		})
	}
}

// TestStandings: a registry that is down takes a name's standing from nobody, and what it then refuses may go.
func TestStandings(t *testing.T) {
	d := digest.FromString("model")
	of := answers{}
	n := &Names{Asker: wary(of)}
	ask := func(class engine.Class, name string) {
		of[name] = class
		n.Ask(t.Context(), engine.Question{Name: name, Digest: d})
	}
	for _, c := range []engine.Class{engine.ClassOK, engine.ClassUndecided, engine.ClassPending, engine.ClassBusy, engine.ClassGone, engine.ClassNoPolicy} {
		ask(c, "r.example.com/first")
	}
	for i := range maxNames {
		ask(engine.ClassMissing, fmt.Sprintf("r.example.com/%d", i))
	}
	if got := n.of(d); !slices.Equal(got, []string{"r.example.com/first", "r.example.com/1", "r.example.com/2", "r.example.com/3"}) {
		t.Errorf("while the registry is down: %q", got)
	}
	for i := range maxNames {
		ask(engine.ClassOK, fmt.Sprintf("r.example.com/good%d", i))
	}
	if got := n.of(d); !slices.Equal(got, []string{"r.example.com/first", "r.example.com/good0", "r.example.com/good1", "r.example.com/good2"}) {
		t.Errorf("firm ones alone: %q", got)
	}
	ask(engine.ClassRule, "r.example.com/first")
	ask(engine.ClassOK, "r.example.com/good3")
	if got := n.of(d); !slices.Equal(got, []string{"r.example.com/good0", "r.example.com/good1", "r.example.com/good2", "r.example.com/good3"}) {
		t.Errorf("one that is refused by now: %q", got)
	}
}

// TestStartTeachesStandings: what the start gate asks itself counts as what the pull gate does.
func TestStartTeachesStandings(t *testing.T) {
	const honest = "registry.example.com/team/shop"
	d := digest.FromString("shop")
	p := &Plugin{Asker: wary(answers{honest: engine.ClassOK}), Names: &Names{}, Metrics: metrics.New()}
	p.deadline.Store(int64(MaxDecision))
	create := func(name string) error {
		return (&gate{p}).ValidateContainerAdjustment(t.Context(), &api.ValidateContainerAdjustmentRequest{Pod: &api.PodSandbox{},
			Container: &api.Container{Name: "app", Image: &api.Image{Name: name, Digest: d.String()}}})
	}
	if err := create(honest); err != nil {
		t.Fatal(err)
	}
	for i := range maxNames {
		if create(fmt.Sprintf("elsewhere.example.com/%d", i)) == nil {
			t.Fatal("one without evidence starts")
		}
	}
	if got := p.Names.of(d); len(got) != maxNames || got[0] != honest {
		t.Errorf("%q", got)
	}
	// A volume's answer counts as well: while it was pulled nobody could say, and the pod was made all the same.
	model, pod := digest.FromString("model"), strings.Repeat("a", 64)
	p.Names.add(engine.Question{Name: honest, Digest: model}, unclear)
	c := &api.Container{Name: "app", Mounts: []*api.Mount{{Source: "/run/containerd/image-volumes/" + pod + "/" + model.Encoded(), Destination: "/data"}}}
	if err := (&gate{p}).volumes(t.Context(), pod, c, engine.Who{}); err != nil {
		t.Fatal(err)
	}
	for i := range maxNames {
		p.Names.add(engine.Question{Name: fmt.Sprintf("elsewhere.example.com/%d", i), Digest: model}, loose)
	}
	if got := p.Names.of(model); len(got) != maxNames || got[0] != honest {
		t.Errorf("of a volume: %q", got)
	}
}

// noting has all questions.
type noting struct {
	answers
	all *[]engine.Question
}

func (n noting) AskAll(ctx context.Context, qs []engine.Question) []engine.Answer {
	*n.all = append(*n.all, qs...)
	return n.answers.AskAll(ctx, qs)
}

// TestOneOfItsNames: the log tells a denial under one of several names from one that kept a volume from starting.
func TestOneOfItsNames(t *testing.T) {
	d, pod := digest.FromString("model"), strings.Repeat("a", 64)
	c := &api.Container{Name: "app", Mounts: []*api.Mount{{Source: "/run/containerd/image-volumes/" + pod + "/" + d.Encoded(), Destination: "/data"}}}
	var asked []engine.Question
	p := &Plugin{Asker: noting{wary(answers{"r.example.com/a": engine.ClassOK}), &asked}, Names: &Names{}, Metrics: metrics.New()}
	for n, name := range []string{"r.example.com/a", "r.example.com/b", "r.example.com/c"} {
		p.Names.add(engine.Question{Name: name, Digest: d}, loose)
		asked = nil
		if err := (&gate{p}).volumes(t.Context(), pod, c, engine.Who{}); err != nil {
			t.Fatal(err)
		}
		for _, q := range asked {
			if want := []int{0, 2, 3}[n]; len(asked) != n+1 || q.Who.OneOf != want {
				t.Errorf("%d names: %+v", n+1, q)
			}
		}
	}
}
