//go:build linux

package world

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

const (
	sysCPU = "sys/devices/system/cpu"
	// maxCPUFiles bounds the copy: some 100 files a CPU, on the largest machines.
	maxCPUFiles = 100_000
)

var cpuFolder = regexp.MustCompile(`^cpu([0-9]+)$`)

// copyCPUs copies what /sys says about the CPUs that exist. The whole folder is covered, because programs count its entries.
func copyCPUs(from, to string, cpus []int) error {
	from = "/" + from
	count := 0
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return skipUnreadable(err)
		}
		if count++; count > maxCPUFiles {
			return fmt.Errorf("more than %d files", maxCPUFiles)
		}
		name, _ := filepath.Rel(from, path)
		if m := cpuFolder.FindStringSubmatch(name); m != nil && !exists(m[1], cpus) {
			return fs.SkipDir
		}
		return copyEntry(path, filepath.Join(to, name), d)
	})
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("copying %s: %w", from, err)
	}
	if len(cpus) == 0 {
		return nil
	}
	for _, name := range []string{"online", "possible", "present"} {
		path := filepath.Join(to, name)
		if err := os.Remove(path); err != nil {
			continue // this kernel has no such file
		}
		if err := writeFile(path, []byte(cpuList(cpus)+"\n")); err != nil {
			return err
		}
	}
	return nil
}

// copyEntry copies one file, link or folder. A file of sysfs that refuses to be read is left out.
func copyEntry(from, to string, d fs.DirEntry) error {
	switch {
	case d.IsDir():
		return os.MkdirAll(to, 0o755)
	case d.Type()&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return skipUnreadable(err)
		}
		return os.Symlink(target, to)
	case d.Type().IsRegular():
		text, err := readFile(from)
		if err != nil {
			return nil //nolint:nilerr // many files of sysfs can only be written, or fail for a CPU that lacks the feature
		}
		return writeFile(to, text)
	}
	return nil
}

func skipUnreadable(err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return nil
	}
	return err
}

// cpuList writes numbers in rising order as the kernel does: 0-2,5.
func cpuList(cpus []int) string {
	var parts []string
	for i := 0; i < len(cpus); {
		j := i
		for j+1 < len(cpus) && cpus[j+1] == cpus[j]+1 {
			j++
		}
		part := strconv.Itoa(cpus[i])
		if j > i {
			part += "-" + strconv.Itoa(cpus[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ",")
}
