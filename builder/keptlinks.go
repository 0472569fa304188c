package builder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance/intoto"
	"github.com/selfsame-build/selfsame/signing"
)

// takeAlong gives the kept links that are about what this build read. They are taken as they are: whose word they are is for the
// verifier's layout to say.
func (b *build) takeAlong(dir string, materials intoto.Artifacts) ([][]byte, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the folder of links: %w", err)
	}
	var out [][]byte
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), linkSuffix) || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if len(out) == maxLinkFiles {
			return nil, diag.Errorf("A0316", "`%s` holds more than %d links", dir, maxLinkFiles).WithHelp("remove those of other builds")
		}
		bundle, err := readLink(filepath.Join(dir, e.Name()), materials)
		if err != nil {
			b.host.warn(diag.Warnf(codeOtherLink, "the link `%s` does not go with the image: %v", filepath.Join(dir, e.Name()), err).
				WithHelp("whoever signed it looks again, and signs anew: selfsame lock --check --link-key STEP=FILE"))
			continue
		}
		out = append(out, bundle)
	}
	return out, nil
}

// readLink reads a kept link, and says why it is not about these artifacts.
func readLink(path string, about intoto.Artifacts) ([]byte, error) {
	st, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxLinkFile {
		return nil, fmt.Errorf("it is no regular file of at most %d bytes", maxLinkFile)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	bundle, err := io.ReadAll(io.LimitReader(f, maxLinkFile))
	if err != nil {
		return nil, err
	}
	payload, err := signing.Claimed(bundle)
	if err != nil {
		return nil, err
	}
	l, err := intoto.ReadLink(payload)
	if err != nil {
		return nil, err
	}
	shared := false
	for _, side := range []intoto.Artifacts{l.Materials, l.Products} {
		for name, d := range side {
			want, ok := about[name]
			if ok && want != d {
				return nil, fmt.Errorf("it is about another `%s`", name)
			}
			shared = shared || ok
		}
	}
	if !shared {
		return nil, errors.New("nothing that it names was built from")
	}
	return bundle, nil
}
