package nri

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/policy"
)

// asker allows everything that is not of evil.example.com.
type asker struct{ engine.Asker }

func (asker) Ask(_ context.Context, q engine.Question) engine.Answer {
	return engine.Answer{Verdict: policy.Verdict{Allow: !strings.HasPrefix(q.Name, "evil.example.com/")}}
}

func (a asker) AskAll(ctx context.Context, qs []engine.Question) (out []engine.Answer) {
	for _, q := range qs {
		out = append(out, a.Ask(ctx, q))
	}
	return out
}

// keeping opens a file and keeps it until stop.
func keeping(t *testing.T, file string) (n *Names, stop func() error) {
	t.Helper()
	n, err := OpenNames(asker{}, file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Keep(ctx, file, time.Hour, func(s string) { t.Error(s) }) }()
	return n, func() error { cancel(); return <-done }
}

func TestNamesOutliveTheAgent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "names.json")
	d := digest.FromString("model")
	n, _ := keeping(t, file)
	n.Ask(t.Context(), engine.Question{Name: "registry.example.com/ml/model", Digest: d})
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) { // the first one is written at once: a kill comes without a word
		if again, err := OpenNames(asker{}, file); err == nil && len(again.of(d).Let) == 1 {
			break
		}
		if time.Since(began) > 10*time.Second {
			t.Fatal("not written within 10 s")
		}
	}
	n, stop := keeping(t, file)
	n.Ask(t.Context(), engine.Question{Name: "mirror.example.com/ml/model", Digest: d})
	n.Ask(t.Context(), engine.Question{Name: "Not A Name", Digest: d})
	n.Ask(t.Context(), engine.Question{Name: "evil.example.com/model", Digest: d})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	again, err := OpenNames(asker{}, file)
	if want := []string{"registry.example.com/ml/model", "mirror.example.com/ml/model"}; err != nil || !slices.Equal(again.of(d).Let, want) || !slices.Equal(again.of(d).Refused, []string{"evil.example.com/model"}) {
		t.Errorf("%+v, %v", again.of(d), err)
	}
}

// TestNamesFileIsRefused: what lies there is bounded and checked, and a bad file costs the names and nothing else.
func TestNamesFileIsRefused(t *testing.T) {
	for name, make := range map[string]func(file string) error{
		"cut short": func(f string) error {
			return os.WriteFile(f, []byte(`{"format":"selfsame-names/v1","known":[{"dig`), 0o600)
		},
		"another format": func(f string) error { return os.WriteFile(f, []byte(`{"format":"v9","known":[]}`), 0o600) },
		"an unknown field": func(f string) error {
			return os.WriteFile(f, []byte(`{"format":"selfsame-names/v1","allow":true}`), 0o600)
		},
		"a folder":          func(f string) error { return os.Mkdir(f, 0o700) },
		"a link":            func(f string) error { return os.Symlink("/dev/zero", f) },
		"huge":              func(f string) error { return os.WriteFile(f, nil, 0o600) },
		"deeper than it is": func(f string) error { return os.WriteFile(f, []byte(strings.Repeat("[", 100_000)), 0o600) },
	} {
		file := filepath.Join(t.TempDir(), "names.json")
		if err := make(file); err != nil {
			t.Fatal(err)
		}
		if name == "huge" {
			if err := os.Truncate(file, 1<<40); err != nil {
				t.Fatal(err)
			}
		}
		n, err := OpenNames(asker{}, file)
		if err == nil || !strings.Contains(err.Error(), "are not used") {
			t.Errorf("%s: %v", name, err)
		}
		n.Ask(t.Context(), engine.Question{Name: "registry.example.com/a", Digest: digest.FromString("a")})
		if len(n.of(digest.FromString("a")).Let) != 1 {
			t.Errorf("%s: nothing is remembered any more", name)
		}
	}
}

// TestNamesAreBounded: the oldest digest goes, and not the newest; of a name too much it is known that it was there.
func TestNamesAreBounded(t *testing.T) {
	n := &Names{Asker: asker{}}
	for i := range maxDigests + 1 {
		n.add(engine.Question{Name: "registry.example.com/a", Digest: digest.FromString(fmt.Sprint(i))}, true)
	}
	many := digest.FromString("many")
	for i := range maxNames + 1 {
		if n.add(engine.Question{Name: fmt.Sprintf("registry.example.com/%d", i), Digest: many}, true); n.of(many).More != (i == maxNames) {
			t.Errorf("after %d names: %+v", i+1, n.of(many))
		}
		n.add(engine.Question{Name: fmt.Sprintf("evil.example.com/%d", i), Digest: many}, false)
	}
	if n.known.Len() != maxDigests || len(n.of(digest.FromString("0")).Let) != 0 || len(n.of(digest.FromString(fmt.Sprint(maxDigests))).Let) != 1 || len(n.of(many).Let) != maxNames || len(n.of(many).Refused) != maxNames {
		t.Errorf("%d digests, %+v", n.known.Len(), n.of(many))
	}
	file := filepath.Join(t.TempDir(), "names.json")
	n.dirty = make(chan struct{}, 1)
	if err := n.write(file, false); err != nil {
		t.Fatal(err)
	}
	if again, err := OpenNames(asker{}, file); err != nil || again.known.Len() != maxDigests || !slices.Equal(again.known.Keys(), n.known.Keys()) || !reflect.DeepEqual(again.of(many), n.of(many)) {
		t.Errorf("read again: %v", err)
	}
}

// TestNamesApart: whoever may have an image asked for under names of his own choice does not decide under which it is judged as a volume.
func TestNamesApart(t *testing.T) {
	n, d := &Names{Asker: asker{}}, digest.FromString("a")
	wants := func(must, may string) {
		t.Helper()
		if a, b := n.of(d).asked(); strings.Join(a, " ") != must || strings.Join(b, " ") != may {
			t.Errorf("%q and %q, want %q and %q", a, b, must, may)
		}
	}
	n.Ask(t.Context(), engine.Question{Name: "evil.example.com/a", Digest: d})
	wants("evil.example.com/a", "")
	n.AskAll(t.Context(), []engine.Question{{Name: "registry.example.com/a", Digest: d}, {Name: "evil.example.com/b", Digest: d}, {Name: "mirror.example.com/a", Digest: d}})
	wants("registry.example.com/a mirror.example.com/a", "evil.example.com/a evil.example.com/b")
	n.add(engine.Question{Name: "evil.example.com/b", Digest: d}, true) // evidence came
	wants("registry.example.com/a mirror.example.com/a evil.example.com/b", "evil.example.com/a")
	n.add(engine.Question{Name: "registry.example.com/a", Digest: d}, false) // and this one was taken back
	wants("registry.example.com/a mirror.example.com/a evil.example.com/b", "evil.example.com/a")
	if lets(engine.Answer{Class: engine.ClassBreakGlass, Verdict: policy.Verdict{Allow: true}}) {
		t.Error("break-glass teaches names")
	}
}

// TestGuestsTeachNoNames: who may ask at will neither adds a name nor keeps one from being pushed out.
func TestGuestsTeachNoNames(t *testing.T) {
	n := &Names{Asker: asker{}}
	q := engine.Question{Name: "registry.example.com/a", Digest: digest.FromString("a")}
	guest := engine.WithGuest(t.Context(), 1001)
	n.Ask(guest, q)
	n.AskAll(guest, []engine.Question{q})
	if got := n.of(q.Digest); len(got.Let) > 0 {
		t.Errorf("%+v", got)
	}
	n.AskAll(t.Context(), []engine.Question{q})
	if got := n.of(q.Digest); len(got.Let) != 1 {
		t.Errorf("a gate's: %+v", got)
	}
}
