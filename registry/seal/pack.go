package seal

import (
	"bytes"
	"fmt"
	"io"

	"github.com/selfsame-build/selfsame/registry/artifact"
)

// pack reads the blobs of a layer one after the other, each verified.
type pack struct {
	left    layer
	from    Opener
	current io.ReadCloser
	r       io.Reader
}

func newPack(l layer, from Opener) *pack { return &pack{left: l, from: from} }

// Read implements io.Reader.
func (p *pack) Read(buf []byte) (int, error) {
	for {
		if p.current == nil {
			if len(p.left) == 0 {
				return 0, io.EOF
			}
			if err := p.next(); err != nil {
				return 0, err
			}
		}
		n, err := p.r.Read(buf)
		if err == io.EOF {
			p.Close()
			err = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (p *pack) next() error {
	b := p.left[0]
	p.left = p.left[1:]
	f, _, err := p.from.Open(b.Digest)
	if err != nil {
		return fmt.Errorf("opening sealed input %s: %w", b.Digest, err)
	}
	p.current = f
	p.r = artifact.Verified(f, artifact.Descriptor{Digest: b.Digest, Size: b.Size})
	return nil
}

// Close closes the blob that is being read.
func (p *pack) Close() error {
	if p.current == nil {
		return nil
	}
	err := p.current.Close()
	p.current = nil
	return err
}

func opener(raw []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }
}
