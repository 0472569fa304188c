package recipes

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	digest "github.com/opencontainers/go-digest"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

// small is the least that a recipe says.
const small = "recipe: v1\nname: shop\nplatforms: [linux/amd64]\nbuild: {dockerfile: Dockerfile}\n"

// full uses every key of a recipe with stages.
const full = `# A comment.
recipe: v1
name: shop
platforms: [linux/amd64, linux/arm/v7]
source: {git: "https://example.com/team/shop.git", ref: v1.2.3}
epoch: 1700000000
build:
  stages:
    - name: build
      from: {debian: {suite: trixie, packages: [gcc, libc6-dev], mirror: "http://debian.example.com/debian"}}
      env: {CFLAGS: -O2, EMPTY: ""}
      workdir: /src
      user: "1000:1000"
      steps:
        - copy: {sources: ["*.c", Makefile], to: /src/}
        - run: |
            make
            make install
    - name: final
      from: scratch
      steps:
        - copy: {from: build, sources: [/out/app], to: /app, mode: "0755", owner: "0:0"}
        - copy: {from: "busybox:1.37", sources: [/bin/sh], to: /bin/sh}
  config:
    entrypoint: [/app]
    cmd: []
    env: {HOME: /}
    workdir: /
    user: app
    expose: ["8080", 53/udp]
    volumes: [/data]
    labels: {org.opencontainers.image.title: "Shop é日本"}
    stopSignal: SIGQUIT
output:
  image: registry.example.com:5000/team/shop
  compression: gzip
record:
  private: [npm.corp.example, "10.0.0.1:8081"]
`

// dockerfile uses every key of a recipe with a Dockerfile.
const dockerfile = `
recipe: v1
name: shop
platforms:
- linux/arm64
source:
  path: ../app
epoch: source
build:
  dockerfile: docker/Dockerfile
  target: final
  args:
    VERSION: "1.10"
    COMMENT: ''
  contexts:
    base: {debian: {suite: trixie}}
    "node:22": {image: "node:22@sha256:0000000000000000000000000000000000000000000000000000000000000000"}
    assets: {path: assets}
`

// accepted is the corpus of recipes that must be read; the schema test and the fuzz test share it.
var accepted = []string{small, full, dockerfile, strings.ReplaceAll(full, "\n", "\r\n"), "---\n" + small, small + "...\n", "\n# x\n" + small + "\n\n"}

func TestParseFillsTheTypes(t *testing.T) {
	r, err := Parse("dir/recipe.yaml", []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	want := &Recipe{
		Version: "v1", Name: "shop", Platforms: []string{"linux/amd64", "linux/arm/v7"},
		Source: Source{Git: "https://example.com/team/shop.git", Ref: "v1.2.3"}, Epoch: Epoch{Seconds: 1700000000},
		Build: Build{
			Stages: []Stage{{
				Name: "build", From: From{Debian: &Debian{Suite: "trixie", Packages: []string{"gcc", "libc6-dev"}, Mirror: "http://debian.example.com/debian"}},
				Env: map[string]string{"CFLAGS": "-O2", "EMPTY": ""}, Workdir: "/src", User: "1000:1000",
				Steps: []Step{{Copy: &Copy{Sources: []string{"*.c", "Makefile"}, To: "/src/"}}, {Run: "make\nmake install\n"}},
			}, {
				Name: "final", From: From{Name: "scratch"},
				Steps: []Step{{Copy: &Copy{From: "build", Sources: []string{"/out/app"}, To: "/app", Mode: "0755", Owner: "0:0"}},
					{Copy: &Copy{From: "busybox:1.37", Sources: []string{"/bin/sh"}, To: "/bin/sh"}}},
			}},
			Config: Config{Entrypoint: []string{"/app"}, Cmd: []string{}, Env: map[string]string{"HOME": "/"}, Workdir: "/", User: "app", Expose: []string{"8080", "53/udp"},
				Volumes: []string{"/data"}, Labels: map[string]string{"org.opencontainers.image.title": "Shop é日本"}, StopSignal: "SIGQUIT"},
		},
		Output: Output{Image: "registry.example.com:5000/team/shop", Compression: "gzip"},
		Record: Record{Private: []string{"npm.corp.example", "10.0.0.1:8081"}},
		Path:   "dir/recipe.yaml", Dir: "dir",
	}
	if d := cmp.Diff(want, r, cmpopts.IgnoreFields(Recipe{}, "At", "Lines")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestDefaults(t *testing.T) {
	r, err := Parse("recipe.yaml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	if !r.Epoch.FromSource || r.Source.Path != "." || r.Output.Compression != "zstd" || r.Dir != "." {
		t.Errorf("got epoch %+v, source %+v, compression %q, dir %q", r.Epoch, r.Source, r.Output.Compression, r.Dir)
	}
	r, err = Parse("recipe.yaml", []byte(small+"epoch: 0\n"))
	if err != nil {
		t.Fatal(err)
	}
	if r.Epoch != (Epoch{}) {
		t.Errorf("epoch 0 became %+v", r.Epoch)
	}
}

func TestPlaces(t *testing.T) {
	r, err := Parse("r.yaml", []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	// The text that each place must underline; each is there once.
	for path, want := range map[string]string{
		"name": "shop", "platforms": "platforms", "platforms[1]": "linux/arm/v7", "source.git": `"https://example.com/team/shop.git"`,
		"epoch": "1700000000", "build.stages[0].from.debian.suite": "trixie", "build.stages[0].steps[1].run": "|",
		"build.stages[1].steps[0].copy.mode": `"0755"`, `build.config.labels["org.opencontainers.image.title"]`: `"Shop é日本"`,
		"build.config.stopSignal": "SIGQUIT", "record": "record",
	} {
		p := r.At[path]
		if p.File != "r.yaml" || p.Line < 1 || p.Line > len(r.Lines) {
			t.Errorf("%s is at %v", path, p)
			continue
		}
		line := []rune(r.Lines[p.Line-1])
		if got := string(line[p.Column-1 : p.Column-1+p.Length]); got != want {
			t.Errorf("%s is at %v, %q; want %q", path, p, got, want)
		}
	}
	at := func(line, column, length int) diag.Position {
		return diag.Position{File: "r.yaml", Line: line, Column: column, Length: length}
	}
	got, line := r.Where("source.path")
	if got != at(5, 1, 6) || !strings.HasPrefix(line, "source: {git") {
		t.Errorf("a field that is not there is found at %v %q, not at what is around it", got, line)
	}
	if got, _ := r.Where("nothing"); got != (diag.Position{File: "r.yaml"}) {
		t.Errorf("a field that does not exist is found at %v", got)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	check := func(path string, code diag.Code, help string) {
		t.Helper()
		_, err := Load(path)
		list := diag.All(err)
		if len(list) != 1 || list[0].Code != code || !strings.Contains(list[0].Help, help) {
			t.Errorf("loading %s gave %+v; want %s with %q", path, list, code, help)
		}
		if diag.ExitCode(err) != diag.ExitUsage {
			t.Errorf("loading %s leads to exit %d", path, diag.ExitCode(err))
		}
	}
	check(dir, diag.CodeRecipeNotFound, "selfsame init")
	check(filepath.Join(dir, "none.yaml"), diag.CodeRecipeNotFound, "selfsame init")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("recipe.yml", small)
	check(dir, diag.CodeRecipeNotFound, "mv ")
	check("/dev/zero", diag.CodeRecipeUnreadable, "")
	write("big.yaml", strings.Repeat("#", maxBytes+1))
	check(filepath.Join(dir, "big.yaml"), diag.CodeRecipeTooLarge, "")
	write("recipe.yaml", small)
	for _, path := range []string{dir, filepath.Join(dir, "recipe.yaml")} {
		r, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if r.Dir != dir || r.Path != filepath.Join(dir, "recipe.yaml") {
			t.Errorf("loading %s gave the path %s in %s", path, r.Path, r.Dir)
		}
	}
	t.Chdir(dir)
	if r, err := Load(""); err != nil || r.Path != "recipe.yaml" || r.Dir != "." {
		t.Errorf("the current folder gave %+v, %v", r, err)
	}
	if err := os.Symlink("recipe.yaml", "loop.yaml"); err == nil {
		_ = os.Remove("recipe.yaml")
		_ = os.Symlink("loop.yaml", "recipe.yaml")
		check("", diag.CodeRecipeUnreadable, "ls -l")
	}
}

func TestCanonical(t *testing.T) {
	r, err := Parse("r.yaml", []byte(dockerfile))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"recipe": "v1", "name": "shop", "platforms": ["linux/arm64"], "source": {"path": "../app"}, "epoch": "source", ` +
		`"build": {"dockerfile": "docker/Dockerfile", "target": "final", "args": {"COMMENT": "", "VERSION": "1.10"}, ` +
		`"contexts": {"assets": {"path": "assets"}, "base": {"debian": {"suite": "trixie"}}, ` +
		`"node:22": {"image": "node:22@sha256:0000000000000000000000000000000000000000000000000000000000000000"}}}, "output": {"compression": "zstd"}}` + "\n"
	if d := cmp.Diff(want, string(r.Canonical())); d != "" {
		t.Errorf("locks are bound to this form; it may not change (-want +got):\n%s", d)
	}
	if got := r.Digest(); got != digest.FromString(want) {
		t.Errorf("the digest is %s, not that of the canonical form", got)
	}
}

func TestCanonicalSeesMeaningOnly(t *testing.T) {
	base := mustParse(t, small)
	same := []string{
		"# comment\n" + small,
		"build:\n    \"dockerfile\": 'Dockerfile'\nname: \"shop\"\nplatforms:\n- linux/amd64\nrecipe: v1\n",
		small + "epoch: source\nsource: {path: .}\noutput: {compression: zstd}\n",
	}
	for _, s := range same {
		if got := mustParse(t, s); got.Digest() != base.Digest() {
			t.Errorf("%q means the same and has another digest", s)
		}
	}
	seen := map[string]string{base.Digest().String(): small}
	for _, s := range []string{
		small + "epoch: 0\n", small + "epoch: 1\n", small + "output: {compression: none}\n", small + "source: {path: ..}\n",
		strings.Replace(small, "Dockerfile}", "Dockerfile, args: {A: b}}", 1), strings.Replace(small, "Dockerfile}", "Dockerfile, args: {A: \"\"}}", 1),
		stagesWith("config: {cmd: []}"), stagesWith("config: {cmd: [\"\"]}"), stagesWith(""), small + "record: {private: [a]}\n",
	} {
		d := mustParse(t, s).Digest().String()
		if other, ok := seen[d]; ok {
			t.Errorf("two recipes have one digest:\n%s\nand\n%s", other, s)
		}
		seen[d] = s
	}
}

// stagesWith is a recipe with one stage and more keys of its build.
func stagesWith(more string) string {
	return "recipe: v1\nname: shop\nplatforms: [linux/amd64]\nbuild:\n  stages: [{name: a, from: scratch}]\n  " + more + "\n"
}

func mustParse(t *testing.T, s string) *Recipe {
	t.Helper()
	r, err := Parse("r.yaml", []byte(s))
	if err != nil {
		t.Fatalf("%v in\n%s", err, s)
	}
	return r
}

func TestManyKeysAndManyErrors(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(strings.TrimSuffix(small, "}\n") + ", args: {")
	for i := range 20_000 {
		fmt.Fprintf(&b, "A%d: x, ", i)
	}
	b.WriteString("}}\n")
	if r := mustParse(t, b.String()); len(r.Build.Args) != 20_000 {
		t.Errorf("got %d arguments", len(r.Build.Args))
	}
	_, err := Parse("r.yaml", []byte(strings.ReplaceAll(b.String(), "x, ", "1, ")))
	list := diag.All(err)
	if len(list) != strictyaml.MaxErrors+1 || list[strictyaml.MaxErrors].Code != diag.CodeRecipeMoreErrors && list[0].Code != diag.CodeRecipeMoreErrors {
		t.Errorf("20,000 errors gave %d", len(list))
	}
	for _, d := range list {
		if len(d.Excerpt) > strictyaml.MaxExcerpt {
			t.Fatalf("an excerpt of %d bytes", len(d.Excerpt))
		}
	}
}
