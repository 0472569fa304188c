// Package canary looks at the machine from inside a build step: the clock, the kernel's name, the CPUs, the order of a
// directory. Every build runs it on both twins, uncached; what differs between the two reports is what the evidence may
// call an axis (DESIGN §11 "Axes are measured").
package canary

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Mark starts the one line of output that holds a Report.
const Mark = "selfsame-canary "

// Report is what a step sees. Digests stand for files that are long.
type Report struct {
	Clock          int64  `json:"clock"`     // seconds since 1970 by the wall clock
	FileTime       int64  `json:"fileTime"`  // seconds since 1970 that the kernel gave a new file
	Monotonic      int64  `json:"monotonic"` // nanoseconds
	Release        string `json:"release"`
	Version        string `json:"version"`
	ProcVersion    string `json:"procVersion"`
	OSRelease      string `json:"osRelease"`
	BootID         string `json:"bootID"`
	CPUs           int    `json:"cpus"`
	CPUInfo        string `json:"cpuInfo"`
	MemInfo        string `json:"memInfo"`
	Stat           string `json:"stat"`
	Hostname       string `json:"hostname"`
	DirectoryOrder string `json:"directoryOrder"` // digest of the names of a folder in the order that the kernel lists them
	Environment    string `json:"environment"`
	Inode          uint64 `json:"inode"`                   // number that the filesystem gave a new file
	TimeZone       string `json:"timeZone,omitempty"`      // TZ
	Locale         string `json:"locale,omitempty"`        // LANG
	Tunables       string `json:"tunables,omitempty"`      // GLIBC_TUNABLES
	CPUFeatures    string `json:"cpuFeatures,omitempty"`   // the optional ones that glibc may use, sorted
	OpenFiles      uint64 `json:"openFiles,omitempty"`     // soft limit
	AddressLayout  string `json:"addressLayout,omitempty"` // random or fixed
	// Reached lists addresses that a TCP connection was made to; any is a hole.
	Reached []string `json:"reached,omitempty"`
}

// Run is the program that a step runs: `canary FOLDER [TARGET...]` prints what Observe sees to w; `carry BUNDLE DIR FOLDER [TARGET...]`
// brings out the proxy's certificate (Trust) before.
func Run(ctx context.Context, w io.Writer, args []string, getenv func(string) string) error {
	if len(args) >= 4 && args[0] == "carry" {
		if err := Trust(args[1], args[2]); err != nil {
			return err
		}
		args = append([]string{"canary"}, args[3:]...)
	}
	if len(args) < 2 || args[0] != "canary" {
		return errors.New("usage: canary FOLDER [HOST:PORT...] | carry BUNDLE DIR FOLDER [HOST:PORT...]")
	}
	r, err := Observe(ctx, args[1], getenv, args[2:])
	if err != nil {
		return err
	}
	return r.Print(w)
}

// Observe looks. dir is a writable folder, getenv reads the environment, targets are addresses that must not be reachable.
func Observe(ctx context.Context, dir string, getenv func(string) string, targets []string) (Report, error) {
	r := Report{Clock: time.Now().Unix(), CPUs: runtime.NumCPU(), Environment: getenv("SELFSAME_CANARY")}
	r.TimeZone, r.Locale, r.Tunables = getenv("TZ"), getenv("LANG"), getenv("GLIBC_TUNABLES")
	r.CPUFeatures = features(optional(), r.Tunables)
	r.OpenFiles = openFiles()
	r.AddressLayout = layout(read("/proc/self/personality"), read("/proc/sys/kernel/randomize_va_space"))
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return r, fmt.Errorf("reading the monotonic clock: %w", err)
	}
	r.Monotonic = ts.Nano()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return r, fmt.Errorf("asking for the kernel's name: %w", err)
	}
	r.Release, r.Version = unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Version[:])
	r.Hostname = unix.ByteSliceToString(u.Nodename[:])
	r.ProcVersion = read("/proc/version")
	r.OSRelease = read("/proc/sys/kernel/osrelease")
	r.BootID = read("/proc/sys/kernel/random/boot_id")
	r.CPUInfo, r.MemInfo, r.Stat = sum(cpuLines()), sum(memTotal()), sum(statCPUs())
	if err := r.files(dir); err != nil {
		return r, err
	}
	dialer := net.Dialer{Timeout: time.Second}
	for _, t := range targets {
		c, err := dialer.DialContext(ctx, "tcp", t)
		if err == nil {
			_ = c.Close()
			r.Reached = append(r.Reached, t)
		}
	}
	return r, nil
}

// files makes a folder of many files and looks at their order and times.
func (r *Report) files(dir string) error {
	folder := filepath.Join(dir, "canary.d")
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // inside a build step that is thrown away
		return fmt.Errorf("making a folder: %w", err)
	}
	for i := range 48 {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("f%02d", i)), nil, 0o600); err != nil {
			return fmt.Errorf("making a file: %w", err)
		}
	}
	f, err := os.Open(folder) //nolint:gosec // just made
	if err != nil {
		return err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("listing a folder: %w", err)
	}
	r.DirectoryOrder = sum(strings.Join(names, " "))
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(folder, "f00"), &st); err != nil {
		return fmt.Errorf("looking at a file: %w", err)
	}
	r.FileTime, r.Inode = st.Mtim.Sec, st.Ino
	return nil
}

func read(path string) string {
	f, err := os.Open(path) //nolint:gosec // fixed paths
	if err != nil {
		return ""
	}
	defer f.Close()
	data, _ := io.ReadAll(io.LimitReader(f, 1<<20))
	return strings.TrimSpace(string(data))
}

// cpuLines leaves out what changes from moment to moment.
func cpuLines() string {
	var keep []string
	for line := range strings.Lines(read("/proc/cpuinfo")) {
		if !strings.Contains(line, "MHz") && !strings.Contains(line, "bogomips") {
			keep = append(keep, line)
		}
	}
	return strings.Join(keep, "")
}

func memTotal() string {
	line, _, _ := strings.Cut(read("/proc/meminfo"), "\n")
	return line
}

// statCPUs is what does not move in /proc/stat: how many CPUs it lists, and when the machine was started.
func statCPUs() string {
	n, boot := 0, ""
	for line := range strings.Lines(read("/proc/stat")) {
		if strings.HasPrefix(line, "cpu") {
			n++
		}
		if strings.HasPrefix(line, "btime") {
			boot = line
		}
	}
	return fmt.Sprint(n, boot)
}

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:8])
}

// Print writes the report as its one marked line.
func (r Report) Print(w io.Writer) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", Mark, data)
	return err
}

// Parse finds a report in a step's output.
func Parse(output []byte) (Report, error) {
	var r Report
	for line := range strings.Lines(string(output)) {
		if data, ok := strings.CutPrefix(line, Mark); ok {
			return r, json.Unmarshal([]byte(data), &r)
		}
	}
	return r, errors.New("the canary said nothing")
}
