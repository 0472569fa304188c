package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// maxIgnore bounds an ignore file, in bytes.
const maxIgnore = 1 << 20

// ReadIgnore finds the ignore file that Docker would use for dockerfile (slash-separated, below dir):
// <dockerfile>.dockerignore, else .dockerignore. No such file: empty name, nil.
func ReadIgnore(dir, dockerfile string) (name string, content []byte, err error) {
	names := []string{".dockerignore"}
	if dockerfile != "" {
		names = []string{path.Clean(dockerfile) + ".dockerignore", ".dockerignore"}
	}
	for _, n := range names {
		f, err := os.Open(filepath.Join(dir, filepath.FromSlash(n)))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", nil, diag.Errorf(diag.SourceUnreadable, "reading the ignore file: %w", err)
		}
		defer f.Close()
		data, err := io.ReadAll(io.LimitReader(f, maxIgnore+1))
		if err != nil || len(data) > maxIgnore {
			return "", nil, diag.Errorf(diag.SourceUnreadable, "the ignore file `%s` cannot be read, or has more than %d bytes", n, maxIgnore)
		}
		return n, data, nil
	}
	return "", nil, nil
}

// selector says which paths belong to the context. It is not safe for concurrent use.
type selector struct {
	patterns *patternmatcher.PatternMatcher
	exclude  []string
	folders  map[string]patternmatcher.MatchInfo // results of folders, which decide on what is below them
	matched  map[string]bool
}

// newSelector reads an ignore file exactly as Docker does (github.com/moby/patternmatcher is Docker's own).
func newSelector(ignore []byte, exclude []string) (*selector, error) {
	lines, err := ignorefile.ReadAll(bytes.NewReader(ignore))
	if err == nil {
		var pm *patternmatcher.PatternMatcher
		if pm, err = patternmatcher.New(lines); err == nil {
			s := &selector{patterns: pm, folders: map[string]patternmatcher.MatchInfo{}, matched: map[string]bool{}}
			for _, e := range exclude {
				s.exclude = append(s.exclude, path.Clean(e))
			}
			return s, nil
		}
	}
	return nil, badPattern(err)
}

func badPattern(err error) error {
	return diag.Errorf(diag.SourceIgnore, "the ignore file has a bad pattern: %w", err).
		WithWhy("a pattern that matches nothing could let a secret into the image")
}

// keep says whether p (slash-separated, relative) is in the context. What lies below an ignored folder is ignored too,
// unless a later ! brings it back.
func (s *selector) keep(p string) (bool, error) {
	if s.excluded(p) || slices.Contains(strings.Split(p, "/"), ".git") {
		return false, nil
	}
	ignored, _, err := s.match(p, false)
	return !ignored, err
}

// excluded is true for the paths that the caller leaves out, which no ! brings back.
func (s *selector) excluded(p string) bool {
	return slices.ContainsFunc(s.exclude, func(e string) bool { return p == e || strings.HasPrefix(p, e+"/") })
}

// skip says whether nothing below the folder p can be in the context.
func (s *selector) skip(p string) bool {
	if s.excluded(p) || path.Base(p) == ".git" {
		return true
	}
	ignored, _, err := s.match(p, true)
	return err == nil && ignored && !s.patterns.Exclusions()
}

// match is patternmatcher's result for p, remembered for folders.
func (s *selector) match(p string, folder bool) (bool, patternmatcher.MatchInfo, error) {
	if info, ok := s.folders[p]; ok {
		return s.matched[p], info, nil
	}
	var parent patternmatcher.MatchInfo
	if dir := path.Dir(p); dir != "." {
		var err error
		if _, parent, err = s.match(dir, true); err != nil {
			return false, parent, err
		}
	}
	ignored, info, err := s.patterns.MatchesUsingParentResults(filepath.FromSlash(p), parent)
	if err != nil {
		return false, info, badPattern(fmt.Errorf("matching %s: %w", p, err))
	}
	if folder {
		s.folders[p], s.matched[p] = info, ignored
	}
	return ignored, info, nil
}
