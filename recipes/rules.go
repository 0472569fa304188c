package recipes

import (
	"strings"

	"github.com/distribution/reference"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// rules checks what concerns several fields at once. Whether a key was written is asked of d.Seen, not of the value: a value
// that was refused already is not also missing.
func (d decoder) rules(r *Recipe) {
	d.source()
	d.build()
	d.contexts(r)
	d.stages(r)
}

func (d decoder) source() {
	path, git := d.Seen["source.path"], d.Seen["source.git"]
	switch {
	case path && git:
		d.Report(diag.CodeRecipeSourceChoice, d.At["source.git"], "`source` has both `path` and `git`", "the build context has one origin", "remove one of the two")
	case d.Seen["source.ref"] && path:
		d.Report(diag.CodeRecipeRefWithoutGit, d.At["source.ref"], "`ref` belongs to a git source", "a folder is taken as it is", "write `git:` instead of `path:`, or remove `ref`")
	case d.Seen["source.ref"] && !git:
		d.Report(diag.CodeRecipeRefWithoutGit, d.At["source.ref"], "`ref` belongs to a git source", "there is no repository that it could be of", "add `git: https://example.com/team/shop.git`")
	case d.mappingAt("source") && !path && !git:
		d.Report(diag.CodeRecipeSourceChoice, d.At["source"], "`source` has neither `path` nor `git`", "the build context has one origin", "write `source: {path: .}`")
	}
}

// mappingAt says that there is a mapping at path whose keys can be asked for.
func (d decoder) mappingAt(path string) bool { return d.Seen[path] && !d.Broken[path] }

func (d decoder) build() {
	file, stages := d.Seen["build.dockerfile"], d.Seen["build.stages"]
	switch {
	case file && stages:
		d.Report(diag.CodeRecipeBuildChoice, d.At["build.stages"], "`build` has both `dockerfile` and `stages`", "it is not said which one makes the image", "remove one of the two")
	case d.mappingAt("build") && !file && !stages:
		d.Report(diag.CodeRecipeBuildChoice, d.At["build"], "`build` has neither `dockerfile` nor `stages`", "it is not said what the image is made of", "add `dockerfile: Dockerfile`")
	case stages:
		for _, key := range []string{"build.target", "build.args", "build.contexts"} {
			d.foreign(key, "it belongs to a Dockerfile, and this recipe has stages")
		}
	case file:
		d.foreign("build.config", "a Dockerfile says it with CMD, ENV, USER and so on")
	}
}

func (d decoder) foreign(path, why string) {
	if d.Seen[path] {
		d.Report(diag.CodeRecipeForeignKey, d.At[path], "`"+last(path)+"` has no effect here", why, "remove `"+last(path)+"`")
	}
}

// contexts wants exactly one meaning for each name, and one spelling of each name (BuildKit looks them up by their familiar
// form, frontend/dockerui NamedContext).
func (d decoder) contexts(r *Recipe) {
	names := map[string]string{}
	for _, name := range sorted(r.Build.Contexts) {
		path := join("build.contexts", name)
		d.one(diag.CodeRecipeContextChoice, path, "debian", "image", "path")
		named, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			continue
		}
		familiar := strings.TrimSuffix(reference.FamiliarString(named), ":latest")
		if other, ok := names[familiar]; ok {
			d.Report(diag.CodeRecipeContextName, d.At[path], "`"+short(name)+"` and `"+short(other)+"` are one name", "both stand for "+familiar, "remove one of the two")
		}
		names[familiar] = name
	}
}

// one demands exactly one of the keys below path.
func (d decoder) one(code diag.Code, path string, keys ...string) {
	var have []string
	for _, k := range keys {
		if d.Seen[join(path, k)] {
			have = append(have, k)
		}
	}
	all := "`" + strings.Join(keys, "`, `") + "`"
	switch {
	case len(have) > 1:
		d.Report(code, d.At[join(path, have[1])], "`"+have[0]+"` and `"+have[1]+"` exclude each other", "it takes exactly one of "+all, "remove one of the two")
	case len(have) == 0 && !d.Broken[path]:
		d.Report(code, d.At[path], "`"+short(last(path))+"` says nothing", "it takes exactly one of "+all, "add `"+keys[0]+":`")
	}
}
