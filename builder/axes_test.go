package builder

import (
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/internal/canary"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
)

// TestMeasureAsksEveryPlatform has an emulator that answers for itself on one axis: what only the machine's own steps see is no
// difference between the twins of an emulated image.
func TestMeasureAsksEveryPlatform(t *testing.T) {
	a := canary.Report{Release: "6", ProcVersion: "6", CPUs: 2, Hostname: "a", DirectoryOrder: "a", Environment: "a"}
	b := canary.Report{Clock: 400 * 24 * 3600, Release: "9", ProcVersion: "9", CPUs: 1, Hostname: "b", DirectoryOrder: "b", Environment: "b", TimeZone: "X-1", Locale: "C.UTF-8"}
	state := func(name string, seen ...views) (provenance.Axis, error) {
		list, err := measure(seen, nil)
		for _, x := range list {
			if x.Name == name {
				return x, err
			}
		}
		return provenance.Axis{}, err
	}
	native, emulated := views{"linux/amd64", a, b}, views{"linux/arm64", a, b}
	if x, err := state("/proc/version", native, emulated); err != nil || x.State != provenance.AxisMeasured {
		t.Errorf("seen everywhere: %+v, %v", x, err)
	}
	emulated.b.ProcVersion = "6"
	if x, err := state("/proc/version", native, emulated); err != nil || x.State != provenance.AxisNotApplied || !strings.Contains(x.Reason, "linux/arm64") {
		t.Errorf("not seen in the emulator: %+v, %v", x, err)
	}
	emulated.b.Release = "6"
	if _, err := state("kernel name", native, emulated); diag.ExitCode(err) != diag.ExitUndecided || !strings.Contains(err.Error(), "linux/arm64") {
		t.Errorf("a required axis that the emulator hides: %v", err)
	}
}

// TestMeasurePlantedAxes: what is planted in the environment must be seen, unless the build did without; where the machine has nothing to
// vary, the axis says so.
func TestMeasurePlantedAxes(t *testing.T) {
	a := canary.Report{Release: "6", CPUs: 2, Hostname: "a", DirectoryOrder: "a", Environment: "a", CPUFeatures: "AVX2", OpenFiles: 1024, AddressLayout: "random"}
	b := canary.Report{Clock: 400 * 24 * 3600, Release: "9", CPUs: 1, Hostname: "b", DirectoryOrder: "b", Environment: "b",
		TimeZone: "X-1", Locale: "C.UTF-8", OpenFiles: 65536, AddressLayout: "fixed"}
	got := map[string]provenance.Axis{}
	list, err := measure([]views{{"linux/amd64", a, b}}, nil)
	for _, x := range list {
		got[x.Name] = x
	}
	for name, want := range map[string][2]string{
		"time zone": {"none", "X-1"}, "locale": {"none", "C.UTF-8"}, "CPU features": {"AVX2", "none"}, "open files": {"1024", "65536"},
		"address layout": {"random", "fixed"},
	} {
		if x := got[name]; err != nil || x.State != provenance.AxisMeasured || x.A != want[0] || x.B != want[1] {
			t.Errorf("%s: %+v, %v; want %v", name, x, err, want)
		}
	}
	b.TimeZone, b.CPUFeatures = "", "AVX2"
	if _, err := measure([]views{{"linux/amd64", a, b}}, nil); diag.ExitCode(err) != diag.ExitUndecided || !strings.Contains(err.Error(), "time zone") {
		t.Errorf("a time zone that no step sees: %v", err)
	}
	list, err = measure([]views{{"linux/amd64", a, b}}, map[string]string{"time zone": "it failed"})
	for _, x := range list {
		if x.Name == "time zone" && x.Reason != "it failed" || x.Name == "CPU features" && !strings.Contains(x.Reason, "glibc") {
			t.Errorf("%+v, %v", x, err)
		}
	}
}
