package local

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// TestReadFile: whatever size a descriptor claims, the file is read whole.
func TestReadFile(t *testing.T) {
	path, want := filepath.Join(t.TempDir(), "f"), bytes.Repeat([]byte("0123456789"), 10_000)
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{math.MinInt64, 0, 1, int64(len(want)) - 1, int64(len(want)), int64(len(want)) + 1, math.MaxInt64} {
		if got, err := readFile(path, size); err != nil || !bytes.Equal(got, want) {
			t.Errorf("size %d: %d bytes, %v", size, len(got), err)
		}
	}
	if _, err := readFile(path+".none", 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := readFile(filepath.Dir(path), 1); err == nil {
		t.Error("a folder was read")
	}
	for size, want := range map[int64]error{maxFile: nil, maxFile + 1: errTooLarge} { // holes, which take no room
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		if got, err := readFile(path, 1); !errors.Is(err, want) || want == nil && int64(len(got)) != size {
			t.Errorf("a file of %d bytes: %d bytes, %v", size, len(got), err)
		}
	}
}
