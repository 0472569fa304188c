package recipes

import (
	"reflect"
	"strconv"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
	"github.com/selfsame-build/selfsame/recipes/internal/format"
)

// dialect is what a recipe has that other files of ours have not.
var dialect = &strictyaml.Dialect{
	Noun: "recipe", Starter: "run `selfsame init` for a commented recipe", Check: "selfsame check",
	Misspelt: "a misspelt key would change the build without a word",
	Large:    "move long scripts into files of their own",
	Deep:     "move what a script can do into a script",
	Formats:  format.Table(),
	Codes: strictyaml.Codes{
		TooLarge: diag.CodeRecipeTooLarge, Encoding: diag.CodeRecipeEncoding, Syntax: diag.CodeRecipeSyntax,
		Documents: diag.CodeRecipeDocuments, Alias: diag.CodeRecipeAlias, Tag: diag.CodeRecipeTag, KeyType: diag.CodeRecipeKeyType,
		DuplicateKey: diag.CodeRecipeDuplicateKey, UnknownKey: diag.CodeRecipeUnknownKey, WrongType: diag.CodeRecipeWrongType,
		Unquoted: diag.CodeRecipeUnquoted, EmptyValue: diag.CodeRecipeEmptyValue, MissingKey: diag.CodeRecipeMissingKey,
		MoreErrors: diag.CodeRecipeMoreErrors, TooDeep: diag.CodeRecipeTooDeep, Invisible: diag.CodeRecipeInvisible,
		Repeated: diag.CodeRecipeRepeated,
	},
}

func init() {
	// Here, because from decodes a mapping by the dialect.
	dialect.Special = map[reflect.Type]strictyaml.Special{reflect.TypeFor[Epoch](): epoch, reflect.TypeFor[From](): from}
}

// decoder carries one recipe through reading.
type decoder struct{ *strictyaml.Decoder }

// maxBytes is the greatest size of a recipe: 1 MiB.
const maxBytes = strictyaml.MaxBytes

// maxEpoch is the last second of the year 9999, the greatest time that tar's and OCI's text forms can both hold.
const maxEpoch = 253402300799

func epoch(d *strictyaml.Decoder, f strictyaml.Field, v reflect.Value) {
	const why = "it is the word source, or seconds since 1970"
	n := f.Node
	switch {
	case n.Kind != strictyaml.Scalar:
		d.Wrong(f, "`source` or a number", "write `epoch: source`")
	case n.Tag == "str" && n.Text == "source":
		v.Set(reflect.ValueOf(Epoch{FromSource: true}))
	case n.Tag == "str" && strictyaml.IsDecimal(n.Text):
		d.Report(diag.CodeRecipeEpoch, d.Where(f), "an epoch is a number, not text", why, "write `epoch: "+strictyaml.Short(n.Text)+"`, without quotes")
	case n.Tag == "int" && strictyaml.IsDecimal(n.Text):
		seconds, err := strconv.ParseInt(n.Text, 10, 64)
		if err != nil || seconds > maxEpoch {
			d.Report(diag.CodeRecipeEpoch, d.Where(f), "`"+strictyaml.Short(n.Text)+"` is after the year 9999", why, "give seconds, not milliseconds: `git log -1 --format=%ct`")
			return
		}
		v.Set(reflect.ValueOf(Epoch{Seconds: seconds}))
	default:
		d.Report(diag.CodeRecipeEpoch, d.Where(f), "`"+strictyaml.Short(n.Text)+"` is not an epoch", why, "write `epoch: source`")
	}
}

// fromMapping is the form that From has as a mapping.
type fromMapping struct {
	Debian *Debian `yaml:"debian" check:"required"`
}

func from(d *strictyaml.Decoder, f strictyaml.Field, v reflect.Value) {
	if f.Node.Kind == strictyaml.Mapping {
		var m fromMapping
		d.Structure(f, reflect.ValueOf(&m).Elem())
		v.Set(reflect.ValueOf(From{Debian: m.Debian}))
		return
	}
	if !d.IsText(f, "an image, a stage or `debian:`") {
		return
	}
	image, _ := format.Lookup("image")
	d.Judge(f.Node, image, f.Node.Text)
	v.Set(reflect.ValueOf(From{Name: f.Node.Text}))
}

// The names of the shared decoder that rules use often.
func short(s string) string { return strictyaml.Short(s) }

func last(path string) string { return strictyaml.Last(path) }

func join(path, key string) string { return strictyaml.Join(path, key) }
