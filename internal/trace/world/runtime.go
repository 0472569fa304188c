//go:build linux

package world

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Runtime becomes the real runc with the same arguments, after it has added the hook to the bundle of a container that is about
// to be made. It returns only on failure.
func Runtime(args []string) error {
	dir, err := filepath.Abs(filepath.Dir(args[0]))
	if err != nil {
		return fmt.Errorf("finding the world's folder: %w", err)
	}
	s, err := readSettings(dir)
	if err != nil {
		return err
	}
	if bundle, ok := bundleOf(args[1:]); ok {
		if err := addHook(bundle, dir, s); err != nil {
			return fmt.Errorf("covering the container in %s: %w", bundle, err)
		}
	}
	argv := append([]string{s.Runc}, args[1:]...)
	return fmt.Errorf("starting %s: %w", s.Runc, unix.Exec(s.Runc, argv, os.Environ()))
}

// valued are runc's global options that take their value as the next argument.
var valued = []string{"--log", "--log-format", "--root", "--criu", "--rootless"}

// bundleOf finds the bundle of a `create` or `run` command line; ok is false for any other command.
func bundleOf(args []string) (bundle string, ok bool) {
	i := 0
	for i < len(args) && strings.HasPrefix(args[i], "-") {
		if i++; slices.Contains(valued, args[i-1]) {
			i++
		}
	}
	if i >= len(args) || args[i] != "create" && args[i] != "run" {
		return "", false
	}
	bundle = "."
	for i++; i < len(args); i++ {
		name, value, joined := strings.Cut(args[i], "=")
		if name != "--bundle" && name != "-bundle" && name != "-b" {
			continue
		}
		if !joined && i+1 < len(args) {
			value = args[i+1]
		}
		bundle = value
	}
	return bundle, true
}

// addHook puts the hook in front of the others of bundle/config.json; every field that it does not know is kept.
func addHook(bundle, dir string, s settings) error {
	path := filepath.Join(bundle, "config.json")
	text, err := readFile(path)
	if err != nil {
		return err
	}
	changed, err := withHook(text, s.Self, dir)
	if err != nil {
		return err
	}
	temporary := path + ".selfsame"
	if err := os.WriteFile(temporary, changed, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// withHook returns a container's configuration with the hook. The hook's timeout is in seconds.
func withHook(config []byte, self, dir string) ([]byte, error) {
	spec, hooks, first := map[string]json.RawMessage{}, map[string]json.RawMessage{}, []json.RawMessage{}
	if err := json.Unmarshal(config, &spec); err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if text := spec["hooks"]; text != nil {
		if err := json.Unmarshal(text, &hooks); err != nil {
			return nil, fmt.Errorf("reading its hooks: %w", err)
		}
	}
	if text := hooks["createContainer"]; text != nil {
		if err := json.Unmarshal(text, &first); err != nil {
			return nil, fmt.Errorf("reading its createContainer hooks: %w", err)
		}
	}
	hook, err := json.Marshal(map[string]any{"path": self, "args": []string{"selfsame-vary", "cover", dir}, "timeout": 30})
	if err != nil {
		return nil, err
	}
	if hooks == nil {
		hooks = map[string]json.RawMessage{}
	}
	if hooks["createContainer"], err = json.Marshal(append([]json.RawMessage{hook}, first...)); err != nil {
		return nil, err
	}
	if spec["hooks"], err = json.Marshal(hooks); err != nil {
		return nil, err
	}
	return json.Marshal(spec)
}
