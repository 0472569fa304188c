package nri

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/containerd/nri/pkg/api"
	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/metrics"
)

// answers are classes by name; what has none is of the class of "", or allowed.
type answers map[string]engine.Class

func (a answers) Ask(_ context.Context, q engine.Question) engine.Answer {
	out := engine.Answer{Class: cmp.Or(a[q.Name], a[""], engine.ClassOK)}
	out.Allow = out.Class == engine.ClassOK || out.Class == engine.ClassBreakGlass
	return out
}

func (a answers) AskAll(ctx context.Context, qs []engine.Question) (out []engine.Answer) {
	for _, q := range qs {
		out = append(out, a.Ask(ctx, q))
	}
	return out
}

// TestVolumeUnderAnotherName: an image that is mounted as a volume may be known by several names, and one that is content is enough. What somebody
// objects to, or the list denies, under one of them is refused all the same: whoever may pull it under another name, where nobody has
// objected yet, would have it mounted.
func TestVolumeUnderAnotherName(t *testing.T) {
	d, pod := digest.FromString("volume"), strings.Repeat("a", 64)
	c := &api.Container{Name: "app", Mounts: []*api.Mount{{Source: "/run/containerd/image-volumes/" + pod + "/" + d.Encoded(), Destination: "/data"}}}
	for name, test := range map[string]struct {
		asked answers
		good  bool
	}{
		"under both":                           {answers{}, true},
		"no evidence under one":                {answers{"registry.example.com/team/a": engine.ClassMissing}, true},
		"none under the other":                 {answers{"registry.example.com/team/b": engine.ClassRule}, true},
		"objected to under one":                {answers{"registry.example.com/team/a": engine.ClassObjected}, false},
		"objected to under other":              {answers{"registry.example.com/team/b": engine.ClassObjected}, false},
		"denied under one":                     {answers{"registry.example.com/team/a": engine.ClassDenied}, false},
		"objected to, and the glass is broken": {answers{"registry.example.com/team/a": engine.ClassObjected, "registry.example.com/team/b": engine.ClassBreakGlass}, true},
		"broken, and objected to":              {answers{"registry.example.com/team/a": engine.ClassBreakGlass, "registry.example.com/team/b": engine.ClassObjected}, true},
		"denied, and the glass is broken":      {answers{"registry.example.com/team/a": engine.ClassBreakGlass, "registry.example.com/team/b": engine.ClassDenied}, false},
		"no evidence under either":             {answers{"registry.example.com/team/a": engine.ClassMissing, "registry.example.com/team/b": engine.ClassMissing}, false},
	} {
		p := &Plugin{Asker: test.asked, Names: &Names{}, Metrics: metrics.New()}
		for _, n := range []string{"registry.example.com/team/a", "registry.example.com/team/b"} {
			p.Names.add(engine.Question{Name: n, Digest: d}, loose)
		}
		if err := (&gate{p}).volumes(t.Context(), pod, c, engine.Who{}); (err == nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Denied is the deny list, of which the word "listed" stands for a digest.
func (a answers) Denied(q engine.Question) (engine.Answer, bool) {
	out := engine.Unanswered(q, errors.New("on the deny list: leaks keys"))
	out.Class = engine.ClassDenied
	return out, a["listed"] != ""
}

// TestNamelessVolumeThatIsDenied: the deny list names digests. That nobody knows an image volume's name, or that somebody had it forgotten, does
// not let in what is on it. What is refused is counted as that, and not as what nobody checked.
func TestNamelessVolumeThatIsDenied(t *testing.T) {
	d, pod := digest.FromString("volume"), strings.Repeat("a", 64)
	c := &api.Container{Name: "app", Mounts: []*api.Mount{{Source: "/run/containerd/image-volumes/" + pod + "/" + d.Encoded(), Destination: "/data"}}}
	const unchecked = `selfsame_unchecked_total{point="start",reason="image-volume"} 1`
	for _, test := range []struct {
		refuse      bool
		asked       string
		want, count string
	}{
		{false, "", "", unchecked},
		{true, "", "nobody knows its name", `selfsame_verify_total{point="start",reason="undecided",result="deny"} 1`},
		{false, "listed", "leaks keys\nbefore any rule (denied)", `selfsame_verify_total{point="start",reason="denied",result="deny"} 1`},
		{true, "listed", "leaks keys\nbefore any rule (denied)", `selfsame_verify_total{point="start",reason="denied",result="deny"} 1`},
	} {
		p := &Plugin{Asker: answers{test.asked: engine.ClassDenied}, Names: &Names{}, Metrics: metrics.New(), RefuseVolumes: test.refuse}
		err := (&gate{p}).volumes(t.Context(), pod, c, engine.Who{})
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("refuse %t, %q: %v, want %q", test.refuse, test.asked, err, test.want)
		}
		shown := httptest.NewRecorder()
		p.Metrics.Handler().ServeHTTP(shown, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if text := shown.Body.String(); !strings.Contains(text, test.count) || test.count != unchecked && strings.Contains(text, unchecked) {
			t.Errorf("refuse %t, %q: no %s in\n%s", test.refuse, test.asked, test.count, text)
		}
	}
}

// TestVolumeOfAnotherDigest: an image by a digest that is not of sha256 is a volume all the same: counted or refused as one whose name nobody knows,
// and in the inventory, where it is never verified.
func TestVolumeOfAnotherDigest(t *testing.T) {
	pod := strings.Repeat("a", 64)
	for _, part := range []string{strings.Repeat("b", 128), strings.Repeat("b", 128) + "/models", strings.Repeat("B", 64), ""} {
		c := &api.Container{Id: "c", Name: "app", Mounts: []*api.Mount{{Source: "/run/containerd/image-volumes/" + pod + "/" + part, Destination: "/data"}}}
		for _, refuse := range []bool{false, true} {
			p := &Plugin{Asker: answers{}, Names: &Names{}, Metrics: metrics.New(), RefuseVolumes: refuse}
			g := &gate{p}
			err := g.volumes(t.Context(), pod, c, engine.Who{})
			if (err != nil) != refuse || refuse && !strings.Contains(err.Error(), "an image volume@unknown is denied: it has no sha256 digest") {
				t.Errorf("%q, refuse %t: %v", part, refuse, err)
			}
			shown := httptest.NewRecorder()
			p.Metrics.Handler().ServeHTTP(shown, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			if counted := strings.Contains(shown.Body.String(), `selfsame_unchecked_total{point="start",reason="image-volume"} 1`); counted == refuse {
				t.Errorf("%q, refuse %t: counted %t", part, refuse, counted)
			}
			if all := g.mounted(&api.PodSandbox{Id: pod}, c); len(all) != 1 || all[0].Digest != "" || all[0].Image != "" || all[0].Of != "c" {
				t.Errorf("%q: %+v", part, all)
			}
		}
		if err := (&gate{&Plugin{Asker: answers{"listed": engine.ClassDenied}, Names: &Names{}, Metrics: metrics.New()}}).volumes(t.Context(), pod, c, engine.Who{}); err == nil {
			t.Error("it starts although the deny list cannot say")
		}
	}
}
