package inside

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"strconv"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

const (
	maxJSON       = 8 << 20 // bytes of a document that is compared by its values
	maxJSONValues = 1 << 18 // of them; decoded into Go's own values they would need ten times the memory
)

// jsonNode is one value of a document. Children stand in a list.
type jsonNode struct {
	from, to       int32 // the value's bytes
	keyFrom, keyTo int32 // the key's, with its quotes; empty in lists
	child, next    int32 // 0: none
	children       int32
	hash           uint64 // of the value without white space
}

// jsonTree is a document as it stands in its bytes; node 0 is its value.
type jsonTree struct {
	text  []byte
	at    int
	nodes []jsonNode
}

func isJSON(head []byte) bool {
	head = bytes.TrimLeft(head, " \t\r\n")
	return len(head) > 0 && (head[0] == '{' || head[0] == '[')
}

// parseJSON reads a document that encoding/json finds valid, which also bounds its depth.
func parseJSON(text []byte) (*jsonTree, bool) {
	most := 1
	for _, v := range text {
		if v == ',' || v == '{' || v == '[' {
			most++
		}
	}
	if most > maxJSONValues || !json.Valid(text) {
		return nil, false
	}
	t := &jsonTree{text: text, nodes: make([]jsonNode, 0, most)}
	t.value(0, 0)
	t.hash()
	return t, true
}

func (t *jsonTree) space() {
	for t.at < len(t.text) && (t.text[t.at] <= ' ' || t.text[t.at] == ',' || t.text[t.at] == ':') {
		t.at++
	}
}

// value reads the value that comes next and gives its number.
func (t *jsonTree) value(keyFrom, keyTo int) int32 {
	t.space()
	n := int32(len(t.nodes))                                                                             //nolint:gosec // G115: maxJSONValues
	t.nodes = append(t.nodes, jsonNode{from: int32(t.at), keyFrom: int32(keyFrom), keyTo: int32(keyTo)}) //nolint:gosec // G115: maxJSON
	switch t.text[t.at] {
	case '{', '[':
		t.inner(n, t.text[t.at] == '{')
	case '"':
		t.str()
	default:
		for t.at < len(t.text) && bytes.IndexByte([]byte(" \t\r\n,]}"), t.text[t.at]) < 0 {
			t.at++
		}
	}
	t.nodes[n].to = int32(t.at) //nolint:gosec // G115: maxJSON
	return n
}

// inner reads what stands between brackets.
func (t *jsonTree) inner(n int32, object bool) {
	t.at++
	for last := int32(0); ; {
		t.space()
		if v := t.text[t.at]; v == '}' || v == ']' {
			t.at++
			return
		}
		from := t.at
		if object {
			t.str()
		}
		child := t.value(from, t.at)
		if last == 0 {
			t.nodes[n].child = child
		} else {
			t.nodes[last].next = child
		}
		last = child
		t.nodes[n].children++
	}
}

func (t *jsonTree) str() {
	for t.at++; t.text[t.at] != '"'; t.at++ {
		if t.text[t.at] == '\\' {
			t.at++
		}
	}
	t.at++
}

func (t *jsonTree) raw(n int32) []byte { return t.text[t.nodes[n].from:t.nodes[n].to] }

func (t *jsonTree) kind(n int32) byte { return t.text[t.nodes[n].from] }

// key is a member's name as it is meant: escapes are ways of writing.
func (t *jsonTree) key(n int32) string {
	raw := t.text[t.nodes[n].keyFrom:t.nodes[n].keyTo]
	var s string
	if bytes.IndexByte(raw, '\\') < 0 || json.Unmarshal(raw, &s) != nil {
		return string(bytes.Trim(raw, `"`))
	}
	return s
}

// hash goes from the last value to the first, so that children come before what holds them. Without the hashes a deep document could
// make every level compare all that is below it.
func (t *jsonTree) hash() {
	sum := sha256.New()
	for n := int32(len(t.nodes)) - 1; n >= 0; n-- { //nolint:gosec // G115: maxJSONValues
		if k := t.kind(n); k != '{' && k != '[' {
			t.nodes[n].hash = hash64(t.raw(n))
			continue
		}
		sum.Reset()
		sum.Write([]byte{t.kind(n)})
		for i := t.nodes[n].child; i != 0; i = t.nodes[i].next {
			key := t.text[t.nodes[i].keyFrom:t.nodes[i].keyTo]
			sum.Write(key)
			sum.Write(binary.LittleEndian.AppendUint64(nil, t.nodes[i].hash))
		}
		t.nodes[n].hash = binary.LittleEndian.Uint64(sum.Sum(nil))
	}
}

// list is a node's children.
func (t *jsonTree) list(n int32) []int32 {
	out := make([]int32, 0, t.nodes[n].children)
	for i := t.nodes[n].child; i != 0; i = t.nodes[i].next {
		out = append(out, i)
	}
	return out
}

var plainKey = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*$`)

// jsonKey writes a key as JSONPath does (RFC 9535): .name, or ["any text"].
func jsonKey(k string) string {
	if plainKey.MatchString(k) {
		return "." + k
	}
	return "[" + strconv.Quote(clip(k, maxName)) + "]"
}
