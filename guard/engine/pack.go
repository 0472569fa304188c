package engine

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/klauspost/compress/s2"

	"github.com/selfsame-build/selfsame/policy"
)

// maxEvidence bounds the evidence about one image, in bytes before compression: what is more is not kept, and so gathered for each question.
const maxEvidence = 16 << 20

// pack is evidence as it is kept, compressed: JSON without the lists of packages and inputs, and those lists as plain strings. They are
// nearly all of it, and reading them as JSON took ten times as long as the rules. nil: it is too large to keep.
func pack(e *policy.Evidence) ([]byte, error) {
	small := *e
	small.Packages, small.Bases = nil, nil
	small.Provenance = append([]policy.Provenance(nil), e.Provenance...)
	lists := records(nil, e.Packages)
	lists = records(lists, e.Bases)
	for i := range small.Provenance {
		lists = records(lists, small.Provenance[i].Inputs)
		small.Provenance[i].Inputs = nil
	}
	head, err := json.Marshal(small)
	if err != nil {
		return nil, fmt.Errorf("encoding evidence: %w", err)
	}
	raw := binary.AppendUvarint(make([]byte, 0, len(head)+len(lists)+binary.MaxVarintLen64), uint64(len(head)))
	if raw = append(append(raw, head...), lists...); len(raw) > maxEvidence {
		return nil, nil
	}
	return s2.Encode(nil, raw), nil
}

// unpack reads kept evidence.
func unpack(packed []byte) (*policy.Evidence, error) {
	n, err := s2.DecodedLen(packed)
	if err == nil && n > maxEvidence {
		err = errors.New("it is too large")
	}
	var raw []byte
	if err == nil {
		raw, err = s2.Decode(nil, packed)
	}
	var e policy.Evidence
	if err == nil {
		err = read(raw, &e)
	}
	if err != nil {
		return nil, fmt.Errorf("reading kept evidence: %w", err)
	}
	return &e, nil
}

var errShort = errors.New("it ends too early")

func read(raw []byte, e *policy.Evidence) (err error) {
	n, w := binary.Uvarint(raw)
	if w <= 0 || n > uint64(len(raw)-w) { //nolint:gosec // w is at most its length
		return errShort
	}
	if err := json.Unmarshal(raw[w:w+int(n)], e); err != nil { //nolint:gosec // n is less than a length
		return err
	}
	rest := string(raw[w+int(n):]) //nolint:gosec // the same
	e.Packages, rest, err = list[policy.Package](rest)
	if err == nil {
		e.Bases, rest, err = list[policy.Base](rest)
	}
	for i := 0; err == nil && i < len(e.Provenance); i++ {
		e.Provenance[i].Inputs, rest, err = list[policy.Input](rest)
	}
	if err == nil && rest != "" {
		err = errors.New("something follows it")
	}
	return err
}

// records appends a list of structs whose fields are all strings: one more than their number (0 is no list), and each field with its length
// before it.
func records[T any](out []byte, list []T) []byte {
	if list == nil {
		return append(out, 0)
	}
	out = binary.AppendUvarint(out, uint64(len(list))+1)
	for i := range list {
		v := reflect.ValueOf(&list[i]).Elem()
		for f := range v.NumField() {
			text := v.Field(f)
			if text.Kind() != reflect.String { // String of another kind would be a name for its type
				panic("engine: " + v.Type().String() + " has a field that is no string")
			}
			out = append(binary.AppendUvarint(out, uint64(text.Len())), text.String()...) //nolint:gosec // a length
		}
	}
	return out
}

// list reads what records wrote. The strings share the memory of s.
func list[T any](s string) (out []T, rest string, err error) {
	n, s, ok := number(s)
	fields := reflect.TypeFor[T]().NumField()
	switch {
	case !ok, n > uint64(len(s)/fields)+1: //nolint:gosec // a length
		return nil, "", errShort
	case n == 0:
		return nil, s, nil
	}
	out = make([]T, n-1)
	for i := range out {
		v := reflect.ValueOf(&out[i]).Elem()
		for f := range fields {
			if n, s, ok = number(s); !ok || n > uint64(len(s)) {
				return nil, "", errShort
			}
			v.Field(f).SetString(s[:n])
			s = s[n:]
		}
	}
	return out, s, nil
}

// number reads a binary.Uvarint off a string.
func number(s string) (n uint64, rest string, ok bool) {
	for i := 0; i < len(s) && i < binary.MaxVarintLen32; i++ {
		if n |= uint64(s[i]&0x7f) << (7 * i); s[i] < 0x80 {
			return n, s[i+1:], true
		}
	}
	return 0, "", false
}
