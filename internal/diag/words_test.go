package diag_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/selfsame-build/selfsame/internal/diag"
)

func TestCounted(t *testing.T) {
	for n, want := range map[int]string{0: "0 entries", 1: "1 entry", 2: "2 entries"} {
		if got := diag.Counted(n, "entry", "entries"); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}

func TestWithoutPath(t *testing.T) {
	_, err := os.Open(t.TempDir() + "/gone")
	if got := diag.WithoutPath(err); got.Error() != "no such file or directory" || !errors.Is(got, fs.ErrNotExist) {
		t.Errorf("%v", got)
	}
	if other := errors.New("not a regular file"); diag.WithoutPath(other) != other { //nolint:errorlint // the very same
		t.Error("another error is changed")
	}
}
