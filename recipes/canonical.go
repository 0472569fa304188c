package recipes

import (
	"reflect"
	"strconv"

	digest "github.com/opencontainers/go-digest"
)

// Canonical is the recipe as one line of text that does not depend on how the file was written: fields in the order of the
// types, mappings sorted by key, text in double quotes and plain ASCII, and no field that is empty. Comments, the order of keys
// and the spelling of a value do not change it; any other change does. It is valid YAML and parses to the same recipe.
//
// The lock is bound to its digest, so the form may never change; a new optional field changes it only for recipes that use it.
func (r *Recipe) Canonical() []byte {
	return append(encode(nil, reflect.ValueOf(r).Elem()), '\n')
}

// Digest is the sha256 of Canonical.
func (r *Recipe) Digest() digest.Digest {
	return digest.FromBytes(r.Canonical())
}

func encode(b []byte, v reflect.Value) []byte {
	switch x := v.Interface().(type) {
	case Epoch:
		if x.FromSource {
			return append(b, `"source"`...)
		}
		return strconv.AppendInt(b, x.Seconds, 10)
	case From:
		if x.Debian == nil {
			return strconv.AppendQuoteToASCII(b, x.Name)
		}
		return encode(b, reflect.ValueOf(fromMapping{x.Debian}))
	}
	switch v.Kind() {
	case reflect.Pointer:
		return encode(b, v.Elem())
	case reflect.String:
		return strconv.AppendQuoteToASCII(b, v.String())
	case reflect.Slice:
		return encodeList(b, v)
	case reflect.Map:
		return encodeMap(b, v)
	case reflect.Struct:
		return encodeStruct(b, v)
	default:
		panic("recipes: no canonical form for " + v.Type().String())
	}
}

func encodeStruct(b []byte, v reflect.Value) []byte {
	b = append(b, '{')
	first := true
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("yaml")
		if key == "-" || unset(v.Field(i)) {
			continue
		}
		b = separate(b, &first)
		b = append(strconv.AppendQuoteToASCII(b, key), ':', ' ')
		b = encode(b, v.Field(i))
	}
	return append(b, '}')
}

// unset is a field that the recipe leaves out. An epoch never is: 0 is a time. A list that is there and empty is not either:
// it takes the base's entrypoint away.
func unset(v reflect.Value) bool {
	if v.Type() == reflect.TypeFor[Epoch]() {
		return false
	}
	return v.IsZero()
}

func encodeList(b []byte, v reflect.Value) []byte {
	b = append(b, '[')
	first := true
	for i := range v.Len() {
		b = encode(separate(b, &first), v.Index(i))
	}
	return append(b, ']')
}

func encodeMap(b []byte, v reflect.Value) []byte {
	b = append(b, '{')
	first := true
	keys := map[string]bool{}
	for _, k := range v.MapKeys() {
		keys[k.String()] = true
	}
	for _, k := range sorted(keys) {
		b = separate(b, &first)
		b = append(strconv.AppendQuoteToASCII(b, k), ':', ' ')
		b = encode(b, v.MapIndex(reflect.ValueOf(k)))
	}
	return append(b, '}')
}

func separate(b []byte, first *bool) []byte {
	if *first {
		*first = false
		return b
	}
	return append(b, ',', ' ')
}
