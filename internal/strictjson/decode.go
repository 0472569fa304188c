package strictjson

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
)

// decode fills v, a pointer, from a document that has passed Check. It says false wherever it is not sure to do what Unmarshal promises; v is
// zero again then, and the walk of checkNames and encoding/json decide, and word what is wrong.
//
// That there is a decoder here beside encoding/json is for speed, of which evidence needs some (issue 5): encoding/json checks the syntax again
// and allocates for every name, and took half of the time in which a bundle was verified. github.com/go-json-experiment/json, encoding/json's successor, was 1.6
// times faster on provenance, and would have needed the scan and the walk before it still: it knows no bound of depth or count, lets names pass
// that differ in case, and reads numbers in an `any` as floating point. This one relies on Check, and is some six times faster. A fuzz test
// holds it to encoding/json's result.
func decode(data []byte, v any, allowUnknown bool) bool {
	to := reflect.ValueOf(v)
	if to.Kind() != reflect.Pointer || to.IsNil() || !to.Elem().IsZero() { // what is there already encoding/json keeps in part
		return false
	}
	p := planOf(to.Type().Elem())
	if p == nil {
		return false
	}
	d := decoder{walker: walker{scanner: scanner{data: data}, allowUnknown: allowUnknown}}
	if d.value(p, to.Elem()) {
		return true
	}
	to.Elem().SetZero()
	return false
}

// decoder reads the document in one pass. Each of its methods takes one value, fills what is zero yet, and says whether it did. That keys
// are there once, that strings are UTF-8 and brackets match is known.
type decoder struct {
	walker
	arena strings.Builder
}

func (d *decoder) value(p *plan, v reflect.Value) bool {
	d.space()
	if d.peek() == 'n' && p.kind != fillOwn && p.kind != fillRaw {
		d.pos += len("null")
		return true // what is zero stays so
	}
	switch p.kind {
	case fillStruct:
		return d.fill(p, v)
	case fillList:
		return d.list(p, v)
	case fillTexts:
		return d.texts(v.Addr().Convert(plainTexts).Interface().(*[]string)) //nolint:errcheck // converted to it
	case fillTextMap:
		m := map[string]string{}
		v.Set(reflect.ValueOf(m).Convert(v.Type()))
		return d.textMap(m)
	case fillAnyMap:
		m := map[string]any{}
		v.Set(reflect.ValueOf(m).Convert(v.Type()))
		return d.anyMap(m)
	case fillMap:
		return d.mapping(p, v)
	case fillPointer:
		v.Set(reflect.New(v.Type().Elem()))
		return d.value(p.elem, v.Elem())
	case fillAny:
		found, ok := d.anything()
		if ok && found != nil {
			v.Set(reflect.ValueOf(found))
		}
		return ok
	case fillBase64:
		return d.base64(p, v)
	case fillRaw, fillOwn, fillElse:
		return d.part(p, v)
	}
	return d.scalar(p, v)
}

// part takes a value as the bytes that it is.
func (d *decoder) part(p *plan, v reflect.Value) bool {
	start := d.pos
	if d.skip() != nil {
		return false
	}
	raw := d.data[start:d.pos:d.pos]
	switch p.kind {
	case fillRaw:
		v.SetBytes(append([]byte(nil), raw...))
		return true
	case fillOwn:
		own, ok := v.Addr().Interface().(json.Unmarshaler)
		return ok && own.UnmarshalJSON(raw) == nil
	}
	return json.Unmarshal(raw, v.Addr().Interface()) == nil
}

func (d *decoder) scalar(p *plan, v reflect.Value) bool {
	start := d.pos
	switch c := d.peek(); {
	case c == '"':
		text, ok := d.string()
		if p.kind == fillText {
			v.SetString(text)
			return ok
		}
		return false
	case c == '{' || c == '[' || d.skip() != nil:
		return false
	}
	raw := string(d.data[start:d.pos])
	switch p.kind {
	case fillBool:
		v.SetBool(raw == "true")
		return raw == "true" || raw == "false"
	case fillInt:
		n, err := strconv.ParseInt(raw, 10, v.Type().Bits())
		v.SetInt(n)
		return err == nil
	case fillUint:
		n, err := strconv.ParseUint(raw, 10, v.Type().Bits())
		v.SetUint(n)
		return err == nil
	case fillFloat:
		n, err := strconv.ParseFloat(raw, v.Type().Bits())
		v.SetFloat(n)
		return err == nil
	}
	return false
}

// fill takes an object into a struct.
func (d *decoder) fill(p *plan, v reflect.Value) bool {
	return d.object(func(key []byte) bool {
		f, known := p.fields[string(key)]
		switch {
		case known && len(f.index) == 1:
			return d.value(f.plan, v.Field(f.index[0]))
		case known:
			return d.value(f.plan, v.FieldByIndex(f.index))
		}
		if !d.allowUnknown || p.folds(string(key)) {
			return false
		}
		d.space()
		return d.skip() == nil
	})
}

// folds tells whether name is that of a field but for the case of letters.
func (p *plan) folds(name string) bool {
	for known := range p.fields {
		if strings.EqualFold(known, name) {
			return true
		}
	}
	return false
}

// object calls member with each key, which then takes the value.
func (d *decoder) object(member func(key []byte) bool) bool {
	if d.peek() != '{' {
		return false
	}
	d.pos++
	if d.space(); d.peek() == '}' {
		d.pos++
		return true
	}
	for {
		d.space()
		key, err := d.key()
		if err != nil {
			return false
		}
		d.space()
		d.pos++ // :
		if !member(key) {
			return false
		}
		if done, err := d.next('}'); done || err != nil {
			return err == nil
		}
	}
}

// array calls item for each item, which it takes.
func (d *decoder) array(item func() bool) bool {
	if d.peek() != '[' {
		return false
	}
	d.pos++
	if d.space(); d.peek() == ']' {
		d.pos++
		return true
	}
	for {
		if !item() {
			return false
		}
		if done, err := d.next(']'); done || err != nil {
			return err == nil
		}
	}
}

func (d *decoder) list(p *plan, v reflect.Value) bool {
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	return d.array(func() bool {
		n := v.Len()
		if n == v.Cap() {
			v.Grow(max(n, 4))
		}
		v.SetLen(n + 1)
		return d.value(p.elem, v.Index(n))
	})
}

func (d *decoder) mapping(p *plan, v reflect.Value) bool {
	m := reflect.MakeMap(v.Type())
	v.Set(m)
	return d.object(func(key []byte) bool {
		to := reflect.New(p.typ).Elem()
		if !d.value(p.elem, to) {
			return false
		}
		m.SetMapIndex(reflect.ValueOf(d.keep(key)), to)
		return true
	})
}
