package foreign

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/recipes/starter"
)

var (
	commit = strings.Repeat("ab", 20)
	sum    = strings.Repeat("cd", 32)
)

// ofCommit is what BuildKit says of a build of a commit. set changes its arguments.
func ofCommit(set map[string]string, more ...Material) Build {
	args := map[string]string{"context": "https://git.example.com/x.git#main", "no-cache": ""}
	maps.Copy(args, set)
	return Build{
		Frontend: "dockerfile.v0", Steps: 3, Args: args, Source: Source{URI: "https://git.example.com/x.git#main", Digest: map[string]string{"sha1": commit}, Path: "docker/Dockerfile"},
		Materials: append([]Material{{URI: "https://git.example.com/x.git#main", Digest: map[string]string{"sha1": commit}}}, more...),
	}
}

func image(uri string) Material {
	return Material{URI: "pkg:docker/" + uri, Digest: map[string]string{"sha256": sum}}
}

func TestRebuild(t *testing.T) {
	b := ofCommit(map[string]string{
		"target": "app", "build-arg:V": "1.10", "build-arg:SOURCE_DATE_EPOCH": "1750000000", "build-arg:BUILDKIT_SANDBOX_HOSTNAME": "h", "label:a": "b",
		"context:other": "docker-image://registry.example.com/other@sha256:" + sum, "source": "docker/dockerfile:1@sha256:" + sum,
	}, image("debian@trixie?platform=linux%2Famd64"), image("registry.example.com:5000/team/base@v1"), image("pinned@1?digest=sha256:"+sum+"&platform=linux%2Famd64"),
		image("docker/dockerfile@1"), image("layer@1?ref_type=blob"), Material{URI: "pkg:docker/undigested@1"})
	b.Frontend, b.Secrets = "gateway.v0", []string{"token"}
	got, err := b.Rebuild()
	want := starter.Rebuild{
		Git: "https://git.example.com/x.git", Commit: commit, Dockerfile: "docker/Dockerfile", Target: "app", Epoch: 1750000000, Args: map[string]string{"V": "1.10"},
		Images: map[string]string{
			"other": "registry.example.com/other@sha256:" + sum, "debian:trixie": "debian@sha256:" + sum, "registry.example.com:5000/team/base:v1": "registry.example.com:5000/team/base@sha256:" + sum,
		},
		Untold: []string{"BuildKit was told BUILDKIT_SANDBOX_HOSTNAME=h", "the build was told label:a=b", "a secret was lent, as `selfsame lock --secret` can: token"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// TestNotRepeatable: what a recipe cannot be written of, by the first thing that is missing.
func TestNotRepeatable(t *testing.T) {
	for want, change := range map[string]func(*Build){
		"mode=min":                          func(b *Build) { b.Steps = 0 },
		"other builds were taken in":        func(b *Build) { b.Nested = true },
		`the folder "context"`:              func(b *Build) { b.Locals = []string{"context"} },
		`by the frontend "other.v0"`:        func(b *Build) { b.Frontend = "other.v0" },
		`by the frontend "evil/dockerfile:`: func(b *Build) { b.Frontend, b.Args["source"] = "gateway.v0", "evil/dockerfile:1" },
		"no commit is named":                func(b *Build) { b.Source.Digest = map[string]string{"sha256": sum} },
		"a folder of the repository":        func(b *Build) { b.Source.URI += ":docker" },
		"and a recipe's is all of it":       func(b *Build) { b.Source.URI = "https://git.example.com/x.git?subdir=docker" },
		"its SOURCE_DATE_EPOCH is":          func(b *Build) { b.Args["build-arg:SOURCE_DATE_EPOCH"] = "yesterday" },
		`the name "base"`:                   func(b *Build) { b.Args["context:base"] = "docker-image://debian:trixie" },
		"given another meaning":             func(b *Build) { b.Args["context:base"] = "input:base" },
	} {
		b := ofCommit(nil)
		if _, err := b.Rebuild(); err != nil {
			t.Fatal(err)
		}
		change(&b)
		if _, err := b.Rebuild(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
