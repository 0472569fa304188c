package recipes

import (
	"strings"

	"github.com/distribution/reference"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// rules checks what concerns several fields at once. Whether a key was written is asked of d.seen, not of the value: a value
// that was refused already is not also missing.
func (d *decoder) rules(r *Recipe) {
	d.source()
	d.build()
	d.contexts(r)
	d.stages(r)
}

func (d *decoder) source() {
	path, git := d.seen["source.path"], d.seen["source.git"]
	switch {
	case path && git:
		d.report(diag.CodeRecipeSourceChoice, d.at["source.git"], "`source` has both `path` and `git`", "the build context has one origin", "remove one of the two")
	case d.seen["source.ref"] && path:
		d.report(diag.CodeRecipeRefWithoutGit, d.at["source.ref"], "`ref` belongs to a git source", "a folder is taken as it is", "write `git:` instead of `path:`, or remove `ref`")
	case d.seen["source.ref"] && !git:
		d.report(diag.CodeRecipeRefWithoutGit, d.at["source.ref"], "`ref` belongs to a git source", "there is no repository that it could be of", "add `git: https://example.com/team/shop.git`")
	case d.mappingAt("source") && !path && !git:
		d.report(diag.CodeRecipeSourceChoice, d.at["source"], "`source` has neither `path` nor `git`", "the build context has one origin", "write `source: {path: .}`")
	}
}

// mappingAt says that there is a mapping at path whose keys can be asked for.
func (d *decoder) mappingAt(path string) bool { return d.seen[path] && !d.broken[path] }

func (d *decoder) build() {
	file, stages := d.seen["build.dockerfile"], d.seen["build.stages"]
	switch {
	case file && stages:
		d.report(diag.CodeRecipeBuildChoice, d.at["build.stages"], "`build` has both `dockerfile` and `stages`", "it is not said which one makes the image", "remove one of the two")
	case d.mappingAt("build") && !file && !stages:
		d.report(diag.CodeRecipeBuildChoice, d.at["build"], "`build` has neither `dockerfile` nor `stages`", "it is not said what the image is made of", "add `dockerfile: Dockerfile`")
	case stages:
		for _, key := range []string{"build.target", "build.args", "build.contexts"} {
			d.foreign(key, "it belongs to a Dockerfile, and this recipe has stages")
		}
	case file:
		d.foreign("build.config", "a Dockerfile says it with CMD, ENV, USER and so on")
	}
}

func (d *decoder) foreign(path, why string) {
	if d.seen[path] {
		d.report(diag.CodeRecipeForeignKey, d.at[path], "`"+last(path)+"` has no effect here", why, "remove `"+last(path)+"`")
	}
}

// contexts wants exactly one meaning for each name, and one spelling of each name (BuildKit looks them up by their familiar
// form, frontend/dockerui NamedContext).
func (d *decoder) contexts(r *Recipe) {
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
			d.report(diag.CodeRecipeContextName, d.at[path], "`"+short(name)+"` and `"+short(other)+"` are one name", "both stand for "+familiar, "remove one of the two")
		}
		names[familiar] = name
	}
}

// one demands exactly one of the keys below path.
func (d *decoder) one(code diag.Code, path string, keys ...string) {
	var have []string
	for _, k := range keys {
		if d.seen[join(path, k)] {
			have = append(have, k)
		}
	}
	all := "`" + strings.Join(keys, "`, `") + "`"
	switch {
	case len(have) > 1:
		d.report(code, d.at[join(path, have[1])], "`"+have[0]+"` and `"+have[1]+"` exclude each other", "it takes exactly one of "+all, "remove one of the two")
	case len(have) == 0 && !d.broken[path]:
		d.report(code, d.at[path], "`"+short(last(path))+"` says nothing", "it takes exactly one of "+all, "add `"+keys[0]+":`")
	}
}
