//go:build linux

package world

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCovers(t *testing.T) {
	const two = "processor\t: 0\nmodel name\t: Real\nsiblings\t: 2\ncpu MHz\t\t: 3000.1\nflags\t\t: fpu avx\n\n" +
		"processor\t: 1\nmodel name\t: Real\nsiblings\t: 2\ncpu MHz\t\t: 3000.2\nflags\t\t: fpu avx\n\n"
	const one = "processor\t: 0\nmodel name\t: Elsewhere CPU @ 1.00GHz\nsiblings\t: 1\ncpu MHz\t\t: 1000.000\nflags\t\t: fpu avx\n\n"
	for _, c := range []struct{ name, got, want string }{
		{"cpuinfo", string(cpuinfo([]byte(two), []int{0})), one},
		{"cpuinfo of no CPU lines", string(cpuinfo([]byte("Hardware\t: Board\n"), []int{0})), "Hardware\t: Elsewhere\n\n"},
		{"meminfo", string(meminfo([]byte("MemTotal:       24683620 kB\nHugePages_Total:       3\nHugepagesize:       2048 kB\n"))),
			"MemTotal:       21598168 kB\nHugePages_Total:       3\nHugepagesize:       2048 kB\n"},
		{"stat", string(stat([]byte("cpu  1 2\ncpu0 1\ncpu1 2\nintr 5 0\nbtime 100\nctxt 7\n"), []int{0}, 10*time.Second)),
			"cpu  1 2\ncpu0 1\nintr 5 0\nbtime 110\nctxt 7\n"},
		{"list", cpuList([]int{0, 1, 2, 5, 7, 8}), "0-2,5,7-8"},
		{"list of one", cpuList([]int{3}), "3"},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	if got := string(cpuinfo([]byte(two), nil)); strings.Count(got, "processor") != 2 || strings.Contains(got, "Real") {
		t.Errorf("all CPUs: %s", got)
	}
}

func TestBundleOf(t *testing.T) {
	for line, want := range map[string]string{
		"run id":             ".",
		"run --bundle /b id": "/b",
		"--log /l --log-format json run --bundle /b --keep id": "/b",
		"--root=/r --debug create -b=/b id":                    "/b",
		"--systemd-cgroup create --bundle=/b --pid-file p id":  "/b",
		"--log run state id":                                   "-",
		"state id":                                             "-",
		"delete --force run":                                   "-",
		"exec id create":                                       "-",
		"":                                                     "-",
		"--log":                                                "-",
	} {
		bundle, ok := bundleOf(strings.Fields(line))
		if !ok {
			bundle = "-"
		}
		if bundle != want {
			t.Errorf("%q: got %q, want %q", line, bundle, want)
		}
	}
}

func TestWithHookKeepsTheRest(t *testing.T) {
	config := `{"ociVersion":"1.0.2","x":{"y":[1,2]},"hooks":{"poststop":[{"path":"/p"}],"createContainer":[{"path":"/q"}]}}`
	text, err := withHook([]byte(config), "/bin/vary", "/world")
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal([]byte(`{"ociVersion":"1.0.2","x":{"y":[1,2]},"hooks":{"poststop":[{"path":"/p"}],"createContainer":[
		{"path":"/bin/vary","args":["selfsame-vary","cover","/world"],"timeout":30},{"path":"/q"}]}}`), &want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"", "[]", `{"hooks":[]}`, `{"hooks":{"createContainer":{}}}`} {
		if _, err := withHook([]byte(bad), "/bin/vary", "/world"); err == nil {
			t.Errorf("%q is no configuration", bad)
		}
	}
	if _, err := withHook([]byte(`{"hooks":null}`), "/bin/vary", "/world"); err != nil {
		t.Error(err)
	}
}

func FuzzWithHook(f *testing.F) {
	f.Add([]byte(`{"hooks":{"createContainer":[{"path":"/q"}]}}`))
	f.Fuzz(func(t *testing.T, config []byte) {
		text, err := withHook(config, "/bin/vary", "/world")
		if err == nil && !json.Valid(text) {
			t.Errorf("%q became %q", config, text)
		}
	})
}

func FuzzCovers(f *testing.F) {
	f.Add([]byte("processor\t: 0\n\ncpu0 1\nbtime 1\nMemTotal: 1 kB\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		cpuinfo(text, []int{0})
		meminfo(text)
		stat(text, []int{0}, time.Second)
	})
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	o := Options{Self: "/bin/true", Runc: "/bin/true", KernelRelease: "1.2.3", KernelVersion: "#7", BootID: "id", CPUs: []int{0}}
	for range 2 { // the second replaces the first
		if err := Write(dir, o); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"proc/sys/kernel/osrelease": "1.2.3\n", "proc/sys/kernel/version": "#7\n", "proc/sys/kernel/random/boot_id": "id\n",
		"sys/devices/system/cpu/online": "0\n", "proc/cmdline": "BOOT_IMAGE=/boot/vmlinuz-1.2.3 root=/dev/elsewhere ro quiet\n",
	} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(text) != want {
			t.Errorf("%s: %v: %q", name, err, text)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "sys/devices/system/cpu/cpu1")); err == nil {
		t.Error("cpu1 exists")
	}
	if err := Write("relative", o); err == nil {
		t.Error("a relative folder is refused")
	}
}
