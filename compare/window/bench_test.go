package window_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/layouttest"
	"github.com/selfsame-build/selfsame/compare/window"
)

// BenchmarkScan searches a layer of this machine's programs and documents (up to 64 MB of each), and one of random bytes.
// The layer is read, decompressed and verified meanwhile; "read" is that alone.
func BenchmarkScan(b *testing.B) {
	layers := map[string][]layouttest.Entry{
		"programs": tree(b, "/usr/lib/x86_64-linux-gnu", 64<<20),
		"text":     tree(b, "/usr/share", 64<<20),
		"random":   {layouttest.File("r", random(64<<20))},
	}
	for _, name := range []string{"programs", "text", "random"} {
		for _, mt := range []string{ocispec.MediaTypeImageLayer, ocispec.MediaTypeImageLayerZstd} {
			img := layouttest.Of(b, layers[name])
			img.Layers[0].MediaType = mt
			i := open(b, img)
			short := filepath.Ext(mt)
			b.Run(name+"/read"+short, func(b *testing.B) {
				b.SetBytes(int64(len(img.Layers[0].Tar)))
				done := cpu(b, len(img.Layers[0].Tar))
				for b.Loop() {
					readAll(b, i)
				}
				done()
			})
			b.Run(name+"/scan"+short, func(b *testing.B) {
				b.SetBytes(int64(len(img.Layers[0].Tar)))
				var r window.Result
				done := cpu(b, len(img.Layers[0].Tar))
				for b.Loop() {
					var err error
					if r, err = window.Scan(context.Background(), i, window.Options{Spans: spans, HostNames: []string{"selfsame-b"}}); err != nil {
						b.Fatal(err)
					}
				}
				done()
				b.ReportMetric(float64(len(r.Findings)), "findings")
				if testing.Verbose() {
					for _, f := range r.Findings {
						b.Logf("%+v", f)
					}
				}
			})
		}
	}
}

// cpu reports the speed by processor time, which a busy machine does not change as it does the clock's.
func cpu(b *testing.B, size int) func() {
	used := func() float64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
	}
	before := used()
	return func() { b.ReportMetric(float64(size)*float64(b.N)/1e6/(used()-before), "MB/cpu-s") }
}

func readAll(b *testing.B, i *compare.Image) {
	r, err := i.ReadLayer(context.Background(), 0, compare.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	for {
		if _, err := r.Next(); err != nil {
			return
		}
	}
}

func random(n int) string {
	raw := make([]byte, n)
	rand.NewChaCha8([32]byte{2}).Read(raw)
	return string(raw)
}

func tree(b *testing.B, root string, limit int) []layouttest.Entry {
	b.Helper()
	var out []layouttest.Entry
	filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || limit <= 0 {
			return nil
		}
		if raw, err := os.ReadFile(path); err == nil && len(raw) <= limit {
			limit -= len(raw)
			out = append(out, layouttest.File(fmt.Sprint(len(out)), string(raw)))
		}
		return nil
	})
	return out
}
