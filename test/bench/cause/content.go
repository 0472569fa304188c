package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"time"
)

// epoch is the time of every file.
var epoch = time.Unix(1_760_000_000, 0)

// layers is how many the images have; changed is the one in which a file differs.
const (
	layers  = 5
	changed = 3
)

// layerTar writes one layer of about mb MB: a tenth small texts, a fifth large ones, half programs, a fifth jars. It depends on its
// arguments alone; in the changed layer of side B one program differs in 19 bytes.
func layerTar(w io.Writer, n, mb int, sideB bool) error {
	rng := rand.New(rand.NewChaCha8([32]byte{byte(n)}))
	t := tar.NewWriter(w)
	file := func(name string, body []byte) error {
		if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, ModTime: epoch, Size: int64(len(body))}); err != nil {
			return err
		}
		_, err := t.Write(body)
		return err
	}
	total := mb * 1_000_000
	for i := range total / 10 / 4_000 {
		if err := file(fmt.Sprintf("usr/share/doc/l%d/%05d.txt", n, i), text(rng, 4_000)); err != nil {
			return err
		}
	}
	for i := range max(total/5/1_000_000, 1) {
		if err := file(fmt.Sprintf("usr/lib/l%d/data/%03d.json", n, i), text(rng, 1_000_000)); err != nil {
			return err
		}
	}
	for i := range max(total/2/2_500_000, 1) {
		body := program(rng, 2_500_000)
		if sideB && n == changed && i == 0 {
			copy(body[1_200_000:], "2027-12-25 04:34:03")
		}
		if err := file(fmt.Sprintf("usr/bin/l%d-%03d", n, i), body); err != nil {
			return err
		}
	}
	for i := range max(total/5/2_000_000, 1) {
		body, err := jar(rng, 2_000_000)
		if err != nil {
			return err
		}
		if err := file(fmt.Sprintf("usr/share/java/l%d-%03d.jar", n, i), body); err != nil {
			return err
		}
	}
	return t.Close()
}

var words = []string{"alpha", "builder", "compare", "digest", "evidence", "file", "graph", "hash", "image", "layer", "manifest", "node"}

func text(rng *rand.Rand, size int) []byte {
	b := make([]byte, 0, size+64)
	for len(b) < size {
		v := rng.Uint64()
		for range 6 {
			b = append(append(b, words[v%12]...), ' ')
			v /= 12
		}
		b = append(strconv.AppendUint(b, v%1000, 10), '\n')
	}
	return b[:size]
}

// program looks like one from outside: an ELF header of x86-64 without sections, then bytes of few values, as code has them.
func program(rng *rand.Rand, size int) []byte {
	b := make([]byte, size)
	copy(b, "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00\x01\x00\x00\x00")
	b[52], b[54], b[58] = 64, 56, 64 // sizes of the header and of entries in tables that are empty
	for i := 64; i+8 <= size; i += 8 {
		v := rng.Uint64()
		for j := range 8 {
			b[i+j] = byte(v>>(8*j)) & 0x3f
		}
	}
	copy(b[1_200_000:], "2026-11-23 04:34:01")
	return b
}

func jar(rng *rand.Rand, size int) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; b.Len() < size; i++ {
		w, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("org/example/C%04d.class", i), Method: zip.Deflate, Modified: epoch})
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(text(rng, 20_000)); err != nil {
			return nil, err
		}
		if err := z.Flush(); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return b.Bytes(), err
}
