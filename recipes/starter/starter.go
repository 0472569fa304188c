// Package starter writes the first recipe of a project, for `selfsame init`: the keys that most images need, with comments
// that say what each is for. What it writes is parsed before it is handed out, so a new recipe is always a valid one.
package starter

import (
	"bytes"
	_ "embed" // the templates are part of the program
	"fmt"
	"strconv"
	"strings"
	"text/template"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
	"github.com/selfsame-build/selfsame/recipes"
	"github.com/selfsame-build/selfsame/recipes/lint"
)

// Options are what the caller knows of the new recipe; each has a default.
type Options struct {
	// Name of the image, made fit by Name; "image" when empty.
	Name string
	// Platform as os/arch[/variant]; linux/amd64 when empty. It comes from the caller, because a library does not look at the machine.
	Platform string
	// Image is the repository to push to; a commented example when empty.
	Image string
	// Dockerfile is its path relative to the source; "Dockerfile" when empty.
	Dockerfile string
	// Schema is where editors find the schema; "./recipe.schema.json" when empty. The caller writes that file (recipes.Schema).
	Schema string
}

//go:embed template.yaml
var fresh string

//go:embed dockerfile.yaml
var fromDockerfile string

// Template is a recipe that builds a small image from Debian packages, without a Dockerfile.
func Template(o Options) ([]byte, error) {
	return fill(fresh, o, lint.Outline{})
}

// FromDockerfile is a recipe for an existing Dockerfile, which stays as it is. A Dockerfile that cannot be parsed is a
// diag.List with A0150.
func FromDockerfile(dockerfile []byte, o Options) ([]byte, error) {
	o = o.withDefaults()
	outline, err := lint.ReadOutline(o.Dockerfile, dockerfile)
	if err != nil {
		return nil, err
	}
	return fill(fromDockerfile, o, outline)
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		field *string
		value string
	}{{&o.Platform, "linux/amd64"}, {&o.Dockerfile, "Dockerfile"}, {&o.Schema, "./recipe.schema.json"}} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	o.Name = Name(o.Name)
	return o
}

func fill(text string, o Options, outline lint.Outline) ([]byte, error) {
	return write(text, struct {
		Options
		lint.Outline
	}{o.withDefaults(), outline})
}

func write(text string, values any) ([]byte, error) {
	t, err := template.New("recipe").Funcs(template.FuncMap{"scalar": scalar, "quote": quote, "comment": comment, "join": strings.Join}).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("reading the template of a recipe: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, values); err != nil {
		return nil, fmt.Errorf("writing the recipe: %w", err)
	}
	// The options come from a user; what is wrong with them is said in the words of the recipe that they would make.
	if _, err := recipes.Parse(recipes.FileName, b.Bytes()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// other are runs of characters that a name cannot hold.
var other = lazyregexp.New(`[^a-z0-9]+`)

// maxName is the greatest length of a recipe's name.
const maxName = 63

// Name makes a valid name of a recipe out of any text, such as the name of a folder.
func Name(text string) string {
	name := other.ReplaceAllString(strings.ToLower(text), "-")
	name = strings.TrimLeft(name, "-0123456789")
	name = strings.Trim(name[:min(len(name), maxName)], "-")
	if name == "" {
		return "image"
	}
	return name
}

// plainScalar is text that every YAML reader takes as text without quotes, in a flow or block.
var plainScalar = lazyregexp.New(`^[A-Za-z./][A-Za-z0-9./_-]*$`)

// words are read as something else than text by some YAML readers.
var words = map[string]bool{"yes": true, "no": true, "on": true, "off": true, "y": true, "n": true, "true": true, "false": true, "null": true, ".": true}

// scalar writes text as a YAML value.
func scalar(text string) string {
	if plainScalar.MatchString(text) && !words[strings.ToLower(text)] {
		return text
	}
	return strconv.QuoteToASCII(text)
}

// comment makes text safe to stand in a comment: it may not end the line.
func comment(text string) string { return diag.Printable(strings.ToValidUTF8(text, "?")) }
