package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/verify"
)

// bareImage is a layout with an image without evidence.
func bareImage(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	l, err := layout.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	raw := []byte(`{"schemaVersion":2,"mediaType":"` + v1.MediaTypeImageIndex + `","manifests":[]}`)
	if err := l.Add(t.Context(), artifact.Descriptor{MediaType: v1.MediaTypeImageIndex, Digest: digest.FromBytes(raw)}, raw); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestVerifyMany: a line for each image in the order of the references, and the exit code of the worst.
func TestVerifyMany(t *testing.T) {
	dir := t.TempDir()
	_, public, err := signing.NewKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, list := filepath.Join(dir, "k.pub"), filepath.Join(dir, "images")
	bare, unreachable := bareImage(t), "127.0.0.1:1/team/app@"+digest.FromString("x").String()
	text := "# images\n" + unreachable + "\n\n" + bare + "\nnot a reference\n" + unreachable + "\n"
	for path, content := range map[string]string{key: string(public), list: text} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) (string, int) {
		var out, errs bytes.Buffer
		code := Main(t.Context(), append([]string{"verify", "--key", key}, args...), Streams{Out: &out, Err: &errs, Env: func(string) string { return "" }})
		return out.String(), code
	}
	out, code := run("--json", "--from-file", list, "--jobs", "2")
	want := []verify.Verdict{verify.VerdictUndecided, verify.VerdictMissing, verify.VerdictUndecided, verify.VerdictUndecided}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != diag.ExitMissing || len(lines) != len(want) {
		t.Fatalf("exit %d, %d lines\n%s", code, len(lines), out)
	}
	for i, l := range lines {
		var res verify.Result
		if err := json.Unmarshal([]byte(l), &res); err != nil || res.Verdict != want[i] {
			t.Errorf("line %d: %s, %v, want %s", i+1, res.Verdict, err, want[i])
		}
	}
	if out, code := run(unreachable, unreachable); code != diag.ExitUndecided || strings.Count(out, "\n") != 2 || !strings.HasPrefix(out, "could not decide: "+unreachable+" - image: ") {
		t.Errorf("exit %d\n%s", code, out)
	}
	for _, args := range [][]string{{}, {"--from-file", key + ".none"}, {"--from-file", os.DevNull}, {bare, "--jobs", "0"}, {bare, "--deny-list", "x"}} {
		if _, code := run(args...); code != diag.ExitUsage {
			t.Errorf("%v: exit %d", args, code)
		}
	}
}

func TestWorse(t *testing.T) {
	for _, c := range [][3]int{{0, 17, 17}, {17, 0, 17}, {17, 14, 14}, {14, 16, 16}, {16, 15, 15}, {15, 17, 15}, {15, 99, 99}, {0, 0, 0}} {
		if got := worse(c[0], c[1]); got != c[2] {
			t.Errorf("worse(%d, %d) is %d, want %d", c[0], c[1], got, c[2])
		}
	}
}
