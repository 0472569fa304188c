package starter

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
)

const dockerfile = `ARG BASE=debian:trixie
ARG VERSION
FROM ${BASE} AS build
ARG VERSION
ARG TARGETARCH
ARG FLAGS="-O2 # x"
FROM build AS final
`

func parse(t *testing.T, text []byte) *recipes.Recipe {
	t.Helper()
	r, err := recipes.Parse("recipe.yaml", text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return r
}

func TestTemplate(t *testing.T) {
	text, err := Template(Options{Name: "My App_2"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "# yaml-language-server: $schema=./recipe.schema.json\n") {
		t.Errorf("editors find no schema in the first line:\n%.100s", text)
	}
	r := parse(t, text)
	if r.Name != "my-app-2" || !r.Epoch.FromSource || len(r.Build.Stages) != 1 || r.Output.Image != "" {
		t.Errorf("got %+v", r)
	}
}

func TestFromDockerfile(t *testing.T) {
	text, err := FromDockerfile([]byte(dockerfile), Options{
		Name: "shop", Platform: "linux/arm64", Image: "registry.example.com:5000/team/shop", Dockerfile: "docker/My Dockerfile", Schema: "https://example.com/s.json",
	})
	if err != nil {
		t.Fatal(err)
	}
	r := parse(t, text)
	if r.Build.Dockerfile != "docker/My Dockerfile" || r.Output.Image != "registry.example.com:5000/team/shop" || r.Platforms[0] != "linux/arm64" {
		t.Errorf("got %+v", r)
	}
	for _, want := range []string{
		"$schema=https://example.com/s.json\n", "another: build, final\n", "# target: build\n",
		"#   BASE: \"debian:trixie\"   # the default\n", "#   VERSION: \"...\"   # has no default\n", "#   FLAGS: ",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "TARGETARCH") || strings.Count(string(text), "VERSION") != 1 {
		t.Errorf("arguments are repeated, or the builder's own are shown:\n%s", text)
	}
	// Taking the suggestions up gives a valid recipe too.
	for _, line := range []string{"target: build", "args:", "  BASE: ", "  VERSION: ", "contexts:", "  debian:trixie: "} {
		text = []byte(strings.Replace(string(text), "  # "+line, "  "+line, 1))
	}
	if r := parse(t, text); r.Build.Target != "build" || r.Build.Args["BASE"] != "debian:trixie" || r.Build.Contexts["debian:trixie"].Debian == nil {
		t.Errorf("got %+v from\n%s", r.Build, text)
	}
}

func TestFromHostileDockerfile(t *testing.T) {
	const hostile = "FROM scratch AS a\nARG X=\"a\u2028b\x1b[2J\"\nARG Y=\u202e\nARG Z=\"\x00\"\n"
	text, err := FromDockerfile([]byte(hostile), Options{})
	if err != nil {
		t.Fatal(err)
	}
	parse(t, text)
	if _, err := FromDockerfile([]byte("FORM x\n"), Options{}); len(diag.All(err)) != 1 || diag.All(err)[0].Code != diag.CodeRecipeDockerfile {
		t.Errorf("a broken Dockerfile gave %v", err)
	}
	if _, err := FromDockerfile([]byte(dockerfile), Options{Image: "Not A Repository"}); len(diag.All(err)) != 1 || diag.All(err)[0].Code != diag.CodeRecipeImage {
		t.Errorf("a bad repository gave %v", err)
	}
}

func TestName(t *testing.T) {
	got := map[string]string{}
	want := map[string]string{
		"": "image", "Shop": "shop", "my_app.v2": "my-app-v2", "--x--": "x", "2048": "image", "日本": "image", "9lives": "lives",
		strings.Repeat("a", 62) + "-b": strings.Repeat("a", 62), "a/b": "a-b",
	}
	for text := range want {
		got[text] = Name(text)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func FuzzFromDockerfile(f *testing.F) {
	f.Add(dockerfile, "shop")
	f.Add("FROM x\nARG A=\"\n\"\n", "\x00")
	f.Fuzz(func(t *testing.T, dockerfile, name string) {
		text, err := FromDockerfile([]byte(dockerfile), Options{Name: name})
		if err != nil {
			if list := diag.All(err); len(list) != 1 || list[0].Code != diag.CodeRecipeDockerfile {
				t.Fatalf("%v", err)
			}
			return
		}
		parse(t, text)
	})
}

// TestForRebuild: whoever wrote the provenance writes no more of the recipe than values.
func TestForRebuild(t *testing.T) {
	r := Rebuild{
		Reference: "registry.example.com/team/My_App@sha256:" + strings.Repeat("ab", 32) + "\nbuild: x", Name: "My_App", Platforms: []string{"linux/amd64", "linux/arm64"},
		Git: "https://git.example.com/x.git", Commit: strings.Repeat("cd", 20), Dockerfile: "docker/Dockerfile", Target: "app", Epoch: 1750000000, Compression: "gzip",
		Args:   map[string]string{"V": "1.10", "Y": "a \"b\": {c} #d"},
		Images: map[string]string{"debian:trixie": "debian@sha256:" + strings.Repeat("ef", 32)}, Private: []string{"127.0.0.1:5000"},
		Untold: []string{"label:a=b\nrecipe: v2"},
	}
	text, err := ForRebuild(r)
	if err != nil {
		t.Fatal(err)
	}
	got := parse(t, text)
	want := recipes.Build{Dockerfile: r.Dockerfile, Target: r.Target, Args: r.Args, Contexts: map[string]recipes.Context{"debian:trixie": {Image: r.Images["debian:trixie"]}}}
	if diff := cmp.Diff(want, got.Build); diff != "" || got.Name != "my-app" || got.Epoch.Seconds != r.Epoch || got.Source != (recipes.Source{Git: r.Git, Ref: r.Commit}) || got.Output.Compression != "gzip" ||
		!cmp.Equal(got.Platforms, r.Platforms) || !cmp.Equal(got.Record.Private, r.Private) {
		t.Errorf("%s\n%+v\n%s", diff, got, text)
	}
	bare, err := ForRebuild(Rebuild{Platforms: []string{"linux/amd64"}, Git: r.Git, Commit: r.Commit, Dockerfile: "Dockerfile", Compression: "zstd"})
	if err != nil || !parse(t, bare).Epoch.FromSource {
		t.Errorf("%v\n%s", err, bare)
	}
	for name, change := range map[string]func(*Rebuild){
		"platform":   func(r *Rebuild) { r.Platforms = []string{"linux/amd64]\nx: [y"} },
		"repository": func(r *Rebuild) { r.Git = "ext::sh -c evil" },
		"option":     func(r *Rebuild) { r.Commit = "--upload-pack=evil" },
		"path":       func(r *Rebuild) { r.Dockerfile = "../../etc/passwd" },
		"argument":   func(r *Rebuild) { r.Args = map[string]string{"A: x\n  B": "c"} },
		"value":      func(r *Rebuild) { r.Args = map[string]string{"A": "x\u2028y"} },
		"context":    func(r *Rebuild) { r.Images = map[string]string{"context": "debian"} },
	} {
		bad := r
		if change(&bad); cmp.Equal(bad, r) {
			t.Errorf("%s: nothing is changed", name)
		}
		if text, err := ForRebuild(bad); len(diag.All(err)) == 0 {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}
