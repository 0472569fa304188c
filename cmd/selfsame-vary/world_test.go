//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// bundle makes an OCI bundle whose only program is gosubject, run with args.
func bundle(t *testing.T, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	spec := exec.Command("runc", "spec")
	spec.Dir = dir
	if out, err := spec.CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: runc spec: %v: %s", err, out)
	}
	file := filepath.Join(dir, "config.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	process := config["process"].(map[string]any)
	process["args"], process["terminal"] = append([]string{"/subject"}, args...), false
	if text, err = json.Marshal(config); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(need(t, "gosubject", tools.golang))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{os.WriteFile(file, text, 0o600), os.Mkdir(filepath.Join(dir, "rootfs"), 0o755),
		os.WriteFile(filepath.Join(dir, "rootfs/subject"), program, 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestContainerSeesTheOtherWorld(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: needs root")
	}
	files := []string{"/proc/version", "/proc/cmdline", "/proc/sys/kernel/osrelease", "/proc/sys/kernel/version",
		"/proc/sys/kernel/random/boot_id", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/sys/devices/system/cpu/online"}
	dir, id := bundle(t, files...), fmt.Sprintf("selfsame-vary-%d", os.Getpid())
	run := func(args ...string) map[string]string {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			t.Skipf("SKIPPED: a plain container does not run here: %v: %s", err, out)
		}
		return lines(string(out))
	}
	plain := run("runc", "run", "--bundle", dir, id)
	world := filepath.Join(t.TempDir(), "world")
	o := vary(t, "--cpus", "1", "--world", world, "--", filepath.Join(world, "runtime"), "run", "--bundle", dir, id)
	if o.exit != 0 {
		t.Fatalf("exit %d: %s", o.exit, o.out)
	}
	other := lines(o.out)
	for _, file := range files {
		if file == "/sys/devices/system/cpu/online" {
			if other[file] != "0" {
				t.Errorf("%s: %q", file, other[file])
			}
			continue
		}
		if file != "/proc/cpuinfo" && plain[file] == other[file] || strings.HasSuffix(other[file], "(writable)") || other[file] == "" {
			t.Errorf("%s: %q in both worlds", file, other[file])
		}
	}
	if other["release"] != "" || !strings.Contains(o.out, "release 9.9.0-elsewhere\n") {
		t.Errorf("uname: %s", o.out)
	}
	wantMoved(t, outcome{out: strings.SplitN(o.out, "\n", 2)[0], status: o.status}, offset)
	entries, err := os.ReadDir(filepath.Join(dir, "rootfs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries { // runc makes the mount points of its own mounts; nothing may be in them
		if inside, _ := os.ReadDir(filepath.Join(dir, "rootfs", e.Name())); len(inside) != 0 {
			t.Errorf("the covers left %s in the root", e.Name())
		}
	}
}

// lines parses "name: value".
func lines(out string) map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(out) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			found[name] = value
		}
	}
	return found
}
