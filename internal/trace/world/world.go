//go:build linux

// Package world covers the files of /proc and /sys in which a build step meets the real machine: the kernel's name, its boot,
// its CPUs and its memory.
//
// Write makes a folder with the covers and with a runtime, a name under which this program becomes an OCI runtime: Runtime adds
// a createContainer hook to a container's configuration and becomes the real runc. The hook (Cover) runs inside the container's
// mount namespace, after the container's own mounts and before its root is entered, and mounts the covers. It is a hook and not
// a list of mounts in the configuration because runc refuses most mounts inside /proc (checkProcMount in its rootfs_linux.go),
// and rightly: a configuration may come from a stranger.
//
// The covers are files of the real machine with some values changed, so that programs that parse them go on to work. They
// hide nothing from a step that looks elsewhere, and nothing of them reaches an image: the mount points are in procfs and sysfs.
package world

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// RuntimeName is the base name under which this program is an OCI runtime.
const RuntimeName = "runtime"

// Options describes the other world.
type Options struct {
	Self          string        // this program, which serves as hook and as runtime
	Runc          string        // the real OCI runtime, an absolute path
	ClockOffset   time.Duration // moves the time of boot
	KernelRelease string        // "": the kernel's name is not covered
	KernelVersion string
	BootID        string // a UUID; "": not covered
	CPUs          []int  // the CPUs that exist; none: all
}

// settings is what the runtime and the hook find in the folder.
type settings struct {
	Self string `json:"self"`
	Runc string `json:"runc"`
}

const (
	settingsName = "world.json"
	// maxFile bounds each file that is read: the largest, cpuinfo, has some 2 KiB a CPU.
	maxFile = 16 << 20
)

// Write makes dir, replacing what an earlier Write left there. The covers are in dir/proc and dir/sys, laid out as their targets.
func Write(dir string, o Options) error {
	if !filepath.IsAbs(dir) || !filepath.IsAbs(o.Self) || !filepath.IsAbs(o.Runc) {
		return fmt.Errorf("world %s: folder, program and runtime must be absolute paths", dir)
	}
	for _, name := range []string{"proc", "sys", RuntimeName, settingsName} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("clearing the world's folder: %w", err)
		}
	}
	covers, err := covers(o)
	if err != nil {
		return err
	}
	text, err := json.Marshal(settings{o.Self, o.Runc})
	if err != nil {
		return fmt.Errorf("encoding the world's settings: %w", err)
	}
	covers[settingsName] = text
	for name, content := range covers {
		if err := writeFile(filepath.Join(dir, name), content); err != nil {
			return err
		}
	}
	if err := copyCPUs(sysCPU, filepath.Join(dir, sysCPU), o.CPUs); err != nil {
		return err
	}
	if err := os.Symlink(o.Self, filepath.Join(dir, RuntimeName)); err != nil {
		return fmt.Errorf("making the runtime: %w", err)
	}
	return nil
}

func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("making the world's folder: %w", err)
	}
	if err := os.WriteFile(path, content, 0o444); err != nil {
		return fmt.Errorf("writing a cover: %w", err)
	}
	return nil
}

func readSettings(dir string) (settings, error) {
	var s settings
	text, err := readFile(filepath.Join(dir, settingsName))
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return s, fmt.Errorf("reading the world's settings: %w", err)
	}
	return s, nil
}

// readFile reads at most maxFile bytes.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, &os.PathError{Op: "read", Path: path, Err: unix.EFBIG}
	}
	return text, nil
}
