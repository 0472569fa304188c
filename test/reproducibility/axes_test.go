package reproducibility

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/selfsame-build/selfsame/report"
)

// planted are the axes that go through the graph, or that a step sees in its own process.
var planted = []string{"time zone", "locale", "CPU features", "open files", "address layout"}

// TestPlantedAxes has a step write down what it sees of each: B's values on B, none of them on A, and not a word in the image's
// configuration.
func TestPlantedAxes(t *testing.T) {
	m := onMachine(t, "first")
	dir := clone(t, "../../examples/broken")
	write(t, dir, map[string]string{"Dockerfile": `FROM debian:trixie
RUN { echo "tz=$TZ"; echo "lang=$LANG"; echo "tunables=$GLIBC_TUNABLES"; echo "files=$(ulimit -S -n)"; \
      echo "personality=$(cat /proc/self/personality)"; } >/seen
`})
	m.lock(dir)
	res := m.build(13, dir)
	limited := slices.ContainsFunc(res.NotApplied, func(n report.NotApplied) bool { return n.Name == "open files" && n.Reason != "" })
	for _, x := range planted {
		if !slices.Contains(res.Axes, x) && !(x == "open files" && limited) { // a machine may leave no room above A's limit
			t.Errorf("axes %v lack %q; not applied %+v", res.Axes, x, res.NotApplied)
		}
	}
	a, b := fileOf(t, filepath.Join(dir, res.Files.A), "seen"), fileOf(t, filepath.Join(dir, res.Files.B), "seen")
	for _, want := range []string{"tz=\n", "lang=\n", "tunables=\n", "personality=00000000\n"} {
		if !strings.Contains(a, want) {
			t.Errorf("A's step saw %q, want %q in it", a, want)
		}
	}
	for _, want := range []string{"tz=ELSEW-14\n", "lang=C.UTF-8\n", "tunables=glibc.cpu.hwcaps=-", "personality=00040000\n"} {
		if !strings.Contains(b, want) {
			t.Errorf("B's step saw %q, want %q in it", b, want)
		}
	}
	if files := regexp.MustCompile(`(?m)^files=\d+$`); !limited && files.FindString(a) == files.FindString(b) {
		t.Errorf("both steps saw %s", files.FindString(a))
	}
	for _, side := range []string{res.Files.A, res.Files.B} {
		for path, blob := range blobs(t, filepath.Join(dir, side)) {
			for _, word := range []string{"ELSEW", "C.UTF-8", "glibc.cpu.hwcaps"} {
				if json.Valid(blob) && bytes.Contains(blob, []byte(word)) {
					t.Errorf("%s holds %s", path, word)
				}
			}
		}
	}
}

// TestStepsThatChoose builds steps that choose their own time zone, by ENV and by ARG, and their own locale: they keep it on B, and the
// result names them.
func TestStepsThatChoose(t *testing.T) {
	m := onMachine(t, "first")
	dir := clone(t, "../../examples/broken")
	write(t, dir, map[string]string{"Dockerfile": `FROM debian:trixie
RUN true
ENV TZ=UTC
ARG LC_ALL=C
RUN date -d @1760000000 +%c >/released; printf 'Gr\303\266\303\237e' | wc -m >/length
`})
	m.lock(dir)
	res := m.build(0, dir)
	want := map[string]string{"time zone": "it sets TZ", "locale": "it sets LC_ALL"}
	for axis, reason := range want {
		i := slices.IndexFunc(res.NotApplied, func(n report.NotApplied) bool { return n.Name == axis })
		if i < 0 || !slices.Contains(res.Axes, axis) {
			t.Errorf("%s: axes %v, not applied %+v; want it measured, but for one step", axis, res.Axes, res.NotApplied)
			continue
		}
		if got := res.NotApplied[i].Steps; !slices.Equal(got, []report.NotAppliedStep{{Step: "Dockerfile:5", Reason: reason}}) {
			t.Errorf("%s is not applied to %+v, want Dockerfile:5, because %s", axis, got, reason)
		}
	}
}

// fileOf is a file's content in the layout of an image that holds it once.
func fileOf(t *testing.T, layout, name string) string {
	t.Helper()
	for _, blob := range blobs(t, layout) {
		if text, ok := inLayer(blob, name); ok {
			return text
		}
	}
	t.Fatalf("%s is in no layer of %s", name, layout)
	return ""
}

func blobs(t *testing.T, layout string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(layout, "blobs/sha256/*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no blobs in %s: %v", layout, err)
	}
	out := map[string][]byte{}
	for _, p := range paths {
		if out[p], err = os.ReadFile(p); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// inLayer finds a file in a layer; other blobs hold none.
func inLayer(blob []byte, name string) (string, bool) {
	var r io.Reader
	if z, err := gzip.NewReader(bytes.NewReader(blob)); err == nil {
		r = z
	} else if d, err := zstd.NewReader(bytes.NewReader(blob)); err == nil {
		defer d.Close()
		r = d
	}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err != nil {
			return "", false
		}
		if h.Name == name {
			text, err := io.ReadAll(tr)
			return string(text), err == nil
		}
	}
}
