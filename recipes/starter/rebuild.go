package starter

import (
	_ "embed" // the template is part of the program
	"strconv"
)

// Rebuild is what is known of a build that another tool made, as far as a recipe can say it.
type Rebuild struct {
	// Reference is the image that was published.
	Reference string
	// Name of the recipe, made fit by Name.
	Name      string
	Platforms []string // os/arch[/variant]
	// Git is the repository's URL, Commit what was built of it, Dockerfile a path in it.
	Git, Commit, Dockerfile string
	// Target is the stage that was built; the last when empty.
	Target string
	// Args are the arguments of the Dockerfile.
	Args map[string]string
	// Images are what names after FROM led to, by name: repository@digest.
	Images map[string]string
	// Epoch is SOURCE_DATE_EPOCH in seconds since 1970; 0: none was set.
	Epoch int64
	// Compression of the published layers: zstd, gzip or none.
	Compression string
	// Private lists hosts on private networks that recording may reach.
	Private []string
	// Untold is what the build had and a recipe cannot say, a line each.
	Untold []string
}

// Alone is r without what the images of an index need not have alike: which platforms they are for, and how they are packed.
func (r Rebuild) Alone() Rebuild {
	r.Platforms, r.Compression = nil, ""
	return r
}

//go:embed rebuild.yaml
var another string

// ForRebuild is a recipe that repeats a build of another tool. What it was given comes from a stranger: the error is that of the recipe which it would make.
func ForRebuild(r Rebuild) ([]byte, error) {
	r.Name = Name(r.Name)
	return write(another, r)
}

// quote writes text as a YAML value that stays text, whatever it looks like.
func quote(text string) string { return strconv.QuoteToASCII(text) }
