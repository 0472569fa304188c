package cause

import "slices"

// shows are the classes that can show on an axis, the axis' own first.
var shows = map[string][]Class{
	"directory order": {"T18", "T4", "T17", "T15"},
	"CPU count":       {"T12", "T15", "T5", "T16"},
	"environment":     {"T12"},
	"open files":      {"T12"},
	"time zone":       {"T10", "T3"},
	"locale":          {"T9"},
	"host name":       {"T7", "T6"},
	"kernel name":     {"T8"},
	"CPU features":    {"T16"},
	"clock calls":     {"T1", "T3", "T21", "T22", "T24"},
	"start time":      {"T1", "T2", "T3", "T17", "T21", "T22", "T24", "T25"},
	"address layout":  {"T14"},
}

// byChance are the classes that may differ with nothing varied.
var byChance = []Class{"T13", "T6", "T14", "T15", "T17", "T21", "T22", "T24", "T25", "T4"}

// Conclude is what an experiment makes of a class that was named by the bytes alone: axes are those without which the results agree, random
// says that they differ with nothing varied. Where the class can show so, it stays; else the axis' own takes its place. Certain is only what
// was proven: one axis with which alone the results differ, and without which they do not.
func Conclude(c Class, axes []string, random, proven bool) (Class, Certainty) {
	if random {
		if c == "" || !slices.Contains(byChance, c) {
			return byChance[0], Likely
		}
		return c, Likely
	}
	if len(axes) != 1 || shows[axes[0]] == nil {
		return c, Unknown
	}
	list, certainty := shows[axes[0]], Likely
	if proven && axes[0] != "CPU count" && axes[0] != "start time" && axes[0] != "address layout" { // those calm chance, too
		certainty = Certain
	}
	switch {
	case slices.Contains(list, c):
		return c, certainty
	case axes[0] == "CPU count" && slices.Contains([]Class{"T13", "T18", ""}, c):
		return "T15", Likely // what agrees with itself on one CPU
	}
	return list[0], certainty
}
