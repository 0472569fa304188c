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
