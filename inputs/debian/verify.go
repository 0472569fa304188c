package debian

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"
	"github.com/package-url/packageurl-go"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/inputs/debian/archive"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// Verify follows the chain of every Debian line again, on the stored bytes and without a network: a key of the ring signs
// each InRelease (and exactly the keys that the line names do), it lists the index, the index lists the package with its
// name, size and digest. Whether an InRelease has expired is not asked; that matters when locking only. Lines of other
// kinds are passed over. A broken chain is A0721; bytes that are not in the store are inputs.ErrMissing. arch is Debian's name.
//
// It reads each index in full: about two seconds for a suite like trixie.
func Verify(ctx context.Context, store Store, keyring archive.Keyring, arch string, entries []lock.Entry) error {
	v := verifier{
		store: store, keyring: keyring, arch: arch, wanted: map[string]bool{},
		releases: map[digest.Digest]*archive.Release{}, indexes: map[[2]digest.Digest]map[string]archive.Package{},
	}
	for _, e := range entries {
		if e.Kind == lock.KindDeb {
			v.wanted[filename(e)] = true
		}
	}
	for _, step := range []struct {
		kind  lock.Kind
		check func(lock.Entry) error
	}{{lock.KindRelease, v.checkRelease}, {lock.KindIndex, v.checkIndex}, {lock.KindDeb, v.checkDeb}} {
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				return err
			}
			if e.Kind != step.kind {
				continue
			}
			if err := step.check(e); err != nil {
				return broken(e, err)
			}
		}
	}
	return nil
}

func broken(e lock.Entry, err error) error {
	if errors.Is(err, inputs.ErrMissing) || errors.Is(err, inputs.ErrCorrupt) {
		return fmt.Errorf("following what vouches for %s: %w", e.Key, err)
	}
	return diag.Errorf(codeChain, "the locked `%s` is not vouched for: %w", e.Key, err).WithHelp("selfsame lock")
}

type verifier struct {
	store    Store
	keyring  archive.Keyring
	arch     string
	releases map[digest.Digest]*archive.Release
	wanted   map[string]bool // Filenames of the packages in the lock
	// indexes are the wanted packages by Filename, of each index by the InRelease that lists it and its own digest.
	indexes map[[2]digest.Digest]map[string]archive.Package
}

// afterDate is when signatures are judged. They are made minutes after the Release's Date, or days when a person must sign.
const afterDate = 7 * 24 * time.Hour

func (v verifier) checkRelease(e lock.Entry) error {
	keys, date, err := parseReleaseEvidence(e.Evidence)
	if err != nil {
		return err
	}
	data, err := readBlob(v.store, e.Digest, archive.MaxInRelease)
	if err != nil {
		return err
	}
	r, err := archive.ReadRelease(data, v.keyring, date.Add(afterDate))
	if err != nil {
		return err
	}
	switch {
	case !r.Date.Equal(date):
		return fmt.Errorf("it is of %s, not %s", r.Date.Format(time.RFC3339), date.Format(time.RFC3339))
	case !slices.Equal(r.Keys, keys):
		return fmt.Errorf("it is signed by %s, not %s", strings.Join(r.Keys, ", "), strings.Join(keys, ", "))
	case !strings.HasSuffix(e.Key, "/dists/"+r.Codename+"/InRelease"):
		return fmt.Errorf("it is of %s", r.Codename)
	}
	v.releases[e.Digest] = r
	return nil
}

func (v verifier) checkIndex(e lock.Entry) error {
	release, _, err := parseChain(e.Evidence)
	if err != nil {
		return err
	}
	r := v.releases[release]
	if r == nil {
		return errors.New("its InRelease is not in the lock")
	}
	_, name, ok := strings.Cut(e.Key, "/dists/"+r.Codename+"/")
	if f := r.Files[name]; !ok || f.Digest != e.Digest || f.Size != e.Size {
		return fmt.Errorf("the InRelease of %s lists other bytes", r.Codename)
	}
	byFile := map[string]archive.Package{}
	err = readIndex(v.store, e.Digest, name, v.arch, func(p archive.Package) error {
		if v.wanted[p.Filename] {
			byFile[p.Filename] = p
		}
		return nil
	})
	if err != nil {
		return err
	}
	v.indexes[[2]digest.Digest{release, e.Digest}] = byFile
	return nil
}

func (v verifier) checkDeb(e lock.Entry) error {
	release, index, err := parseChain(e.Evidence)
	if err != nil {
		return err
	}
	byFile, ok := v.indexes[[2]digest.Digest{release, index}]
	if !ok {
		return errors.New("its index is not in the lock")
	}
	name := filename(e)
	if name == "" {
		return errors.New("its address is not below the archive's pool")
	}
	p, ok := byFile[name]
	if !ok || p.Digest != e.Digest || p.Size != e.Size {
		return errors.New("the index lists other bytes")
	}
	u, err := packageurl.FromString(e.PURL)
	if err != nil || u.Name != p.Name || u.Version != p.Version || u.Qualifiers.Map()["arch"] != p.Arch {
		return fmt.Errorf("the index calls it %s %s (%s), the lock %s", p.Name, p.Version, p.Arch, e.PURL)
	}
	return nil
}

// filename is what the index calls a package by: where it is below the archive's root. Empty: its address is not below the pool.
func filename(e lock.Entry) string {
	i := strings.Index(e.Key, "/pool/")
	if i < 0 {
		return ""
	}
	return e.Key[i+1:]
}

// readBlob reads a small blob in full.
func readBlob(s Store, d digest.Digest, limit int64) ([]byte, error) {
	f, size, err := s.Open(d)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > limit {
		return nil, fmt.Errorf("%s exceeds %d bytes", d, limit)
	}
	return io.ReadAll(io.LimitReader(f, limit+1))
}
