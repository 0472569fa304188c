package debian

import (
	"bytes"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// base stores packages whose control files are given, each with one file in /opt, and assembles them.
func base(t *testing.T, controls ...string) (laid, given []string, err error) {
	t.Helper()
	store := newStore(t)
	var entries []lock.Entry
	for _, c := range controls {
		name, _, _ := strings.Cut(strings.TrimPrefix(c, "Package: "), "\n")
		b, err := store.Put(t.Context(), bytes.NewReader(debOf(t, c, tarOf(t, map[string]string{"opt/" + name: name}))), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, lock.Entry{Kind: lock.KindDeb, Key: "http://debian.invalid/debian/pool/" + name + "_1_amd64.deb", Digest: b.Digest, Size: b.Size})
	}
	a, err := Assemble(t.Context(), store, entries, AssembleOptions{Arch: "amd64", Epoch: now, TempDir: t.TempDir()})
	if err != nil {
		return nil, nil, err
	}
	for _, n := range names(t, store, a.Rootfs) {
		if strings.HasPrefix(n, "opt/") && n != "opt/" {
			laid = append(laid, path.Base(n))
		}
	}
	for _, n := range names(t, store, a.Debs) {
		if strings.HasSuffix(n, ".deb") {
			given = append(given, strings.TrimSuffix(path.Base(n), "_1_amd64.deb"))
		}
	}
	return laid, given, nil
}

// TestCore: what dpkg and the scripts that run while packages are unpacked need lies there before, and nothing else; dpkg is given all.
func TestCore(t *testing.T) {
	all := []string{
		"Package: base-files\nEssential: yes\nPre-Depends: awk\n",
		"Package: bash\nEssential: yes\nDepends: libtinfo (>= 6),\n debianutils\n",
		"Package: debianutils\nPriority: required\n",
		"Package: libtinfo\n", "Package: mawk\nProvides: awk\nPre-Depends: libm (>= 1) | libmusl\n", "Package: libm\n",
		"Package: python3\nPre-Depends: python3-minimal\nDepends: big\n", "Package: python3-minimal\nDepends: runtime:any (= 3) | other\n",
		"Package: runtime\nRecommends: big\n", "Package: big\nPriority: optional\nDepends: bigger\n", "Package: bigger\nEssential: no\n",
	}
	laid, given, err := base(t, all...)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"base-files", "bash", "debianutils", "libm", "libtinfo", "mawk", "python3-minimal", "runtime"}
	if slices.Sort(laid); !slices.Equal(laid, want) {
		t.Errorf("laid out are %v, want %v", laid, want)
	}
	if len(given) != len(all) {
		t.Errorf("dpkg is given %v", given)
	}
	// Nothing says what a suite of one's own cannot do without.
	laid, _, err = base(t, "Package: a\n", "Package: b\nDepends: nothing\n")
	if err != nil || !slices.Equal(laid, []string{"a", "b"}) {
		t.Errorf("without an essential package %v are laid out, %v", laid, err)
	}
}

// TestCoreOfMalformed: a package that cannot say what it needs is refused, by its name.
func TestCoreOfMalformed(t *testing.T) {
	for name, control := range map[string]string{
		"relation": "Package: odd\nPre-Depends: a b (\n", "twice": "Package: odd\nDepends: a\nDepends: b\n", "no stanza": "Package: odd\nnonsense\n",
	} {
		_, _, err := base(t, "Package: base-files\nEssential: yes\n", control)
		if list := diag.All(err); len(list) != 1 || list[0].Code != codeMalformed || !strings.Contains(err.Error(), "odd_1_amd64.deb") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
