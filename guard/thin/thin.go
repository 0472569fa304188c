// Package thin is what the small programs have in common that only ask the node agent: their settings, and how they refuse.
package thin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Socket is where the agent serves unless settings say otherwise.
const Socket = "/run/selfsame/guard.sock"

// maxSettings is the greatest size of a settings file, in bytes.
const maxSettings = 4096

// Load reads PROGRAM.json, beside the program itself (not beside a link to it), into v, whose fields are the only keys. Whoever calls
// such a program (containerd, Docker) hands on no arguments of ours. No file leaves v alone. A file that others may write to is an error:
// whose it is decides what may run.
func Load(program string, v any) error {
	path := program + ".json"
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0) //nolint:gosec // beside the program that runs
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading settings: %w", err)
	}
	defer func() { _ = f.Close() }()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return fmt.Errorf("reading settings: %w", err)
	}
	if uid := int(st.Uid); st.Mode&unix.S_IFMT != unix.S_IFREG || uid != 0 && uid != os.Geteuid() || st.Mode&0o022 != 0 {
		return fmt.Errorf("settings: %s is no regular file of root's that nobody else may write to", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSettings+1))
	if err != nil || len(data) > maxSettings {
		return fmt.Errorf("settings: %s has more than %d bytes (%w)", path, maxSettings, err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("settings: %s: %w", path, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("settings: %s goes on after its end", path)
	}
	return nil
}

// Absolute says which setting is not an absolute path.
func Absolute(paths map[string]string) error {
	for key, path := range paths {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("settings: %q is not an absolute path: %.80q", key, path)
		}
	}
	return nil
}
