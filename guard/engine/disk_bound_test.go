package engine

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
)

// TestFolderIsBounded: the folder is kept within its bounds while evidence is written, and not at the next start alone.
func TestFolderIsBounded(t *testing.T) {
	for _, test := range []struct {
		name        string
		files       int
		bytes       int64
		least, most int // files afterwards
	}{
		{"files", 10, maxDisk, 10, 11},
		{"bytes", 1000, 20_000, 15, 23}, // of some 1,000 bytes and a head
	} {
		d, err := openDisk(t.TempDir()+"/evidence", test.files, nil)
		if err != nil {
			t.Fatal(err)
		}
		d.bytes = test.bytes
		for i := range 100 {
			k := key{"registry.example.com/team/shop", digest.FromString(fmt.Sprint(i))}
			if err := d.save(k, &entry{gathered: time.Unix(0, 0)}, bytes.Repeat([]byte("x"), 700), atomicfile.Write); err != nil {
				t.Fatal(err)
			}
		}
		left, err := os.ReadDir(d.dir)
		if err != nil || len(left) < test.least || len(left) > test.most {
			t.Errorf("%s: %d files are left, %v", test.name, len(left), err)
		}
	}
}

// TestOthersTidyUp: another engine on the same folder may remove what this one tries the folder with.
func TestOthersTidyUp(t *testing.T) {
	d, err := openDisk(t.TempDir()+"/evidence", 10, nil)
	if err != nil {
		t.Fatal(err)
	}
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-end:
				return
			default:
				_ = d.prune()
			}
		}
	}()
	for range 300 {
		if err := d.writable(); err != nil {
			t.Error(err)
			break
		}
	}
	close(end)
	<-done
}
