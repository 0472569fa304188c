package rebuild

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// readWatched reads the images: REPOSITORY@sha256:... a line, once each; "#" begins a comment.
func readWatched(path string) ([]string, error) {
	data, err := readBounded(path, maxWatchBytes)
	if err != nil {
		return nil, diag.Errorf("A0316", "reading the images to watch: %w", err).WithHelp("give a file with REPOSITORY@sha256:... on each line")
	}
	var out []string
	s := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; s.Scan(); n++ {
		ref, _, _ := strings.Cut(s.Text(), "#")
		if ref = strings.TrimSpace(ref); ref == "" || slices.Contains(out, ref) {
			continue
		}
		if !strings.Contains(ref, "@sha256:") {
			return nil, diag.Errorf("A0316", "`%s` names no digest", clip(ref)).WithAt(diag.Position{File: path, Line: n}, "").
				WithWhy("a tag moves: what is watched would be another image every time").WithHelp("write REPOSITORY@sha256:...")
		}
		if out = append(out, ref); len(out) > maxWatched {
			return nil, diag.Errorf("A0316", "`%s` names more than %d images", path, maxWatched).WithHelp("split it")
		}
	}
	if err := s.Err(); err != nil { // what stands below a line that is too long would never be audited
		return nil, diag.Errorf("A0316", "reading the images to watch, `%s`: %w", path, err).WithHelp("write REPOSITORY@sha256:... on each line")
	}
	if len(out) == 0 {
		return nil, diag.Errorf("A0316", "`%s` names no image", path).WithHelp("write REPOSITORY@sha256:... on each line")
	}
	return out, nil
}

func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the user's own file
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("`%s` has more than %d bytes", path, limit)
	}
	return data, err
}

func readState(path string) (*watchState, error) {
	st := &watchState{Version: 1, Images: map[string]remembered{}}
	data, err := readBounded(path, maxStateBytes)
	if errors.Is(err, os.ErrNotExist) {
		return st, nil
	}
	if err == nil {
		err = strictjson.Unmarshal(data, st, strictjson.Limits{MaxBytes: maxStateBytes, MaxDepth: 8, AllowUnknown: true})
	}
	if err == nil && st.Version != 1 {
		err = fmt.Errorf("version %d is not known", st.Version)
	}
	if err != nil {
		return nil, diag.Errorf("A0316", "reading what was seen before, `%s`: %w", path, err).WithHelp("move the file away to begin anew")
	}
	if st.Images == nil {
		st.Images = map[string]remembered{}
	}
	return st, nil
}

func writeState(path string, st *watchState) error {
	data, err := json.MarshalIndent(st, "", " ")
	if err != nil {
		return fmt.Errorf("remembering results: %w", err)
	}
	return atomicfile.Write(path, append(data, '\n'), 0o644)
}
