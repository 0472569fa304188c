package belt

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// The greatest sizes of what is read, in bytes. layers.json of 10,000 layers has 5 MB; registries take manifests of up to 4 MiB.
const (
	maxState    = 64 << 20
	maxDocument = 4 << 20
)

// state reads what a daemon of root's keeps below one folder. Whoever else could write there would say which image a container is of.
type state struct{ root *os.Root }

func openState(dir string) (state, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return state{}, err
	}
	s := state{root}
	if err := s.owned("."); err != nil {
		return state{}, errors.Join(err, root.Close())
	}
	return s, nil
}

func (s state) close() { _ = s.root.Close() }

// owned says whether what is there is a file or a folder (and no link to one) that only root, or whoever we are, may write to.
func (s state) owned(name string) error {
	info, err := s.root.Lstat(name)
	if err != nil {
		return err
	}
	uid, mode := -1, info.Mode()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		uid = int(st.Uid)
	}
	if uid != 0 && uid != os.Geteuid() || mode.Perm()&0o022 != 0 || !mode.IsDir() && !mode.IsRegular() {
		return fmt.Errorf("%.200s is no file or folder of root's that nobody else may write to", s.path(name))
	}
	return nil
}

func (s state) path(name string) string { return path.Join(s.root.Name(), name) }

// read gives a file's content, of at most max bytes, if it and all folders above it, up to the state's own, are root's alone and no links.
func (s state) read(name string, max int64) ([]byte, error) {
	for i, r := range name + "/" {
		if r != '/' {
			continue
		}
		if err := s.owned(name[:i]); err != nil {
			return nil, err
		}
	}
	f, err := s.root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, max+1))
	if err == nil && int64(len(data)) > max {
		err = fmt.Errorf("%.200s has more than %d bytes", s.path(name), max)
	}
	return data, err
}

// decode reads a file of JSON into v, whose fields need not be all.
func (s state) decode(name string, v any) error {
	data, err := s.read(name, maxState)
	if err != nil {
		return err
	}
	if err := strictjson.Unmarshal(data, v, strictjson.Limits{MaxBytes: maxState, MaxValues: maxState, AllowUnknown: true}); err != nil {
		return fmt.Errorf("%.200s: %w", s.path(name), err)
	}
	return nil
}

// blob reads a document that bears its digest in its name, and refuses it under a wrong one.
func (s state) blob(name, want string) ([]byte, error) {
	data, err := s.read(name, maxDocument)
	if err == nil && digest.FromBytes(data).String() != want {
		err = fmt.Errorf("%.300s is not %.80s", s.path(name), want)
	}
	return data, err
}

// isName says whether s can be one part of a path below a state's folder, and nothing more.
func isName(s string) bool {
	return s != "" && len(s) <= 128 && s[0] != '.' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
}
