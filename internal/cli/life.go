package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// life is how long a list counts: a Go duration, or days as in "7d".
type life time.Duration

// Set implements pflag.Value.
func (l *life) Set(s string) error {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		*l = life(time.Duration(n) * 24 * time.Hour)
		return err
	}
	d, err := time.ParseDuration(s)
	*l = life(d)
	return err
}

// Type implements pflag.Value.
func (l *life) Type() string { return "duration" }

// String implements pflag.Value.
func (l *life) String() string {
	if d := time.Duration(*l); d > 0 && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return time.Duration(*l).String()
}
