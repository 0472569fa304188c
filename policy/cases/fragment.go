package cases

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
	"github.com/selfsame-build/selfsame/policy"
)

// fragment is a part of a policy.Evidence as it is written, by the names of its JSON.
type fragment struct{ field strictyaml.Field }

func keep(_ *strictyaml.Decoder, f strictyaml.Field, v reflect.Value) {
	v.Set(reflect.ValueOf(fragment{f}))
}

// moment is a time as it is written.
type moment struct{ time.Time }

func decodeMoment(d *strictyaml.Decoder, f strictyaml.Field, v reflect.Value) {
	if t, ok := parseTime(f.Node); ok {
		v.Set(reflect.ValueOf(moment{t}))
		return
	}
	d.Broken[f.Path] = true
	noTime(d, f)
}

func noTime(d *strictyaml.Decoder, f strictyaml.Field) {
	d.Report(diag.CodePolicyForm, d.Where(f), "this is not a time", "a time is a day, or a second in UTC", "write 2026-01-31 or 2026-01-31T12:00:00Z")
}

// dates: a day, or a second in UTC.
var dates = lazyregexp.New(`^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?$`)

func parseTime(n *strictyaml.Node) (time.Time, bool) {
	text := n.Text
	if n.Kind != strictyaml.Scalar || !dates.MatchString(text) {
		return time.Time{}, false
	}
	if len(text) == len(time.DateOnly) {
		text += "T00:00:00Z"
	}
	t, err := time.Parse(time.RFC3339, text)
	return t.UTC(), err == nil
}

// into decodes a fragment into e. Mappings are filled in, so that a fragment changes what it names and nothing else; lists are replaced.
func into(d *strictyaml.Decoder, f fragment, e *policy.Evidence) {
	if f.field.Node != nil {
		value(d, f.field, reflect.ValueOf(e).Elem())
	}
}

func value(d *strictyaml.Decoder, f strictyaml.Field, v reflect.Value) {
	d.At[f.Path] = d.Where(f)
	switch {
	case f.Node.Kind == strictyaml.Bad:
	case v.Type() == reflect.TypeFor[time.Time]():
		if t, ok := parseTime(f.Node); ok {
			v.Set(reflect.ValueOf(t))
		} else {
			noTime(d, f)
		}
	case v.Kind() == reflect.Struct:
		structure(d, f, v)
	case v.Kind() == reflect.Slice:
		list(d, f, v)
	case v.Kind() == reflect.Map || v.Kind() == reflect.Interface:
		free := anything(d, f)
		if _, ok := free.(map[string]any); v.Kind() == reflect.Map && !ok {
			d.Wrong(f, "keys and values", "write `NAME: value` below it")
			return
		}
		v.Set(reflect.ValueOf(free))
	case v.Kind() == reflect.String:
		if d.IsText(f, "text") {
			v.SetString(f.Node.Text)
		}
	case v.Kind() == reflect.Bool:
		if f.Node.Kind != strictyaml.Scalar || f.Node.Text != "true" && f.Node.Text != "false" || !f.Node.Plain {
			d.Wrong(f, "true or false", "write true or false, without quotes")
			return
		}
		v.SetBool(f.Node.Text == "true")
	case v.Kind() == reflect.Int:
		n, err := strconv.Atoi(f.Node.Text)
		if f.Node.Kind != strictyaml.Scalar || !f.Node.Plain || !strictyaml.IsDecimal(f.Node.Text) || err != nil {
			d.Wrong(f, "a whole number", "write it like 2, without quotes")
			return
		}
		v.SetInt(int64(n))
	default:
		panic("cases: no decoding for " + v.Type().String())
	}
}

// structure fills in a struct by the names of its JSON.
func structure(d *strictyaml.Decoder, f strictyaml.Field, v reflect.Value) {
	if f.Node.Kind != strictyaml.Mapping {
		d.Wrong(f, "keys and values", "write its keys below it: "+strings.Join(keysOf(v.Type()), ", "))
		return
	}
	for i, key := range f.Node.Keys {
		path := strictyaml.Join(f.Path, key.Text)
		field, ok := fieldOf(v, key.Text)
		if !ok {
			help := "use one of " + strings.Join(keysOf(v.Type()), ", ")
			if near := strictyaml.Nearest(key.Text, keysOf(v.Type())); near != "" {
				help = "did you mean `" + near + "`?"
			}
			d.Report(diag.CodePolicyKeys, d.Place(key), "unknown key `"+strictyaml.Short(key.Text)+"` in `"+strictyaml.Short(f.Path)+"`", dialect.Misspelt, help)
			continue
		}
		d.Seen[path] = true
		value(d, strictyaml.Field{Path: path, Key: key, Node: f.Node.Items[i]}, field)
	}
}

func list(d *strictyaml.Decoder, f strictyaml.Field, v reflect.Value) {
	if f.Node.Kind != strictyaml.List {
		d.Wrong(f, "a list", "write a list")
		return
	}
	out := reflect.MakeSlice(v.Type(), len(f.Node.Items), len(f.Node.Items))
	for i, n := range f.Node.Items {
		value(d, strictyaml.Field{Path: fmt.Sprintf("%s[%d]", f.Path, i), Node: n}, out.Index(i))
	}
	v.Set(out)
}

// anything decodes what a predicate or parameters hold, as a JSON reader would.
func anything(d *strictyaml.Decoder, f strictyaml.Field) any {
	n := f.Node
	switch {
	case n.Kind == strictyaml.Bad:
		return nil
	case n.Kind == strictyaml.Mapping:
		m := map[string]any{}
		for i, k := range n.Keys {
			m[k.Text] = anything(d, strictyaml.Field{Path: strictyaml.Join(f.Path, k.Text), Key: k, Node: n.Items[i]})
		}
		return m
	case n.Kind == strictyaml.List:
		out := make([]any, len(n.Items))
		for i, c := range n.Items {
			out[i] = anything(d, strictyaml.Field{Path: fmt.Sprintf("%s[%d]", f.Path, i), Node: c})
		}
		return out
	case n.Plain && (n.Text == "true" || n.Text == "false"):
		return n.Text == "true"
	case n.Plain && n.Text == "null":
		return nil
	case n.Plain && (n.Tag == "int" || n.Tag == "float") && json.Valid([]byte(n.Text)):
		return policy.Numbers(json.Number(n.Text))
	}
	d.IsText(f, "text")
	return n.Text
}

func fieldOf(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if jsonName(v.Type().Field(i)) == key {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func keysOf(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		out = append(out, jsonName(t.Field(i)))
	}
	return out
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}
