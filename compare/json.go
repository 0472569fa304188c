package compare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// maxJSONDiffs bounds the fields of one document that are described.
const maxJSONDiffs = 100

// jsonDiff walks two decoded JSON documents side by side. The path is kept in pieces and only put together where it is
// needed: a hostile document could make every path a megabyte long.
type jsonDiff struct {
	skip  func(path string) bool
	path  []string
	found []Difference
	more  int
	kind  Kind
}

// skipped asks skip about paths that could be a known field's; long or deep ones never are.
func (d *jsonDiff) skipped() bool {
	if d.skip == nil || len(d.path) > 4 || len(d.path) > 0 && len(d.path[len(d.path)-1]) > 64 {
		return false
	}
	return d.skip(d.join())
}

func (d *jsonDiff) join() string { return "$" + strings.Join(d.path, "") }

func (d *jsonDiff) in(piece string, a, b any) {
	d.path = append(d.path, piece)
	d.walk(a, b)
	d.path = d.path[:len(d.path)-1]
}

// diffJSON lists the values that differ, by JSON path, in the order of sorted keys. Documents with the same values in
// other bytes (space, key order, escapes) differ in one place: "$".
func diffJSON(kind Kind, a, b []byte, skip func(path string) bool) ([]Difference, error) {
	if bytes.Equal(a, b) {
		return nil, nil
	}
	x, err := decodeJSON(a)
	if err != nil {
		return nil, err
	}
	y, err := decodeJSON(b)
	if err != nil {
		return nil, err
	}
	d, all := &jsonDiff{skip: skip, kind: kind}, &jsonDiff{kind: kind}
	d.walk(x, y)
	all.walk(x, y)
	if len(all.found) == 0 {
		c, err := diffStreams(bytes.NewReader(a), bytes.NewReader(b))
		return []Difference{{Kind: kind, Layer: -1, Path: "$", Content: &c}}, err
	}
	if d.more > 0 {
		d.found[len(d.found)-1].Truncated = d.more
	}
	return d.found, nil
}

func decodeJSON(raw []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	return v, err
}

type absent struct{}

func (d *jsonDiff) walk(a, b any) {
	if d.skipped() {
		return
	}
	ma, okA := a.(map[string]any)
	mb, okB := b.(map[string]any)
	if okA && okB {
		d.objects(ma, mb)
		return
	}
	la, okA := a.([]any)
	lb, okB := b.([]any)
	if okA && okB {
		d.lists(la, lb)
		return
	}
	va, vb := jsonText(a), jsonText(b)
	if va != nil && vb != nil && *va == *vb {
		return
	}
	if len(d.found) == maxJSONDiffs {
		d.more++
		return
	}
	d.found = append(d.found, Difference{Kind: d.kind, Layer: -1, Path: clip(d.join(), maxName), Fields: []Field{field("value", va, vb)}})
}

func (d *jsonDiff) objects(a, b map[string]any) {
	keys := make([]string, 0, len(a)+len(b))
	for k := range a {
		keys = append(keys, k)
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		d.in(jsonKey(k), valueOr(a, k), valueOr(b, k))
	}
}

func valueOr(m map[string]any, k string) any {
	if v, ok := m[k]; ok {
		return v
	}
	return absent{}
}

// maxAligned bounds the lists whose items are laid side by side: longer ones are compared by place.
const maxAligned = 512

func (d *jsonDiff) lists(a, b []any) {
	for _, s := range listSlots(a, b) {
		var x, y any = absent{}, absent{}
		if s.b >= 0 {
			y = b[s.b]
		}
		at := s.b
		if s.a >= 0 {
			at, x = s.a, a[s.a]
		}
		d.in("["+strconv.Itoa(at)+"]", x, y)
	}
}

// listSlots pairs the items of two lists: by place where they are as long as each other, else equal ones first, so that one item too many
// (a line of the history) does not make all later ones differ.
func listSlots(a, b []any) []slot {
	if len(a) == len(b) || max(len(a), len(b)) > maxAligned {
		return sideBySide(len(a), len(b), func(i, j int) bool { return i == j })
	}
	texts := func(list []any) []string {
		out := make([]string, len(list))
		for i, v := range list {
			out[i] = *jsonText(v)
		}
		return out
	}
	x, y := texts(a), texts(b)
	return sideBySide(len(a), len(b), func(i, j int) bool { return x[i] == y[j] })
}

// jsonText is a value as compact JSON with sorted keys; nil where it is absent.
func jsonText(v any) *string {
	if _, ok := v.(absent); ok {
		return nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		raw = fmt.Append(nil, v)
	}
	s := string(raw)
	return &s
}

var plainKey = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*$`)

// jsonKey writes a key as JSONPath does (RFC 9535): .name, or ["any text"].
func jsonKey(k string) string {
	if plainKey.MatchString(k) {
		return "." + k
	}
	return "[" + strconv.Quote(k) + "]"
}
