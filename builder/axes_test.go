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
