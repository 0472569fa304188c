package lock_test

import (
	"bytes"
	"testing"

	"github.com/selfsame-build/selfsame/recipes/lock"
)

// FuzzParse: whatever Parse accepts, Format writes back byte for byte.
func FuzzParse(f *testing.F) {
	f.Add(sample().Format())
	f.Add([]byte(lock.Version + "\nrecipe -\ndockerfile -\ndockerignore -\nfrontend -\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := lock.Parse(data)
		if err == nil && !bytes.Equal(l.Format(), data) {
			t.Fatalf("accepted %q and writes %q", data, l.Format())
		}
	})
}

// FuzzFields: any text in any free column survives writing and reading.
func FuzzFields(f *testing.F) {
	f.Add("Dockerfile:3", "https://example.com/%20%2D%25%", "-", "a b\n")
	f.Add("%2", "-", "", "%")
	f.Fuzz(func(t *testing.T, step, key, accept, evidence string) {
		if key == "" {
			return
		}
		e := response(step, key, "x")
		e.Accept, e.Evidence = accept, evidence
		got, err := lock.Parse((&lock.Lock{Entries: []lock.Entry{e}}).Format())
		if err != nil {
			t.Fatal(err)
		}
		if got.Entries[0] != e {
			t.Fatalf("wrote %#v, read %#v", e, got.Entries[0])
		}
	})
}
