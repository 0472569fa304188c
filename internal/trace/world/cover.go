//go:build linux

package world

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Cover is the createContainer hook: it reads the container's state (OCI runtime specification, "State") from r and mounts the
// covers of the folder dir over the files of the container's /proc and /sys. A file that the container does not have is left out;
// a mount that fails fails the container, because an uncovered file would make the two builds look alike where they were not.
func Cover(dir string, r io.Reader) error {
	var state struct {
		Bundle string `json:"bundle"`
	}
	if err := json.NewDecoder(io.LimitReader(r, maxFile)).Decode(&state); err != nil {
		return fmt.Errorf("reading the container's state: %w", err)
	}
	root, err := rootOf(state.Bundle)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		name  string
		magic int64
	}{{"proc", unix.PROC_SUPER_MAGIC}, {"sys", unix.SYSFS_MAGIC}} {
		if err := coverTree(filepath.Join(dir, c.name), filepath.Join(root, c.name), c.magic); err != nil {
			return fmt.Errorf("covering /%s: %w", c.name, err)
		}
	}
	return nil
}

// rootOf is the folder that will be the container's root.
func rootOf(bundle string) (string, error) {
	text, err := readFile(filepath.Join(bundle, "config.json"))
	if err != nil {
		return "", fmt.Errorf("reading the container's configuration: %w", err)
	}
	var spec struct {
		Root struct {
			Path string `json:"path"`
		} `json:"root"`
	}
	if err := json.Unmarshal(text, &spec); err != nil {
		return "", fmt.Errorf("reading the container's configuration: %w", err)
	}
	if spec.Root.Path == "" {
		return "", errors.New("the container's configuration names no root")
	}
	if filepath.IsAbs(spec.Root.Path) {
		return spec.Root.Path, nil
	}
	return filepath.Join(bundle, spec.Root.Path), nil
}

// coverTree mounts each file below covers over the file of the same name below target, which must be a filesystem of the given
// kind: an image may bring any file or link under the name of /proc.
func coverTree(covers, target string, magic int64) error {
	base, err := unix.Open(target, unix.O_PATH|unix.O_NOFOLLOW|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil //nolint:nilerr // a container without it
	}
	defer unix.Close(base)
	var st unix.Statfs_t
	if err := unix.Fstatfs(base, &st); err != nil || st.Type != magic {
		return err
	}
	err = filepath.WalkDir(covers, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(covers, path)
		folder := filepath.Join("/sys", name) == "/"+sysCPU && filepath.Base(covers) == "sys"
		if d.IsDir() && !folder {
			return nil
		}
		if err := mountOver(path, base, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if folder {
			return fs.SkipDir
		}
		return nil
	})
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// mountOver mounts source, read-only, over name below base. The target is opened without following links and then used by its
// descriptor, so nothing can be put in its place.
func mountOver(source string, base int, name string) error {
	target, err := unix.Openat2(base, name, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC | unix.O_NOFOLLOW,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	defer unix.Close(target)
	tree, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("taking the cover: %w", err)
	}
	defer unix.Close(tree)
	attr := unix.MountAttr{
		Attr_set:    unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC,
		Propagation: unix.MS_PRIVATE,
	}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		return fmt.Errorf("making the cover read-only: %w", err)
	}
	err = unix.MoveMount(tree, "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	if err != nil {
		return fmt.Errorf("mounting the cover: %w", err)
	}
	return nil
}
