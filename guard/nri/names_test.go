package nri

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
)

// asker allows everything.
type asker struct{ engine.Asker }

func (asker) Ask(context.Context, engine.Question) engine.Answer { return engine.Answer{} }
func (asker) AskAll(_ context.Context, qs []engine.Question) []engine.Answer {
	return make([]engine.Answer, len(qs))
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
		if again, err := OpenNames(asker{}, file); err == nil && len(again.of(d)) == 1 {
			break
		}
		if time.Since(began) > 10*time.Second {
			t.Fatal("not written within 10 s")
		}
	}
	n, stop := keeping(t, file)
	n.Ask(t.Context(), engine.Question{Name: "mirror.example.com/ml/model", Digest: d})
	n.Ask(t.Context(), engine.Question{Name: "Not A Name", Digest: d})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	again, err := OpenNames(asker{}, file)
	if want := []string{"registry.example.com/ml/model", "mirror.example.com/ml/model"}; err != nil || !slices.Equal(again.of(d), want) {
		t.Errorf("%q, %v", again.of(d), err)
	}
}

// TestNamesFileIsRefused: what lies there is bounded and checked, and a bad file costs the names and nothing else.
func TestNamesFileIsRefused(t *testing.T) {
	for name, make := range map[string]func(file string) error{
		"cut short": func(f string) error {
			return os.WriteFile(f, []byte(`{"format":"selfsame-names/v2","known":[{"dig`), 0o600)
		},
		"another format": func(f string) error { return os.WriteFile(f, []byte(`{"format":"v9","known":[]}`), 0o600) },
		"an unknown field": func(f string) error {
			return os.WriteFile(f, []byte(`{"format":"selfsame-names/v2","allow":true}`), 0o600)
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
		if len(n.of(digest.FromString("a"))) != 1 {
			t.Errorf("%s: nothing is remembered any more", name)
		}
	}
}

// TestNamesAreBounded: the oldest goes, and not the newest.
func TestNamesAreBounded(t *testing.T) {
	n := &Names{Asker: asker{}}
	for i := range maxDigests + 1 {
		n.add(engine.Question{Name: "registry.example.com/a", Digest: digest.FromString(fmt.Sprint(i))}, loose)
	}
	for i := range maxNames + 1 {
		n.add(engine.Question{Name: fmt.Sprintf("registry.example.com/%d", i), Digest: digest.FromString("many")}, loose)
	}
	if n.known.Len() != maxDigests || len(n.of(digest.FromString("0"))) != 0 || len(n.of(digest.FromString(fmt.Sprint(maxDigests)))) != 1 || len(n.of(digest.FromString("many"))) != maxNames {
		t.Errorf("%d digests", n.known.Len())
	}
	file := filepath.Join(t.TempDir(), "names.json")
	n.dirty = make(chan struct{}, 1)
	if err := n.write(file, false); err != nil {
		t.Fatal(err)
	}
	if again, err := OpenNames(asker{}, file); err != nil || again.known.Len() != maxDigests || !slices.Equal(again.known.Keys(), n.known.Keys()) {
		t.Errorf("read again: %v", err)
	}
}

// TestGuestsTeachNoNames: who may ask at will neither adds a name nor keeps one from being pushed out.
func TestGuestsTeachNoNames(t *testing.T) {
	n := &Names{Asker: asker{}}
	q := engine.Question{Name: "registry.example.com/a", Digest: digest.FromString("a")}
	guest := engine.WithGuest(t.Context(), 1001)
	n.Ask(guest, q)
	n.AskAll(guest, []engine.Question{q})
	if got := n.of(q.Digest); len(got) > 0 {
		t.Errorf("%q", got)
	}
	n.AskAll(t.Context(), []engine.Question{q})
	if got := n.of(q.Digest); len(got) != 1 {
		t.Errorf("a gate's: %q", got)
	}
}
