package inside

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func db(t testing.TB, s string) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zlib.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSQLite(t *testing.T) {
	base := db(t, dbBase)
	counter := bytes.Clone(base)
	counter[27]++
	check(t, []golden{
		{"a counter", base, counter, []string{" sqlite field change counter 5|6"}},
	})
	short(t, parts(t, "rows", base, db(t, dbRows), Options{}), []string{
		" sqlite removed table packages row 3", " sqlite field table packages row 7 column installed 1700000000|1700000001",
		"sqlite:table packages row 9 column data/  bytes", "  [aa|selfsame-b]", " sqlite added table packages row 100",
		" sqlite field table plain row host column v aa|selfsame-b"})
	short(t, parts(t, "freed", db(t, dbFreed), db(t, dbFreedOther), Options{}), []string{
		"sqlite:free page 2/ sqlite bytes", "  [s|S]", "  [s|S]", "sqlite:free page 13/ sqlite bytes", "  [s|S]", "  [s|S]",
		"sqlite:free page 14/ sqlite bytes", "  [s|S]", "  [s|S]", "sqlite:free page 15/ sqlite bytes", "  [s|S]", "  [s|S]",
		"sqlite:free page 16/ sqlite bytes", "  [s|S]", "  [s|S]"})
}

// short compares parts without what stands around their edits.
func short(t *testing.T, parts []Part, want []string) {
	t.Helper()
	var got []string
	for _, p := range parts {
		got = append(got, lines([]Part{p})[0])
		for _, e := range p.Edits {
			got = append(got, fmt.Sprintf("  [%s|%s]", e.A, e.B))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
