package artifact

import (
	"bytes"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
)

// MismatchError says that content is not what its digest and size name.
type MismatchError struct {
	Want   Descriptor
	Reason string
}

// Error names the digest.
func (e *MismatchError) Error() string {
	return fmt.Sprintf("content of %s: %s", e.Want.Digest, e.Reason)
}

// Verified reads r. It gives the last of d.Size bytes only when all of them hash to d.Digest, and io.EOF only when nothing
// follows; otherwise it fails with a *MismatchError. It never reads more than d.Size+1 bytes.
func Verified(r io.Reader, d Descriptor) io.Reader {
	return &verified{r: io.LimitReader(r, d.Size+1), want: d, verifier: d.Digest.Verifier()}
}

type verified struct {
	r        io.Reader
	want     Descriptor
	read     int64
	verifier digest.Verifier
}

// Read implements io.Reader.
func (v *verified) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	v.read += int64(n)
	_, _ = v.verifier.Write(p[:n]) // a hash never fails
	switch {
	case v.read > v.want.Size:
		return 0, &MismatchError{Want: v.want, Reason: fmt.Sprintf("more than %d bytes", v.want.Size)}
	case v.read == v.want.Size && !v.verifier.Verified():
		// Checked with the last byte, not at EOF: a sender of a known length never asks for more.
		return 0, &MismatchError{Want: v.want, Reason: "the bytes hash to something else"}
	case err == io.EOF && v.read < v.want.Size:
		return n, &MismatchError{Want: v.want, Reason: fmt.Sprintf("%d of %d bytes", v.read, v.want.Size)}
	}
	return n, err
}

// ReadVerified reads all of r as Verified does. It refuses before reading when d.Size is more than limit bytes.
func ReadVerified(r io.Reader, d Descriptor, limit int64) ([]byte, error) {
	if d.Size > limit {
		return nil, &MismatchError{Want: d, Reason: fmt.Sprintf("%d bytes, the limit here is %d", d.Size, limit)}
	}
	// Room for all of it and for the read that finds nothing more; for what claims to be large, only as it comes.
	raw := bytes.NewBuffer(make([]byte, 0, max(min(d.Size, trustedSize), 0)+bytes.MinRead))
	_, err := raw.ReadFrom(Verified(r, d))
	return raw.Bytes(), err
}

// trustedSize is how many bytes are set aside because a descriptor says that they will come.
const trustedSize = 64 << 10
