package daemon

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Entry is one daemon of the register.
type Entry struct {
	Name    string
	PID     int  // the supervisor's; 0 if it is not running
	InUse   bool // somebody holds a lease
	Dir     string
	Bytes   int64 // of its folder; what lies on a root of its own is counted as that file
	Address string
}

// List reads the register.
func (m *Manager) List(ctx context.Context) ([]Entry, error) {
	dirs, err := os.ReadDir(m.Dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the builders' folder: %w", err)
	}
	var out []Entry
	for _, d := range dirs {
		dir := filepath.Join(m.Dir, d.Name())
		e := Entry{Name: d.Name(), Dir: dir}
		if st, ok := m.state(dir); ok {
			e.PID, e.Address = st.PID, "unix://"+st.Socket
			e.InUse = held(filepath.Join(dir, "lease"))
		}
		out = append(out, e)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, nil
}

// Stop ends a daemon, whoever uses it, and with remove also deletes its folder with all that it cached.
func (m *Manager) Stop(ctx context.Context, name string, remove bool) error {
	dir := filepath.Join(m.Dir, name)
	if st, ok := m.state(dir); ok {
		if err := stop(ctx, st); err != nil {
			return err
		}
	}
	if remove {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("removing the builder's folder: %w", err)
		}
	}
	return nil
}

// state reads a daemon's state; false if it is not running (a stale file is one whose process is gone).
func (m *Manager) state(dir string) (state, bool) {
	var st state
	if readJSON(filepath.Join(dir, "state.json"), &st) != nil {
		return st, false
	}
	return st, st.runs()
}

// stop asks a supervisor to end, and ends it if it does not listen.
func stop(ctx context.Context, st state) error {
	_ = syscall.Kill(st.PID, syscall.SIGTERM)
	deadline := time.Now().Add(stopTimeout)
	for {
		if !st.runs() {
			return nil
		}
		if time.Now().After(deadline) {
			_ = syscall.Kill(st.PID, syscall.SIGKILL)
			deadline = time.Now().Add(stopTimeout)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// held says whether somebody holds a lease.
func held(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil
}

// startTime is field 22 of /proc/PID/stat: with the pid it names a process for good. A zombie counts as gone.
func startTime(pid int) (uint64, error) {
	state, start, err := stat(pid)
	if err == nil && state == 'Z' {
		err = os.ErrProcessDone
	}
	return start, err
}

// stateOf is the state letter of the process that a pid and a start time name; 0 when it is gone.
func stateOf(pid int, start uint64) byte {
	state, at, err := stat(pid)
	if err != nil || at != start || state == 'Z' {
		return 0
	}
	return state
}

// stat reads a process's state letter and start time from /proc/PID/stat.
func stat(pid int) (state byte, start uint64, err error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0, err
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 20 {
		return 0, 0, fmt.Errorf("reading the state of process %d", pid)
	}
	start, err = strconv.ParseUint(fields[19], 10, 64)
	return fields[0][0], start, err
}

// identity digests all that makes one daemon another: its programs, its world, its arguments and the network namespace
// that it was started in (another namespace has another loopback, and so another input server).
func identity(r run) (string, error) {
	made, err := origin(r)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, made)
	ns, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return "", fmt.Errorf("reading the network namespace: %w", err)
	}
	fmt.Fprintln(h, ns)
	if err := json.NewEncoder(h).Encode(struct {
		Spec Spec
		Args []string
	}{r.Spec, arguments(r)}); err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// origin digests what a cached result depends on beside its own graph: the daemon's programs and its world.
func origin(r run) (string, error) {
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(r.Spec.World); err != nil {
		return "", err
	}
	fmt.Fprintln(h, r.Rootless)
	for _, bin := range []string{r.Binaries.Buildkitd, r.Binaries.Vary, r.Binaries.Runc} {
		if err := fileIdentity(h, bin); err != nil {
			return "", err
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// fileIdentity tells one binary from another without reading it: path, size and time of change.
func fileIdentity(h io.Writer, path string) error {
	if path == "" {
		return nil
	}
	st, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("looking at %s: %w", path, err)
	}
	fmt.Fprintln(h, path, st.Size(), st.ModTime().UnixNano())
	return nil
}

// lastLines is the end of a log, for a diagnostic.
func lastLines(path string, n int) string {
	f, err := os.Open(path) //nolint:gosec // our own log
	if err != nil {
		return ""
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.Size() > 8192 {
		_, _ = f.Seek(-8192, io.SeekEnd)
	}
	data, _ := io.ReadAll(io.LimitReader(f, 8192))
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "; ")
}
