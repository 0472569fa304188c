package builder

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
)

type writer = io.Writer

// hostArch is the machine's architecture, in OCI's words: what the managed daemons run natively.
const hostArch = runtime.GOARCH

// replace renames a folder into place, in one step also where there is an older one, and so that a power cut leaves the one or the other,
// whole; a filesystem that can do neither has a moment with none. What was there is left under the first name, or gone.
func replace(from, to string) error {
	if err := atomicfile.SyncTree(from); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	if err := exchange(from, to); err != nil {
		return fmt.Errorf("moving the result into place: %w", err)
	}
	return atomicfile.SyncDir(filepath.Dir(to))
}

func exchange(from, to string) error {
	for {
		err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_EXCHANGE)
		if errors.Is(err, unix.ENOENT) {
			err = unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
			if errors.Is(err, unix.EEXIST) {
				continue // another build was quicker
			}
		}
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a filesystem that cannot do either
			err = errors.Join(os.RemoveAll(to), os.Rename(from, to))
		}
		return err
	}
}

// tarOf is a tar with one program in it, the same bytes every time.
func tarOf(name string, program []byte) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	h := &tar.Header{Name: name, Mode: 0o755, Size: int64(len(program)), Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
	if w.WriteHeader(h) == nil {
		_, _ = w.Write(program) // a bytes.Buffer does not fail
	}
	_ = w.Close()
	return buf.Bytes()
}

// blob reads a small blob of the store.
func (h *Host) blob(d digest.Digest, limit int64) ([]byte, error) { return readBlob(h.Store, d, limit) }

func readBlob(from *inputs.Store, d digest.Digest, limit int64) ([]byte, error) {
	r, size, err := from.Open(d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if size > limit {
		return nil, fmt.Errorf("blob %s has %d bytes, more than the %d allowed", d, size, limit)
	}
	return io.ReadAll(r)
}

// FileDigest is the sha256 of one of our programs. It is remembered below cacheDir for as long as the kernel says that nobody has touched
// the file: its change time cannot be set.
func FileDigest(cacheDir, path string) (digest.Digest, error) {
	f, err := os.Open(path) //nolint:gosec // one of our own programs
	if err != nil {
		return "", fmt.Errorf("hashing %s: %w", path, err)
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return "", fmt.Errorf("looking at %s: %w", path, err)
	}
	state := fmt.Sprintln(path, st.Dev, st.Ino, st.Size, st.Mtim, st.Ctim)
	mark := filepath.Join(cacheDir, "programs", digest.FromString(state).Encoded())
	if data, err := os.ReadFile(mark); err == nil {
		if d := digest.Digest(data); d.Validate() == nil {
			return d, nil
		}
	}
	d, err := digest.FromReader(f)
	if err != nil {
		return "", fmt.Errorf("hashing %s: %w", path, err)
	}
	remember(mark, d)
	return d, nil
}

// remember writes a digest down. Where that fails, the next build makes it again.
func remember(mark string, d digest.Digest) {
	if os.MkdirAll(filepath.Dir(mark), 0o700) == nil {
		_ = atomicfile.Write(mark, []byte(d), 0o600)
	}
}

// v1Descriptor is the registry's form of a descriptor; both have the same JSON.
func v1Descriptor(d ocispec.Descriptor) (artifact.Descriptor, error) {
	var out artifact.Descriptor
	data, err := json.Marshal(d)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(data, &out)
}

// reader lets the SBOM read a layout.
type reader struct{ *layout.Layout }

// Manifest reads a manifest.
func (r reader) Manifest(ctx context.Context, d digest.Digest) (ocispec.Descriptor, []byte, error) {
	desc, raw, err := r.Layout.Manifest(ctx, d)
	return ocispec.Descriptor{MediaType: desc.MediaType, Digest: digest.Digest(desc.Digest.String()), Size: desc.Size}, raw, err
}

// cpuModel is the processor's name as the kernel gives it.
func cpuModel() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// repositoryOf cuts tag and digest off a reference.
func repositoryOf(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if i := strings.LastIndex(ref, ":"); i > strings.LastIndex(ref, "/") {
		ref = ref[:i]
	}
	return ref
}
