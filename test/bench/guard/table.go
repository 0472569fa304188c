package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// table prints rows as they are measured: what, how much, and what issue 6 asks for. It judges by the clock, also on a machine that does
// other things: the rows of processor time say whether it was that.
type table struct{ missed, skipped []string }

func (t *table) head(text string) {
	fmt.Printf("\n%s\n%-62s %-44s %-16s %s\n", text, "", "measured", "target", "met")
}

// row prints a measurement that nothing is asked of.
func (t *table) row(what, value string) { fmt.Printf("%-62s %s\n", what, value) }

// aim prints a measurement with its target.
func (t *table) aim(what, value, target string, met bool) {
	word := "yes"
	if !met {
		word = "NO"
		t.missed = append(t.missed, what)
	}
	fmt.Printf("%-62s %-44s %-16s %s\n", what, value, target, word)
}

// skip says what was not measured, where nobody can overlook it.
func (t *table) skip(what, why string) {
	t.skipped = append(t.skipped, what)
	fmt.Printf("%-62s SKIPPED: %s\n", what, why)
}

// end sums up.
func (t *table) end() {
	fmt.Println()
	for _, list := range []struct {
		name string
		all  []string
	}{{"targets missed", t.missed}, {"SKIPPED", t.skipped}} {
		if len(list.all) > 0 {
			fmt.Printf("%s: %s\n", list.name, strings.Join(trimmed(list.all), "; "))
		}
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Printf("the machine's load at the end: %s", load)
	}
}

func trimmed(all []string) (out []string) {
	for _, s := range all {
		out = append(out, strings.TrimSpace(s))
	}
	return out
}

// times are how long single calls took.
type times []time.Duration

// at is a quantile; q is in [0,1).
func (t times) at(q float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	return t[int(float64(len(t))*q)]
}

func (t times) String() string {
	return fmt.Sprintf("median %s, p99 %s", short(t.at(.5)), short(t.at(.99)))
}

func short(d time.Duration) string {
	if d < 10*time.Millisecond {
		return d.Round(time.Microsecond).String()
	}
	return d.Round(100 * time.Microsecond).String()
}

// sorted sorts in place.
func sorted(all []time.Duration) times {
	slices.Sort(all)
	return all
}
