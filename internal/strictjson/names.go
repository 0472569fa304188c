package strictjson

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// checkNames walks data beside the Go type it will be decoded into and refuses every key that is not, letter for letter, the
// name of a field. data has passed Check.
func checkNames(data []byte, t reflect.Type, allowUnknown bool) error {
	w := walker{allowUnknown: allowUnknown}
	return w.walk(data, t, "")
}

type walker struct{ allowUnknown bool }

func (w walker) walk(data []byte, t reflect.Type, path string) error {
	for t != nil && t.Kind() == reflect.Pointer {
		if decodesItself(t) {
			return nil
		}
		t = t.Elem()
	}
	if t == nil || decodesItself(t) || decodesItself(reflect.PointerTo(t)) {
		return nil
	}
	switch t.Kind() {
	case reflect.Struct:
		return w.object(data, path, fieldTypes(t), nil)
	case reflect.Map:
		return w.object(data, path, nil, t.Elem())
	case reflect.Slice, reflect.Array:
		return w.array(data, t.Elem(), path)
	}
	return nil
}

func decodesItself(t reflect.Type) bool {
	return t.Implements(jsonUnmarshaler) || t.Implements(textUnmarshaler)
}

// object checks one object: against fields, or every value against elem when it is a map.
func (w walker) object(data []byte, path string, fields map[string]reflect.Type, elem reflect.Type) error {
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) != nil {
		return nil // another kind of value: decoding will say so, with the place
	}
	for key, raw := range members {
		at := strings.TrimPrefix(path+"."+key, ".")
		t := elem
		if fields != nil {
			var known bool
			if t, known = fields[key]; !known {
				if err := w.unknown(key, at, fields); err != nil {
					return err
				}
				continue
			}
		}
		if err := w.walk(raw, t, at); err != nil {
			return err
		}
	}
	return nil
}

func (w walker) unknown(key, at string, fields map[string]reflect.Type) error {
	for name := range fields {
		if strings.EqualFold(name, key) {
			return &Error{Offset: -1, Path: at, Reason: fmt.Sprintf("the name is %q, in this case of letters", name)}
		}
	}
	if w.allowUnknown {
		return nil
	}
	return &Error{Offset: -1, Path: at, Reason: "unknown field"}
}

func (w walker) array(data []byte, elem reflect.Type, path string) error {
	if elem.Kind() == reflect.Uint8 {
		return nil // base64, or a RawMessage's bytes
	}
	var items []json.RawMessage
	if json.Unmarshal(data, &items) != nil {
		return nil
	}
	for i, raw := range items {
		if err := w.walk(raw, elem, fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	return nil
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
