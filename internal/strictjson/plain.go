package strictjson

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
)

// What most of evidence is made of, without reflection.

// string takes a string.
func (d *decoder) string() (string, bool) {
	start := d.pos
	content, escaped, err := d.raw()
	if err != nil {
		return "", false
	}
	if escaped {
		text, err := d.unquote(d.data[start:d.pos])
		return text, err == nil
	}
	return d.keep(content), true
}

// Short strings share an allocation of this many bytes, so that whoever keeps one of them keeps no more than that.
const (
	arenaSize = 1024
	arenaText = 128
)

// keep copies text. A strings.Builder only ever appends, so what it gave before stays as it is.
func (d *decoder) keep(text []byte) string {
	if len(text) > arenaText {
		return string(text)
	}
	start := d.arena.Len()
	if d.arena.Cap()-start < len(text) {
		d.arena.Reset()
		d.arena.Grow(max(min(arenaSize, len(d.data)-d.pos), len(text)))
		start = 0
	}
	d.arena.Write(text)
	return d.arena.String()[start:]
}

// base64 takes bytes, which encoding/json writes so. What is written in another way is left to it.
func (d *decoder) base64(p *plan, v reflect.Value) bool {
	start := d.pos
	if d.peek() != '"' {
		return d.part(p, v)
	}
	content, escaped, err := d.raw()
	if err != nil || escaped {
		d.pos = start
		return err == nil && d.part(p, v)
	}
	to := make([]byte, base64.StdEncoding.DecodedLen(len(content)))
	n, err := base64.StdEncoding.Decode(to, content)
	v.SetBytes(to[:n])
	return err == nil
}

func (d *decoder) texts(to *[]string) bool {
	*to = []string{}
	return d.array(func() bool {
		d.space()
		if d.peek() == 'n' {
			d.pos += len("null")
			*to = append(*to, "")
			return true
		}
		if d.peek() != '"' {
			return false
		}
		text, ok := d.string()
		*to = append(*to, text)
		return ok
	})
}

func (d *decoder) textMap(m map[string]string) bool {
	return d.object(func(key []byte) bool {
		name := d.keep(key)
		d.space()
		if d.peek() == 'n' {
			d.pos += len("null")
			m[name] = ""
			return true
		}
		if d.peek() != '"' {
			return false
		}
		text, ok := d.string()
		m[name] = text
		return ok
	})
}

// anything takes a value of any kind. Numbers stay the digits that they are.
func (d *decoder) anything() (found any, ok bool) {
	d.space()
	switch d.peek() {
	case '{':
		m := map[string]any{}
		return m, d.anyMap(m)
	case '[':
		list := []any{}
		ok = d.array(func() bool {
			v, ok := d.anything()
			list = append(list, v)
			return ok
		})
		return list, ok
	case '"':
		return d.string()
	}
	start := d.pos
	if d.skip() != nil {
		return nil, false
	}
	switch raw := string(d.data[start:d.pos]); raw {
	case "null":
		return nil, true
	case "true", "false":
		return raw == "true", true
	default:
		return json.Number(raw), true
	}
}

func (d *decoder) anyMap(to map[string]any) bool {
	return d.object(func(key []byte) bool {
		name := d.keep(key)
		v, ok := d.anything()
		to[name] = v
		return ok
	})
}
