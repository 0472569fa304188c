package builder

import (
	"strings"

	"github.com/selfsame-build/selfsame/builder/graph"
)

// canaryEnv is a variable of our own, which no program knows: only a step that writes its environment down can show it.
const canaryEnv = "SELFSAME_CANARY"

// What B's steps find in their environment.
const (
	// timeZoneB needs no zone file, which a small image may lack, and no clock in use is further from UTC: the date is another one for
	// 14 hours of each day. Larger offsets some libraries refuse.
	timeZoneB = "ELSEW-14"
	// localeB is the one locale that needs no files: text is UTF-8, and all else is as it is without a locale.
	localeB = "C.UTF-8"
)

// hiddenB are CPU features that B's steps hide from glibc, which has functions of its own for CPUs that have them. No program that asks
// the CPU itself sees a difference, and a C library that does not know the variable or a name in it passes over it in silence.
var hiddenB = []string{"AVX512F", "AVX2", "FMA", "FMA4", "BMI2", "ERMS"}

// openFilesB is B's soft limit of open files: more than a step is usually given, and less than makes a program slow that closes all
// descriptors that it could have.
const openFilesB = 65536

// planted are the values of the axes that are varied through the graph. None reaches an image's configuration.
type planted struct {
	canary   string
	timeZone string // TZ
	locale   string // LANG
	tunables string // GLIBC_TUNABLES
	// openFiles is the limit of open files; nil: the daemon's own.
	openFiles *graph.Limit
}

var plantedA, plantedMild = planted{canary: "a-here"}, planted{canary: "b-elsewhere"}

// plantedB is what B's steps get.
func (h *Host) plantedB() planted {
	p := plantedMild
	p.timeZone, p.locale = timeZoneB, localeB
	if hostArch == "amd64" {
		p.tunables = "glibc.cpu.hwcaps=-" + strings.Join(hiddenB, ",-")
	}
	p.openFiles = h.filesB()
	return p
}

// filesB is B's limit of open files. One that the daemon may not give would fail every step; a hard limit below the machine's would fail a
// step that raises its own.
func (h *Host) filesB() *graph.Limit {
	switch {
	case h.RaiseFiles:
		return &graph.Limit{Soft: openFilesB, Hard: max(openFilesB, h.OpenFiles)}
	case h.OpenFiles > 0:
		return &graph.Limit{Soft: min(openFilesB, h.OpenFiles), Hard: h.OpenFiles}
	}
	return nil
}

// variables are what is planted in the environment of steps. A step that has chosen for itself keeps its own (graph.Finish).
func (p planted) variables() []graph.Variable {
	out := []graph.Variable{{Name: canaryEnv, Value: p.canary}}
	for _, v := range []graph.Variable{
		{Name: "TZ", Value: p.timeZone},
		{Name: "LANG", Value: p.locale, Instead: []string{"LC_ALL"}},
		{Name: "GLIBC_TUNABLES", Value: p.tunables},
	} {
		if v.Value != "" {
			out = append(out, v)
		}
	}
	return out
}
