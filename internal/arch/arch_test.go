package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLayers holds the real module against the rules.
func TestLayers(t *testing.T) {
	pkgs := list(t, "./...")
	if len(pkgs) < 100 {
		t.Fatalf("go list found %d packages; this test would prove nothing", len(pkgs))
	}
	for _, breach := range Check(pkgs) {
		t.Error(breach)
	}
}

// TestNoStaleRule: every package that a rule names is there, so that the rules say what the tree is and not what it was.
func TestNoStaleRule(t *testing.T) {
	named := slices.Collect(maps.Keys(layers))
	for from, to := range sideways {
		named = append(append(named, from), to...)
	}
	for _, o := range owners {
		named = append(named, o.owners...)
	}
	for _, b := range bans {
		named = append(named, b.root)
	}
	for _, name := range named {
		if info, err := os.Stat(filepath.Join("..", "..", name)); err != nil || !info.IsDir() {
			t.Errorf("a rule names %s, which is not there", name)
		}
	}
}

// TestFront holds what bin/selfsame links against the rules for it.
func TestFront(t *testing.T) {
	pkgs := list(t, "-tags", "front", "./cmd/selfsame")
	if len(pkgs) < 100 {
		t.Fatalf("go list found %d packages; this test would prove nothing", len(pkgs))
	}
	for _, breach := range CheckFront(pkgs) {
		t.Error(breach)
	}
	if CheckFront(list(t, "./cmd/selfsame")) == nil {
		t.Error("without the tag nothing is banned; this test would prove nothing")
	}
}

// list asks the go command for packages, as its arguments name them, and all that they import.
func list(t *testing.T, args ...string) []Package {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-e", "-deps", "-json=ImportPath,Imports"}, args...)...) //nolint:gosec // our own arguments
	cmd.Dir = filepath.Join("..", "..")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("listing packages: %v\n%s", err, errs.String())
	}
	var pkgs []Package
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p Package
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// TestMainIsADoorbell counts the lines of every command.
func TestMainIsADoorbell(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "cmd", "*", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]int{}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		lines[filepath.Dir(f)] += bytes.Count(text, []byte("\n"))
	}
	for dir, n := range lines {
		if n > maxMain {
			t.Errorf("%s has %d lines, at most %d: a main reads arguments and rings", dir, n, maxMain)
		}
	}
}

// TestCheck breaks each rule once, so that a rule that stopped working is seen.
func TestCheck(t *testing.T) {
	const m = module + "/"
	tests := []struct {
		name string
		pkgs []Package
		want []string
	}{
		{"downwards is fine", []Package{
			{m + "builder", []string{m + "builder/solver", m + "registry", m + "recipes", "context"}},
			{m + "builder/solver", []string{"github.com/moby/buildkit/client", m + "builder/graph"}},
		}, nil},
		{"upwards", []Package{{m + "recipes", []string{m + "builder"}}},
			[]string{"recipes (pure) -> builder (use case): imports run downwards only"}},
		{"sideways within a family", []Package{{m + "recipes/lock", []string{m + "recipes"}}}, nil},
		{"sideways where drawn", []Package{{m + "builder/graph", []string{m + "recipes/lock"}}}, nil},
		{"sideways where not drawn", []Package{{m + "signing", []string{m + "registry"}}},
			[]string{"signing -> registry: both are adapter packages, and the design draws no line between them"}},
		{"packages below internal are no family", []Package{{m + "internal/diag", []string{m + "internal/strictjson"}}},
			[]string{"internal/diag -> internal/strictjson: both are base packages, and the design draws no line between them"}},
		{"a family below internal", []Package{{m + "internal/trace/world", []string{m + "internal/trace"}}}, nil},
		{"pure reaches out", []Package{{m + "compare", []string{"net/http"}}},
			[]string{"compare -> net/http: a pure package's results depend on its arguments alone"}},
		{"net/url is no network", []Package{{m + "compare", []string{"net/url"}}}, nil},
		{"an owned library", []Package{{m + "verify", []string{"github.com/sigstore/sigstore-go/pkg/bundle"}}},
			[]string{"verify -> github.com/sigstore/sigstore-go/pkg/bundle: signatures are made and checked in one package (signing)"}},
		{"an exact library does not cover what is below", []Package{{m + "builder/graph", []string{"github.com/moby/buildkit/client/llb"}}}, nil},
		{"the more exact owner wins", []Package{
			{m + "recipes/lint", []string{
				"github.com/moby/buildkit/frontend/dockerfile/parser",
				"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb",
			}}},
			[]string{"recipes/lint -> github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb: one place turns Dockerfiles into LLB (builder/graph)"}},
		{"processes", []Package{{m + "registry", []string{"os/exec"}}},
			[]string{"registry -> os/exec: processes are started by their owners only (builder/daemon, builder/remote, inputs/source, internal/trace, internal/userns, internal/doctest, signing/plugin, internal/cli)"}},
		{"linking through others", []Package{
			{m + "cmd/selfsame-guard", []string{m + "verify"}},
			{m + "verify", []string{"example.com/x"}},
			{"example.com/x", []string{"github.com/moby/buildkit/util/y"}},
		}, []string{m + "cmd/selfsame-guard -> " + m + "verify -> example.com/x -> github.com/moby/buildkit/util/y: " +
			"the guard runs on every node; it must not carry a builder"}},
		{"a package nobody placed", []Package{{m + "util", nil}},
			[]string{"util is in no layer: place it in internal/arch/rules.go"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Check(tt.pkgs)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
