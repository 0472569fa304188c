//go:build !front

package policy

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// inWords is a value as an explanation shows it, on one line.
func inWords(v ref.Val) string {
	switch x := v.(type) {
	case types.String:
		return strconv.Quote(short(string(x)))
	case types.Timestamp:
		if x.IsZero() {
			return "no time"
		}
		return x.UTC().Format(time.RFC3339)
	case types.Duration:
		return x.String()
	case types.Null:
		return "null"
	case traits.Lister:
		return entries(x)
	case traits.Mapper:
		return diag.Counted(int64(x.Size().(types.Int)), "entry", "entries")
	case *types.Optional:
		if !x.HasValue() {
			return "absent"
		}
		return inWords(x.GetValue())
	}
	switch x := v.Value().(type) {
	case bool, int64, uint64, float64:
		return fmt.Sprint(x)
	}
	return label(v)
}

// entries shows how many a list has, and the first ones.
func entries(l traits.Lister) string {
	n := int64(l.Size().(types.Int))
	if n == 0 {
		return "empty"
	}
	var first []string
	for i := int64(0); i < min(n, maxEntries); i++ {
		first = append(first, label(l.Get(types.Int(i))))
	}
	if n > maxEntries {
		first = append(first, "...")
	}
	return diag.Counted(n, "entry", "entries") + ": " + strings.Join(first, ", ")
}

// label is what one would call an entry of the evidence.
func label(v ref.Val) string {
	switch x := v.Value().(type) {
	case Package:
		return short(strings.TrimSpace(x.Name + " " + x.Version))
	case Platform:
		return short(x.Name)
	case Signature:
		return short(x.Signer + ": " + x.Type)
	case Provenance:
		return short(x.Builder + ", signed by " + x.Signer)
	case Input:
		return short(firstOf(x.Name, x.URI, x.PURL, x.Digest))
	case Rebuild:
		return short("by " + x.Owner)
	case Statement:
		return short(x.Type + " by " + x.Signer)
	case List:
		return short(x.Kind + " " + x.Name)
	case Image:
		return short(x.Name + "@" + x.Digest)
	case Summary:
		return short(x.Verdict)
	case string:
		return strconv.Quote(short(x))
	case bool, int64, uint64, float64:
		return fmt.Sprint(x)
	}
	if m, ok := v.(traits.Mapper); ok {
		for _, key := range []string{"id", "name", "uri", "type"} {
			if text, ok := m.Find(types.String(key)); ok {
				if s, ok := text.(types.String); ok {
					return short(string(s))
				}
			}
		}
		return diag.Counted(int64(m.Size().(types.Int)), "entry", "entries")
	}
	return short(fmt.Sprint(v.Type()))
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return "one without a name"
}

// short keeps a value from the evidence to a readable length.
func short(s string) string {
	const most = 80
	if s = oneLine(s); len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most-3], "") + "..."
}
