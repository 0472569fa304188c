package compare_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/layouttest"
)

// BenchmarkImages compares two images of one 64 MB zstd layer: equal ones (digests only), and ones in which 1 file of 1024
// differs. MB/cpu-s is by processor time.
func BenchmarkImages(b *testing.B) {
	rng := rand.NewChaCha8([32]byte{3})
	var x, y entries
	for i := range 1024 {
		raw := make([]byte, 64<<10)
		rng.Read(raw[:32<<10]) // the other half is zeros, so that there is something to compress
		x = append(x, file(fmt.Sprint(i), string(raw)))
		raw[100] ^= byte(i / 1023)
		y = append(y, file(fmt.Sprint(i), string(raw)))
	}
	for name, other := range map[string]entries{"equal": x, "differing": y} {
		var imgs []*compare.Image
		for _, e := range []entries{x, other} {
			img := layouttest.Of(b, e)
			img.Layers[0].MediaType = ocispec.MediaTypeImageLayerZstd
			imgs = append(imgs, open(b, img))
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(64 << 20)
			var before, after syscall.Rusage
			syscall.Getrusage(syscall.RUSAGE_SELF, &before)
			for b.Loop() {
				if _, err := compare.Images(context.Background(), imgs[0], imgs[1], compare.Options{}); err != nil {
					b.Fatal(err)
				}
			}
			syscall.Getrusage(syscall.RUSAGE_SELF, &after)
			used := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
			b.ReportMetric(64*1.048576*float64(b.N)/used.Seconds(), "MB/cpu-s")
		})
	}
}
