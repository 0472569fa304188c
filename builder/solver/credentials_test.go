package solver

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// TestMaskHidesValuesHoweverTheyAreCut feeds a step's output in pieces of every size.
func TestMaskHidesValuesHoweverTheyAreCut(t *testing.T) {
	const text = "+ curl -H 'Authorization: Bearer abcabcd'\nabcab and abcabcdabcabcd, abc"
	const want = "+ curl -H 'Authorization: Bearer ***'\nabcab and ******, abc"
	for size := 1; size <= len(text); size++ {
		m := newMask([][]byte{[]byte("abcabcd"), []byte("other value")})
		var got strings.Builder
		v := digest.FromString("vertex")
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			got.Write(m.next(v, []byte(rest[:n])))
			got.Write(m.next(digest.FromString("another"), []byte("zzz")[:0]))
			rest = rest[n:]
		}
		got.Write(m.last(v))
		if got.String() != want {
			t.Errorf("in pieces of %d: %q, want %q", size, got.String(), want)
		}
	}
	m := newMask(nil)
	if got := m.next("v", []byte("anything")); string(got) != "anything" {
		t.Errorf("without values to hide: %q", got)
	}
}
