package lint

import (
	"strings"

	"github.com/distribution/reference"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// image judges a reference to an image that the build starts from or copies from.
func (l *linter) image(ref string, at diag.Position, line string) {
	if ref == "scratch" || strings.Contains(ref, "$") {
		return
	}
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return // the build says so, with the whole of what is wrong
	}
	if _, pinned := named.(reference.Digested); pinned {
		return
	}
	tag := ""
	if t, ok := named.(reference.Tagged); ok {
		tag = t.Tag()
	}
	switch tag {
	case "", "latest":
		l.warn(diag.CodeLintLatest, at, line, "`"+short(ref)+"` is whatever is latest", "nobody can see which version was meant, and the next upgrade may be any",
			"name a version, like `"+short(reference.FamiliarName(named))+":1.2`")
	default:
		l.add(diag.Notef(diag.CodeLintTag, "`%s` is a tag", short(ref)).WithWhy("the lock pins it; without selfsame it moves").
			WithHelp("run `selfsame lock`, or write the digest behind it: `"+short(ref)+"@sha256:...`"), at, line)
	}
}

// contexts judges the images that the recipe puts in the place of names.
func (l *linter) contexts() {
	for name, c := range l.recipe.Build.Contexts {
		if c.Image == "" {
			continue
		}
		path := "build.contexts." + name + ".image"
		if _, ok := l.recipe.At[path]; !ok {
			path = `build.contexts["` + name + `"].image`
		}
		at, line := l.recipe.Where(path)
		l.image(c.Image, at, line)
	}
}

// replaced says that the recipe gives the name a meaning of its own. BuildKit looks names up in their familiar form, :latest
// taken away (frontend/dockerui, NamedContext).
func (l *linter) replaced(name string) bool {
	familiar := func(s string) string {
		named, err := reference.ParseNormalizedNamed(s)
		if err != nil {
			return s
		}
		return strings.TrimSuffix(reference.FamiliarString(named), ":latest")
	}
	for key := range l.recipe.Build.Contexts {
		if familiar(key) == familiar(name) {
			return true
		}
	}
	return false
}
