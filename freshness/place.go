package freshness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/flock"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
)

// Place is where a deny list or a policy is kept: under a tag of a repository, or in a file.
type Place interface {
	// Name is the repository, which the statement must name; for a file "".
	Name() string
	// String is the place as users write it.
	String() string
	// Read gives the signed bundle and the reference that will always mean it; found is false when there is none.
	Read(ctx context.Context) (bundle []byte, pinned string, found bool, err error)
	// Write puts a bundle in the place of the one that is there, and gives its reference likewise.
	Write(ctx context.Context, bundle []byte) (pinned string, err error)
}

// kind is what is kept at a place.
type kind struct {
	noun      string
	predicate string // its type
	most      int64  // bytes of the signed bundle
}

var (
	denyLists = kind{"deny list", provenance.PredicateDenyList, 32 << 20}
	policies  = kind{"policy", provenance.PredicatePolicy, 4 << 20}
)

// OpenPlace names the place of a deny list by a reference, or by the path of a file: what is there as a file, or begins with "/", "./" or "../". Nothing is
// read yet.
func OpenPlace(c *registry.Client, where string) (Place, error) { return denyLists.open(c, where) }

// OpenPolicyPlace names the place of a signed policy likewise.
func OpenPolicyPlace(c *registry.Client, where string) (Place, error) { return policies.open(c, where) }

func (k kind) open(c *registry.Client, where string) (Place, error) {
	if st, err := os.Stat(where); (err == nil && st.Mode().IsRegular()) || filepath.IsAbs(where) || where != "" && where[0] == '.' {
		return file{where, k}, nil
	}
	repo, tag, err := c.Tag(where)
	if err != nil {
		return nil, err
	}
	return tagged{repo, tag, k}, nil
}

type tagged struct {
	repo *registry.Repository
	tag  string
	kind kind
}

func (t tagged) Name() string   { return t.repo.Name() }
func (t tagged) String() string { return t.repo.Name() + ":" + t.tag }

func (t tagged) Read(ctx context.Context) ([]byte, string, bool, error) {
	manifest, blob, found, err := t.repo.Tagged(ctx, t.tag)
	if err != nil || !found {
		return nil, "", found, err
	}
	if blob.MediaType != signing.BundleMediaType {
		return nil, "", true, invalid("the "+t.kind.noun+" "+t.String(), fmt.Errorf("it is %q, not a signed bundle", blob.MediaType))
	}
	raw, err := t.repo.Blob(ctx, blob, t.kind.most)
	return raw, t.repo.Name() + "@" + manifest.Digest.String(), true, err
}

func (t tagged) Write(ctx context.Context, bundle []byte) (string, error) {
	desc, err := t.repo.PutTagged(ctx, t.tag, artifact.Bundle(signing.BundleMediaType, bundle, t.kind.predicate))
	return t.repo.Name() + "@" + desc.Digest.String(), err
}

// file is one on disk, for machines without a registry.
type file struct {
	path string
	kind kind
}

func (f file) Name() string   { return "" }
func (f file) String() string { return f.path }

func (f file) Read(context.Context) ([]byte, string, bool, error) {
	r, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", false, nil
	}
	if err != nil {
		return nil, "", false, unreadableList(f, err)
	}
	defer r.Close()
	raw, err := io.ReadAll(io.LimitReader(r, f.kind.most+1))
	if err == nil && int64(len(raw)) > f.kind.most {
		err = fmt.Errorf("more than %d bytes", f.kind.most)
	}
	if err != nil {
		return nil, "", true, unreadableList(f, err)
	}
	return raw, f.path, true, nil
}

func (f file) Write(_ context.Context, bundle []byte) (string, error) {
	return f.path, atomicfile.Write(f.path, bundle, 0o644)
}

// lock keeps other writers of the same folder out, where the filesystem can.
func (f file) lock() (unlock func(), err error) {
	dir, err := os.Open(filepath.Dir(f.path))
	if err != nil {
		return nil, err
	}
	if err := flock.Lock(dir, unix.LOCK_EX); err != nil && !flock.Unsupported(err) {
		_ = dir.Close()
		return nil, err
	}
	return func() { _ = dir.Close() }, nil
}

func unreadableList(f file, err error) error {
	return diag.Errorf(codeStale, "reading the %s `%s`: %w", f.kind.noun, f, err).WithWhy("without it nothing is decided")
}
