package builder

import (
	"cmp"
	"strconv"

	"github.com/selfsame-build/selfsame/internal/canary"
	"github.com/selfsame-build/selfsame/provenance"
)

// axis is one variation: what a step saw on each side.
type axis struct {
	name     string
	required bool
	value    func(canary.Report) string
	// apart decides whether two values differ; nil: unequal text.
	apart func(a, b canary.Report) bool
	// variable is what plants the axis in a step's environment; a step that has its own does not see the axis.
	variable string
	// alike is why both twins may see the same; empty: nothing is known.
	alike string
}

// axisTable lists the variations that the canary measures. Clock is that of clock calls: file times come from the kernel
// and stay real (DESIGN §4.3).
var axisTable = []axis{
	{name: "clock calls", required: true, value: func(r canary.Report) string { return strconv.FormatInt(r.Clock, 10) },
		apart: func(a, b canary.Report) bool { return b.Clock-a.Clock > 366*24*3600 }},
	{name: "kernel name", required: true, value: func(r canary.Report) string { return r.Release }},
	{name: "/proc/version", value: func(r canary.Report) string { return r.ProcVersion }},
	{name: "/proc/sys/kernel/osrelease", value: func(r canary.Report) string { return r.OSRelease }},
	{name: "boot id", value: func(r canary.Report) string { return r.BootID }},
	{name: "/proc/cpuinfo", value: func(r canary.Report) string { return r.CPUInfo }},
	{name: "/proc/meminfo", value: func(r canary.Report) string { return r.MemInfo }},
	{name: "/proc/stat", value: func(r canary.Report) string { return r.Stat }},
	{name: "CPU count", required: true, value: func(r canary.Report) string { return strconv.Itoa(r.CPUs) }},
	{name: "host name", required: true, value: func(r canary.Report) string { return r.Hostname }},
	{name: "directory order", required: true, value: func(r canary.Report) string { return r.DirectoryOrder }},
	{name: "environment", required: true, variable: canaryEnv, value: func(r canary.Report) string { return r.Environment }},
	{name: "time zone", required: true, variable: "TZ", value: func(r canary.Report) string { return orNone(r.TimeZone) }},
	{name: "locale", required: true, variable: "LANG", value: func(r canary.Report) string { return orNone(r.Locale) }},
	{name: "CPU features", variable: "GLIBC_TUNABLES", value: func(r canary.Report) string { return orNone(r.CPUFeatures) },
		alike: "only glibc for x86-64 hides features of the CPU, and only those that it has"},
	{name: "open files", value: func(r canary.Report) string { return strconv.FormatUint(r.OpenFiles, 10) },
		alike: "the soft limit is as high as builder B's already, or as builders may raise it"},
	{name: "address layout", value: func(r canary.Report) string { return orNone(r.AddressLayout) },
		alike: "the machine forbids it (personality(2)), or lays no program out at random"},
}

func orNone(s string) string { return cmp.Or(s, "none") }

// neverVaried are differences between machines that we cannot make, or that a correct build need not survive. The evidence names them, so
// that nobody has to guess.
var neverVaried = []provenance.Axis{
	{Name: "memory", State: provenance.AxisNotApplied, Reason: "sysinfo(2) tells the machine's own; only /proc/meminfo is another"},
	{Name: "umask", State: provenance.AxisNotApplied, Reason: "files that a step makes take their modes from it, so every image would differ"},
	{Name: "user ids", State: provenance.AxisNotApplied, Reason: "a step runs as the user that its image names"},
	{Name: "build path", State: provenance.AxisNotApplied, Reason: "the working folder is part of the image"},
	{Name: "HOME", State: provenance.AxisNotApplied, Reason: "steps leave files there for later ones, and for the image"},
}

// differ says whether the twins differ on an axis, as steps of this platform see them.
func (x axis) differ(v views) bool {
	if x.apart != nil {
		return x.apart(v.a, v.b)
	}
	return x.value(v.a) != x.value(v.b)
}

// whyAlike says why both twins see the same. where is the platform on which they do; empty: on the machine's own.
func (x axis) whyAlike(where string) string {
	if x.alike != "" && where == "" {
		return x.alike
	}
	return "both builders see the same" + where
}
