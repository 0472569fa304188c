package strictjson

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
)

// shape is what decoding will look up names in: a Go type, prepared once.
type shape struct {
	kind   shapeKind
	fields map[string]*shape // by name in JSON; of a struct, else nil
	elem   *shape            // of a map or list
}

type shapeKind int

const (
	skipped shapeKind = iota // its names are nobody's business here
	objects
	lists
)

// opaque is shared by all types that take their part as it is.
var opaque = &shape{}

// shapes holds one shape for each type, complete.
var shapes sync.Map

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape) //nolint:errcheck // nothing else is stored
	}
	s := prepare(t, map[reflect.Type]*shape{})
	shapes.Store(t, s)
	return s
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func decodesItself(t reflect.Type) bool {
	return t.Implements(jsonUnmarshaler) || t.Implements(textUnmarshaler)
}

// prepare makes the shape of a type. A type that holds itself is found under way.
func prepare(t reflect.Type, underway map[reflect.Type]*shape) *shape {
	for t.Kind() == reflect.Pointer {
		if decodesItself(t) {
			return opaque
		}
		t = t.Elem()
	}
	if decodesItself(t) || decodesItself(reflect.PointerTo(t)) {
		return opaque
	}
	if s, ok := underway[t]; ok {
		return s
	}
	s := &shape{}
	underway[t] = s // also what nothing is looked up in
	switch t.Kind() {
	case reflect.Struct:
		s.kind, s.fields = objects, map[string]*shape{}
		for name, field := range fieldTypes(t) {
			s.fields[name] = prepare(field, underway)
		}
	case reflect.Map:
		s.kind, s.elem = objects, prepare(t.Elem(), underway)
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() != reflect.Uint8 { // else base64, or a RawMessage's bytes
			s.kind, s.elem = lists, prepare(t.Elem(), underway)
		}
	}
	return s
}

// fieldTypes gives the JSON names of a struct's fields, those of embedded structs among them.
func fieldTypes(t reflect.Type) map[string]reflect.Type {
	m := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Tag.Get("json") == "-", !f.IsExported():
			continue
		case f.Anonymous && name == "" && isStruct(f.Type):
			continue // its own fields are in the list
		case name == "":
			name = f.Name
		}
		m[name] = f.Type
	}
	return m
}

func isStruct(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct
}
