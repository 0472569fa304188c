package sqlite

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Value is one column of a row.
type Value struct {
	Text  string // numbers in decimal, NULL, texts in UTF-8; blobs in hex, cut at 1 KiB
	Bytes []byte // of texts and blobs, as stored
}

// maxColumns is above SQLite's own limit (SQLITE_MAX_COLUMN can be raised to it).
const maxColumns = 32767

// Values decodes a row ("Record Format"). What a cut row has no bytes for is missing.
func (d *DB) Values(r Row) []Value {
	head, k := varint(r.Payload)
	if k == 0 || head < int64(k) || head > int64(len(r.Payload)) {
		return nil
	}
	types, body := r.Payload[k:head], r.Payload[head:]
	var out []Value
	for len(types) > 0 && len(out) < maxColumns {
		t, k := varint(types)
		if k == 0 {
			break
		}
		types = types[k:]
		n := length(t)
		if n < 0 || n > int64(len(body)) {
			break
		}
		out = append(out, d.value(t, body[:n]))
		body = body[n:]
	}
	return out
}

func length(t int64) int64 {
	switch {
	case t < 0:
		return -1
	case t >= 12:
		return (t - 12) / 2
	}
	return [12]int64{0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0}[t]
}

func (d *DB) value(t int64, b []byte) Value {
	switch {
	case t == 0:
		return Value{Text: "NULL"}
	case t == 7:
		return Value{Text: strconv.FormatFloat(math.Float64frombits(binary.BigEndian.Uint64(b)), 'g', -1, 64)}
	case t <= 6:
		n := int64(int8(b[0])) //nolint:gosec // G115: two's complement by its format
		for _, v := range b[1:] {
			n = n<<8 | int64(v)
		}
		return Value{Text: strconv.FormatInt(n, 10)}
	case t < 12:
		return Value{Text: strconv.FormatInt(max(t-8, 0), 10)}
	case t%2 == 0:
		return Value{Text: "x'" + hex.EncodeToString(b[:min(len(b), 512)]) + "'", Bytes: b}
	}
	return Value{Text: d.text(b), Bytes: b}
}

// text is a string in UTF-8, whatever the database's encoding.
func (d *DB) text(b []byte) string {
	var order binary.ByteOrder
	switch d.head[59] {
	case 2:
		order = binary.LittleEndian
	case 3:
		order = binary.BigEndian
	default:
		return string(b)
	}
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = order.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}

// Table is one row of the schema.
type Table struct {
	Type, Name string // "table", "index", "view", "trigger"
	SQL        string
	Root       uint32 // 0: no b-tree of its own
	Columns    []string
}

// Schema reads all that is defined, in the order of the file.
func (d *DB) Schema() ([]Table, error) {
	var out []Table
	err := d.Walk(1, func(r Row) bool {
		v := d.Values(r)
		if len(v) < 5 {
			return true
		}
		root, _ := strconv.ParseUint(v[3].Text, 10, 32)
		t := Table{Type: v[0].Text, Name: v[1].Text, SQL: v[4].Text, Root: uint32(root)} //nolint:gosec // G115: 32 bits
		t.Columns = columns(t.SQL)
		out = append(out, t)
		return len(out) <= maxTables
	})
	if len(out) > maxTables {
		err = errMalformed
	}
	return out, err
}

// columns takes the names out of a CREATE TABLE: the first word of each definition that is no constraint.
func columns(sql string) []string {
	_, body, ok := strings.Cut(sql, "(")
	if !ok {
		return nil
	}
	var out []string
	depth, start, quote := 0, 0, byte(0)
	for i := 0; i < len(body) && len(out) < maxColumns; i++ {
		switch c := body[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		case c == '[':
			quote = ']'
		case c == '(':
			depth++
		case depth > 0 && c == ')':
			depth--
		case depth == 0 && (c == ',' || c == ')'):
			if n := column(body[start:i]); n != "" {
				out = append(out, n)
			}
			if start = i + 1; c == ')' {
				return out
			}
		}
	}
	return out
}

func column(def string) string {
	def = strings.TrimSpace(def)
	if def == "" {
		return ""
	}
	if end := map[byte]string{'"': `"`, '`': "`", '[': "]", '\'': "'"}[def[0]]; end != "" {
		name, _, _ := strings.Cut(def[1:], end)
		return name
	}
	word := strings.FieldsFunc(def, func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' || r == '(' })
	if len(word) == 0 {
		return ""
	}
	switch strings.ToUpper(word[0]) {
	case "PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "CONSTRAINT":
		return ""
	}
	return word[0]
}
