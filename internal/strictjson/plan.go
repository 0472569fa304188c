package strictjson

import (
	"encoding/json"
	"reflect"
	"strings"
	"sync"
)

// plan is how decode fills a Go type: worked out once, so that reading a value looks at no tags and no methods.
type plan struct {
	kind   planKind
	elem   *plan            // of a pointer, list or map
	fields map[string]field // of a struct, by name in JSON
	typ    reflect.Type     // of a map's elements
}

type planKind int

const (
	fillText planKind = iota // of kind string
	fillBool
	fillInt
	fillUint
	fillFloat
	fillStruct
	fillList
	fillTexts   // a list of strings
	fillTextMap // of strings to strings
	fillAnyMap  // of strings to any
	fillMap     // of strings to anything else
	fillPointer
	fillBase64 // bytes
	fillAny    // any
	fillRaw    // json.RawMessage
	fillOwn    // by the type's UnmarshalJSON
	fillElse   // by encoding/json: UnmarshalText and bytes of types of their own
)

// field is one of a struct's, or of a struct that is embedded in it.
type field struct {
	plan  *plan
	index []int
}

// plans holds a *plan for each type; nil for one that encoding/json alone decodes.
var plans sync.Map

func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan) //nolint:errcheck // nothing else is stored
	}
	b := planner{underway: map[reflect.Type]*plan{}}
	p := b.plan(t)
	if b.unsure {
		p = nil
	}
	plans.Store(t, p)
	return p
}

// planner makes the plan of one type and of all that it holds.
type planner struct {
	underway map[reflect.Type]*plan
	unsure   bool // something is in it for which encoding/json has rules of its own
}

var (
	rawMessage = reflect.TypeFor[json.RawMessage]()
	jsonNumber = reflect.TypeFor[json.Number]()
	plainByte  = reflect.TypeFor[byte]()
	plainText  = reflect.TypeFor[string]()
	plainTexts = reflect.TypeFor[*[]string]()
	anyType    = reflect.TypeFor[any]()
)

func (b *planner) plan(t reflect.Type) *plan {
	if p, ok := b.underway[t]; ok {
		return p
	}
	p := &plan{}
	b.underway[t] = p
	switch {
	case t == rawMessage:
		p.kind = fillRaw
	case t == jsonNumber:
		b.unsure = true
	case t.Kind() != reflect.Pointer && decodesItself(reflect.PointerTo(t)):
		p.kind = fillElse
		if reflect.PointerTo(t).Implements(jsonUnmarshaler) {
			p.kind = fillOwn
		}
		b.unsure = b.unsure || t.Name() == "" || t.Kind() == reflect.Interface // whose methods encoding/json does not look for
	default:
		b.byKind(p, t)
	}
	return p
}

func (b *planner) byKind(p *plan, t reflect.Type) {
	switch t.Kind() {
	case reflect.String:
		p.kind = fillText
	case reflect.Bool:
		p.kind = fillBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		p.kind = fillInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		p.kind = fillUint
	case reflect.Float32, reflect.Float64:
		p.kind = fillFloat
	case reflect.Pointer:
		p.kind, p.elem = fillPointer, b.plan(t.Elem())
		b.unsure = b.unsure || t.Name() != ""
	case reflect.Interface:
		p.kind = fillAny
		b.unsure = b.unsure || t.NumMethod() != 0
	case reflect.Slice:
		b.list(p, t)
	case reflect.Map:
		b.mapping(p, t)
	case reflect.Struct:
		p.kind, p.fields = fillStruct, map[string]field{}
		b.members(p, t, nil, map[string]bool{})
	default:
		b.unsure = true
	}
}

func (b *planner) list(p *plan, t reflect.Type) {
	switch {
	case t.Elem() == plainByte:
		p.kind = fillBase64
	case t.Elem().Kind() == reflect.Uint8:
		p.kind = fillElse
	case t.Elem() == plainText:
		p.kind = fillTexts
	default:
		p.kind, p.elem = fillList, b.plan(t.Elem())
	}
}

func (b *planner) mapping(p *plan, t reflect.Type) {
	b.unsure = b.unsure || t.Key() != plainText
	switch t.Elem() {
	case plainText:
		p.kind = fillTextMap
	case anyType:
		p.kind = fillAnyMap
	default:
		p.kind, p.elem, p.typ = fillMap, b.plan(t.Elem()), t.Elem()
	}
}

// members adds the fields of t, which is embedded at index, or is the struct itself. Where two have one name, in JSON or in Go, there are
// rules for which of them counts.
func (b *planner) members(p *plan, t reflect.Type, index []int, seen map[string]bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		at := append(index[:len(index):len(index)], i)
		switch {
		case tag == "-" || !f.IsExported() && !f.Anonymous:
			continue
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			b.members(p, f.Type, at, seen)
			continue
		case f.Anonymous, strings.Contains(options, "string"), !plainName(name):
			b.unsure = true
		case name == "":
			name = f.Name
		}
		_, twice := p.fields[name]
		b.unsure = b.unsure || twice || seen[f.Name]
		seen[f.Name] = true
		p.fields[name] = field{b.plan(f.Type), at}
	}
}

// plainName tells whether a name in a tag is one that encoding/json takes as it stands. Names may be URIs.
func plainName(name string) bool {
	for _, c := range []byte(name) {
		if !isDigit(c) && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && strings.IndexByte("_-.:/", c) < 0 {
			return false
		}
	}
	return true
}
