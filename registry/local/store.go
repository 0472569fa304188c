package local

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/registry/artifact"
)

// store is the folder:
//
//	blobs/HEX                          content, manifests too, for all repositories
//	uploads/ID                         what is being received
//	repos/NAME/_manifests/HEX          a descriptor: this repository has the manifest
//	repos/NAME/_tags/TAG               a descriptor
//	repos/NAME/_referrers/HEX/HEX      a descriptor: the second manifest speaks about the first
//
// A component of a name never begins with "_", so the kinds cannot meet a repository's name.
type store struct{ dir string }

func (s store) blobPath(d digest.Digest) string {
	return filepath.Join(s.dir, "blobs", d.Encoded())
}

func (s store) repoPath(repo string, parts ...string) string {
	return filepath.Join(append([]string{s.dir, "repos", filepath.FromSlash(repo)}, parts...)...)
}

func (s store) hasBlob(d digest.Digest) bool {
	_, err := os.Stat(s.blobPath(d))
	return err == nil
}

// writeDescriptor stores a descriptor by rename.
func (s store) writeDescriptor(path string, d artifact.Descriptor) error {
	raw, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return s.writeFile(path, raw)
}

func (s store) writeFile(path string, raw []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Join(s.dir, "uploads"), "write-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(raw); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// usualDescriptor is more than nearly all descriptors take, in bytes.
const usualDescriptor = 1 << 10

func (s store) readDescriptor(path string) (artifact.Descriptor, error) {
	var d artifact.Descriptor
	raw, err := readFile(path, usualDescriptor)
	if err != nil {
		return d, err
	}
	return d, json.Unmarshal(raw, &d)
}

// names lists the files of a folder in order; a folder that is not there has none.
func (s store) names(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	return names, err
}

// commit makes a received file the blob d, or refuses it when its bytes hash to something else.
func (s store) commit(received string, d digest.Digest) error {
	f, err := os.Open(received)
	if err != nil {
		return err
	}
	defer f.Close()
	v := d.Verifier()
	if _, err := io.Copy(v, f); err != nil {
		return err
	}
	if !v.Verified() {
		return fail(400, "DIGEST_INVALID", "the bytes do not hash to %s", d)
	}
	return os.Rename(received, s.blobPath(d))
}
