package builder

import (
	"slices"
	"sync/atomic"
	"testing"

	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/builder/daemon"
	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/recipes"
)

// TestPublishedPlatforms: what was published of a recipe is built again, and no more of it.
func TestPublishedPlatforms(t *testing.T) {
	recipe := &recipes.Recipe{Platforms: []string{"linux/amd64", "linux/arm64"}}
	for name, c := range map[string]struct {
		said string
		want []string // nil: an error
	}{
		"one of two":                 {`["linux/arm64"]`, []string{"linux/arm64"}},
		"both":                       {`["linux/amd64","linux/arm64"]`, []string{"linux/amd64", "linux/arm64"}},
		"none":                       {`[]`, nil},
		"one that the recipe lacks":  {`["linux/amd64","linux/riscv64"]`, nil},
		"what cannot be read at all": {`7`, nil},
	} {
		var p provenance.Provenance
		p.BuildDefinition.BuildType = provenance.BuildType
		p.BuildDefinition.ExternalParameters = []byte(`{"source":{"path":"."},"recipe":{"path":"r","digest":{"sha256":"00"}},"platforms":` + c.said + `}`)
		list, err := publishedPlatforms(p, recipe)
		if (err == nil) != (c.want != nil) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err != nil {
			continue
		}
		r := &restored{project: &project{recipe: recipe}, platforms: list}
		if got, err := r.choose(nil); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if got, err := r.choose([]string{"linux/amd64"}); err != nil || !slices.Equal(got, []string{"linux/amd64"}) {
			t.Errorf("%s: asked for another: %v, %v", name, got, err)
		}
	}
}

// TestRootOfAnAudit: where no file with a filesystem can be made memory will do, if there is enough of it; and no builder gets more than it may have.
func TestRootOfAnAudit(t *testing.T) {
	const gb = 1 << 30
	for _, c := range []struct {
		disk, memory int64
		on           bool
		root         daemon.Root
		bytes        int64
	}{
		{40 * gb, 64 * gb, true, daemon.RootExt4, 40 * gb},
		{40 * gb, 64 * gb, false, daemon.RootTmpfs, 32 * gb},
		{10 * gb, 64 * gb, false, daemon.RootTmpfs, 10 * gb},
		{40 * gb, 8 * gb, false, daemon.RootExt4, 40 * gb}, // whose log says what is lacking
	} {
		if root, bytes := (&Host{Memory: c.memory}).rootAudit(c.disk, c.on); root != c.root || bytes != c.bytes {
			t.Errorf("%+v: %s of %d", c, root, bytes)
		}
	}
	b := (&Host{Memory: 64 * gb, CPUs: 2}).worldB()
	if got := b.within(5 * gb).daemon.RootBytes; got != 5*gb {
		t.Errorf("builder B may write %d", got)
	}
	if got := b.within(100 * gb).daemon.RootBytes; got != b.daemon.RootBytes || b.within(0).daemon.RootBytes != got {
		t.Errorf("builder B may write %d", got)
	}
}

// TestBoundedGivesBack: a blob that is not what it is said to be uses up nothing.
func TestBoundedGivesBack(t *testing.T) {
	store, err := inputs.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	left := &atomic.Int64{}
	left.Store(10)
	b := bounded{sink{store}, left, 10}
	for range 3 {
		if _, err := b.Put(t.Context(), failing{}, 9); err == nil {
			t.Fatal("it was kept")
		}
		if _, err := b.Put(t.Context(), strings.NewReader("x"), 11); err == nil {
			t.Fatal("it was kept")
		}
	}
	if d, err := b.Put(t.Context(), strings.NewReader("123456789"), 9); err != nil || d != digest.FromString("123456789") {
		t.Error(d, err)
	}
	if _, err := b.Put(t.Context(), strings.NewReader("12"), 2); err == nil {
		t.Error("there is more room than was given")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, inputs.ErrCorrupt }
