package recipes

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes/internal/format"
)

// maxEpoch is the last second of the year 9999, the greatest time that tar's and OCI's text forms can both hold.
const maxEpoch = 253402300799

// truthWords are read as true or false by YAML 1.1 readers, and as text by others.
var truthWords = map[string]bool{"yes": true, "no": true, "on": true, "off": true}

// isText reports n as an error when it is not text that every YAML reader sees as text.
func (d *decoder) isText(f field, want string) bool {
	n := f.node
	if n.kind != scalarKind {
		d.wrong(f, want, "write one value behind the colon")
		return false
	}
	if n.tag != "str" || n.plain && truthWords[strings.ToLower(n.text)] {
		what := n.name() + " here"
		if n.tag == "str" {
			what = "a truth value to many readers"
		}
		d.report(diag.CodeRecipeUnquoted, d.where(f), "`"+short(n.text)+"` is "+what+", and text is meant",
			"YAML changes values without quotes: 1.10 is 1.1, 0777 is 511", quoteHelp(n))
		return false
	}
	if i := strings.IndexFunc(n.text, invisible); i >= 0 {
		d.report(diag.CodeRecipeInvisible, d.where(f), "`"+short(last(f.path))+"` holds a character that cannot be shown", "it can hide or forge text in logs and labels", "remove the escape")
		return false
	}
	return true
}

func (d *decoder) text(f field, v reflect.Value) {
	if !d.isText(f, "text") {
		return
	}
	if f.node.text == "" && !f.check.EmptyOK {
		d.report(diag.CodeRecipeEmptyValue, d.where(f), "`"+short(last(f.path))+"` is empty", "it could mean none, the default, or a slip", "give it a value, or delete it")
		return
	}
	d.judge(f.node, f.check.Format, f.node.text)
	v.SetString(f.node.text)
}

// judge reports text when it breaks f, at n.
func (d *decoder) judge(n *node, f *format.Format, text string) {
	if f == nil {
		return
	}
	p := f.Judge(text)
	if p == nil {
		return
	}
	help := p.Help
	if near := nearest(text, f.Enum); near != "" {
		help = "did you mean `" + near + "`?"
	}
	d.report(p.Code, d.place(n), p.Summary, p.Why, help)
	if p.Secret {
		// The line holds a secret; what is reported is kept and shown to others.
		for _, entry := range d.list[len(d.list)-1:] {
			entry.Excerpt = ""
		}
	}
}

func (d *decoder) epoch(f field, v reflect.Value) {
	const why = "it is the word source, or seconds since 1970"
	n := f.node
	switch {
	case n.kind != scalarKind:
		d.wrong(f, "`source` or a number", "write `epoch: source`")
	case n.tag == "str" && n.text == "source":
		v.Set(reflect.ValueOf(Epoch{FromSource: true}))
	case n.tag == "str" && isDecimal(n.text):
		d.report(diag.CodeRecipeEpoch, d.where(f), "an epoch is a number, not text", why, "write `epoch: "+short(n.text)+"`, without quotes")
	case n.tag == "int" && isDecimal(n.text):
		seconds, err := strconv.ParseInt(n.text, 10, 64)
		if err != nil || seconds > maxEpoch {
			d.report(diag.CodeRecipeEpoch, d.where(f), "`"+short(n.text)+"` is after the year 9999", why, "give seconds, not milliseconds: `git log -1 --format=%ct`")
			return
		}
		v.Set(reflect.ValueOf(Epoch{Seconds: seconds}))
	default:
		d.report(diag.CodeRecipeEpoch, d.where(f), "`"+short(n.text)+"` is not an epoch", why, "write `epoch: source`")
	}
}

// isDecimal is a whole number in its one spelling: no sign, no leading zero, no underscores.
func isDecimal(s string) bool {
	if s == "" || len(s) > 1 && s[0] == '0' {
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}

// fromMapping is the form that From has as a mapping.
type fromMapping struct {
	Debian *Debian `yaml:"debian" check:"required"`
}

func (d *decoder) from(f field, v reflect.Value) {
	if f.node.kind == mappingKind {
		var m fromMapping
		d.structure(f, reflect.ValueOf(&m).Elem())
		v.Set(reflect.ValueOf(From{Debian: m.Debian}))
		return
	}
	if !d.isText(f, "an image, a stage or `debian:`") {
		return
	}
	image, _ := format.Lookup("image")
	d.judge(f.node, image, f.node.text)
	v.Set(reflect.ValueOf(From{Name: f.node.text}))
}

// quoteHelp shows how n is written as text.
func quoteHelp(n *node) string {
	if n.kind != scalarKind || n.text == "" {
		return "write text in quotes"
	}
	return "write " + strconv.Quote(short(n.text))
}
