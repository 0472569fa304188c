package doctor

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/guard/pull"
)

// What holds where nothing is written: containerd v2.4.2, plugins/imageverifier/plugin.go and path_unix.go.
const (
	defaultBinDir          = "/opt/containerd/image-verifier/bin"
	defaultMaxVerifiers    = 10
	defaultVerifierTimeout = 10 * time.Second
)

const verifierTable = "[plugins.'" + verifiers + "']"

// maxEntries of the folder are looked at.
const maxEntries = 1024

func (n Node) verifier(s settings) (out []Finding) {
	out = append(out, s.disabled(verifiers, "A0961", "no image verifier is asked")...)
	for _, v := range orDefault(s.all("plugins", verifiers, "per_verifier_timeout"), defaultVerifierTimeout.String()) {
		if d, ok := duration(v.any); !ok || d < pull.Deadline {
			out = append(out, Finding{Code: "A0966", Place: v.place, Summary: fmt.Sprintf("image verifiers are killed after `%v`", v.any),
				Why: fmt.Sprintf("%s answers in words within %s; killed before, it refuses every image that is not known yet, and nobody reads why", n.Client, pull.Deadline),
				Fix: "in " + verifierTable + ": per_verifier_timeout = '10s'"})
		}
	}
	limits := orDefault(s.all("plugins", verifiers, "max_verifiers"), int64(defaultMaxVerifiers))
	for _, v := range orDefault(s.all("plugins", verifiers, "bin_dir"), defaultBinDir) {
		dir, _ := v.any.(string)
		out = append(out, n.folder(dir, v.place, limits)...)
	}
	return out
}

// folder looks at what containerd will run (pkg/imageverifier/bindir/bindir.go).
func (n Node) folder(dir, place string, limits []value) (out []Finding) {
	entries, err := readDir(dir)
	if err != nil || len(entries) == 0 {
		what := "is empty"
		if err != nil {
			what = "cannot be read: " + err.Error()
		}
		return []Finding{{Code: "A0961", Place: place, Summary: fmt.Sprintf("the folder of image verifiers `%s` %s", dir, what),
			Why: "containerd allows every pull where the folder is missing or empty (bindir.go, VerifyImage)",
			Fix: fmt.Sprintf("install %s into %s", n.Client, dir)}}
	}
	const why = "whoever can write there decides which program judges images, and what it says"
	out = append(out, n.writable("A0962", dir, why)...)
	ours := -1
	for i, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			out = append(out, Finding{Code: "A0964", Place: path, Summary: "it is in the folder of image verifiers and cannot be run",
				Why: "containerd runs every entry, and no image can be pulled while one of them fails to start (bindir.go, runVerifier)", Fix: "make it a program (chmod 755 " + path + "), or move it out of the folder"})
		}
		if e.Name() == n.Client {
			ours = i
		}
		out = append(out, n.writable("A0962", path, why)...)
	}
	if ours < 0 {
		out = append(out, Finding{Code: "A0965", Place: dir, Summary: n.Client + " is not among the image verifiers",
			Why: "the programs there ask somebody else, so the policy says nothing about what is pulled", Fix: fmt.Sprintf("install %s into %s", n.Client, dir)})
	}
	for _, limit := range limits {
		if m, ok := limit.any.(int64); !ok || m >= 0 && m < int64(len(entries)) {
			out = append(out, Finding{Code: "A0963", Place: limit.place, Summary: fmt.Sprintf("%d image verifiers are there, and `max_verifiers` is %v", len(entries), limit.any),
				Why: "containerd skips those beyond the limit, by name, with one warning (bindir.go, VerifyImage)",
				Fix: fmt.Sprintf("in %s: max_verifiers = %d", verifierTable, len(entries))})
		}
	}
	return out
}

// readDir reads the names in a folder in their order, at most maxEntries.
func readDir(dir string) ([]fs.DirEntry, error) {
	f, err := os.Open(dir) //nolint:gosec // containerd's configuration names it
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	all, err := f.ReadDir(maxEntries + 1)
	if len(all) > maxEntries {
		return nil, fmt.Errorf("it holds more than %d files", maxEntries)
	}
	if errors.Is(err, io.EOF) { // it is empty
		err = nil
	}
	slices.SortFunc(all, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return all, err
}

// orDefault is what files set, or what holds where none does.
func orDefault(all []value, otherwise any) []value {
	if len(all) == 0 {
		return []value{{otherwise, "containerd's default"}}
	}
	return all
}

func duration(v any) (time.Duration, bool) {
	s, _ := v.(string)
	d, err := time.ParseDuration(s)
	return d, err == nil
}
