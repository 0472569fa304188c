package strictyaml

import (
	"reflect"
	"strings"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// fieldsOf maps the keys of a struct to its fields.
func fieldsOf(t reflect.Type) map[string]reflect.StructField {
	m := map[string]reflect.StructField{}
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "-" {
			m[key] = t.Field(i)
		}
	}
	return m
}

// keysOf lists the keys of a struct in the order of its fields.
func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "-" {
			keys = append(keys, key)
		}
	}
	return keys
}

// simple is a key that needs no quotes in a dotted path.
var simple = lazyregexp.New(`^[A-Za-z0-9_-]+$`)

// Join extends a dotted path by a key; a key with dots of its own is put in brackets: build.config.labels["org.example"].
func Join(path, key string) string {
	switch {
	case !simple.MatchString(key):
		return path + `["` + key + `"]`
	case path == "":
		return key
	default:
		return path + "." + key
	}
}

// Last is the name of what a path leads to, for messages.
func Last(path string) string {
	if i := strings.LastIndexByte(path, '.'); i >= 0 && !strings.Contains(path[i:], `"]`) {
		return path[i+1:]
	}
	return path
}
