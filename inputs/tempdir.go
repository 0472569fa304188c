package inputs

import (
	"fmt"
	"os"
	"path/filepath"
)

// TempDir makes a private folder inside the store (so on its filesystem) and gives what removes it again.
func (s *Store) TempDir(pattern string) (dir string, remove func() error, err error) {
	dir, err = os.MkdirTemp(filepath.Join(s.dir, "tmp"), pattern)
	if err != nil {
		return "", nil, fmt.Errorf("making a temporary folder: %w", err)
	}
	s.checkMu.Lock()
	s.writing[dir] = true
	s.checkMu.Unlock()
	return dir, func() error {
		err := os.RemoveAll(dir)
		s.checkMu.Lock()
		delete(s.writing, dir)
		s.checkMu.Unlock()
		return err
	}, nil
}
