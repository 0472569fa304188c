//go:build linux

package trace

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// mapping is a line of /proc/PID/maps.
type mapping struct {
	start, end  uint64
	perms, name string
}

const maxMaps = 4 << 20

func mappings(pid int) ([]mapping, error) {
	file, err := os.Open(filepath.Clean(procPath(pid, "/maps")))
	if err != nil {
		return nil, fmt.Errorf("reading mappings: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxMaps))
	if err != nil || len(text) == maxMaps {
		return nil, errors.Join(errKept, err)
	}
	return parseMappings(string(text)), nil
}

func parseMappings(text string) []mapping {
	var all []mapping
	for line := range strings.Lines(text) {
		fields := strings.Fields(line) // range perms offset device inode name
		if len(fields) < 5 {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		start, err := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if err != nil || err2 != nil || end <= start {
			continue
		}
		all = append(all, mapping{start, end, fields[1], strings.Join(fields[5:], " ")})
	}
	return all
}

func mappingOf(maps []mapping, at uint64) (mapping, bool) {
	for _, m := range maps {
		if m.start <= at && at < m.end {
			return m, true
		}
	}
	return mapping{}, false
}

// gap finds an address for a page that a jump at from reaches: well below a mapping that does not grow downwards, and far enough above the
// one before, which may grow upwards.
func gap(maps []mapping, from uint64) (uint64, bool) {
	const below, room = 1 << 20, 16 << 20
	best, found := uint64(0), false
	last := uint64(1 << 16)
	for _, m := range maps {
		if m.start > last && m.start-last >= room && m.name != "[stack]" {
			at := m.start - below
			if reaches(from, at) && (!found || distance(from, at) < distance(from, best)) {
				best, found = at, true
			}
		}
		last = m.end
	}
	return best, found
}

func distance(a, b uint64) uint64 { return max(a, b) - min(a, b) }
