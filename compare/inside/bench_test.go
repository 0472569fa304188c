package inside

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"compress/gzip"
)

// BenchmarkTarGzip compares two tar.gz of 200 MB unpacked, in which one entry of 200 differs.
func BenchmarkTarGzip(b *testing.B) {
	rng := rand.NewChaCha8([32]byte{5})
	var files [2][]file
	for i := range 200 {
		raw := make([]byte, 1<<20)
		rng.Read(raw[:len(raw)/4]) // the rest is zeros, so that there is something to compress
		files[0] = append(files[0], reg(fmt.Sprint(i), string(raw)))
		if i == 100 {
			raw[500] ^= 1
		}
		files[1] = append(files[1], reg(fmt.Sprint(i), string(raw)))
	}
	x, y := gzipOf(b, 1, gzip.Header{}, tarOf(b, files[0]...)), gzipOf(b, 1, gzip.Header{}, tarOf(b, files[1]...))
	scratch := b.TempDir()
	b.SetBytes(200 << 20)
	b.ReportAllocs()
	for b.Loop() {
		p, err := Compare(context.Background(), "x.tar.gz", fileOf(x), fileOf(y), Options{Scratch: scratch})
		if err != nil || len(p) != 1 || p[0].Edits[0].OffsetA != 500 {
			b.Fatal(err, lines(p))
		}
	}
}
