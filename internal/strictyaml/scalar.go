package strictyaml

import (
	"reflect"
	"strconv"
	"strings"
)

// truthWords are read as true or false by YAML 1.1 readers, and as text by others.
var truthWords = map[string]bool{"yes": true, "no": true, "on": true, "off": true}

// IsText reports n as an error when it is not text that every YAML reader sees as text.
func (d *Decoder) IsText(f Field, want string) bool {
	n := f.Node
	if n.Kind != Scalar {
		d.Wrong(f, want, "write one value behind the colon")
		return false
	}
	if n.Tag != "str" || n.Plain && truthWords[strings.ToLower(n.Text)] {
		what := n.Name() + " here"
		if n.Tag == "str" {
			what = "a truth value to many readers"
		}
		d.Report(d.dialect.Codes.Unquoted, d.Where(f), "`"+Short(n.Text)+"` is "+what+", and text is meant",
			"YAML changes values without quotes: 1.10 is 1.1, 0777 is 511", quoteHelp(n))
		return false
	}
	if i := strings.IndexFunc(n.Text, invisible); i >= 0 {
		d.Report(d.dialect.Codes.Invisible, d.Where(f), "`"+Short(Last(f.Path))+"` holds a character that cannot be shown", "it can hide or forge text in logs and labels", "remove the escape")
		return false
	}
	return true
}

func (d *Decoder) text(f Field, v reflect.Value) {
	if !d.IsText(f, "text") {
		return
	}
	if f.Node.Text == "" && !f.Check.EmptyOK {
		d.Report(d.dialect.Codes.EmptyValue, d.Where(f), "`"+Short(Last(f.Path))+"` is empty", "it could mean none, the default, or a slip", "give it a value, or delete it")
		return
	}
	d.Judge(f.Node, f.Check.Format, f.Node.Text)
	v.SetString(f.Node.Text)
}

// Judge reports text when it breaks f, at n.
func (d *Decoder) Judge(n *Node, f *Format, text string) {
	if f == nil {
		return
	}
	p := f.Judge(text)
	if p == nil {
		return
	}
	help := p.Help
	if near := Nearest(text, f.Enum); near != "" {
		help = "did you mean `" + near + "`?"
	}
	d.Report(p.Code, d.Place(n), p.Summary, p.Why, help)
	if p.Secret {
		// The line holds a secret; what is reported is kept and shown to others.
		for _, entry := range d.list[len(d.list)-1:] {
			entry.Excerpt = ""
		}
	}
}

// IsDecimal is a whole number in its one spelling: no sign, no leading zero, no underscores.
func IsDecimal(s string) bool {
	if s == "" || len(s) > 1 && s[0] == '0' {
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}

// quoteHelp shows how n is written as text.
func quoteHelp(n *Node) string {
	if n.Kind != Scalar || n.Text == "" {
		return "write text in quotes"
	}
	return "write " + strconv.Quote(Short(n.Text))
}

// truth reads true or false, in these spellings and no others.
func (d *Decoder) truth(f Field, v reflect.Value) {
	n := f.Node
	if n.Kind != Scalar || !n.Plain || n.Text != "true" && n.Text != "false" {
		d.Wrong(f, "true or false", "write true or false, without quotes")
		return
	}
	v.SetBool(n.Text == "true")
}

// number reads a whole number from 0 to 1,000,000 in its one spelling.
func (d *Decoder) number(f Field, v reflect.Value) {
	n := f.Node
	i, err := strconv.Atoi(n.Text)
	if n.Kind != Scalar || !n.Plain || !IsDecimal(n.Text) || err != nil || i > 1_000_000 {
		d.Wrong(f, "a whole number", "write it like 2, without quotes")
		return
	}
	v.SetInt(int64(i))
}
