package drill

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// lists rehearses what whoever serves the list could do: serve an older one that has not ended, and one that has.
func (d *drill) lists() error {
	var memo *freshness.Memory
	if d.Demand.Memory != nil {
		memo = &freshness.Memory{Dir: filepath.Join(d.Dir, "seen")}
	}
	newest := max(d.Verify.Deny.Sequence, 2)
	if _, err := d.list(newest, d.Now, memo); err != nil {
		return fmt.Errorf("rehearsing an older list: %w", err)
	}
	_, err := d.list(newest-1, d.Now, memo)
	d.add(unusable("older list", fmt.Sprintf("sequence %d after %d", newest-1, newest), err,
		"an older list that has not ended passes: this verifier remembers nothing, and its least number (--deny-minimum) is lower"))
	_, err = d.list(newest+1, d.Now.Add(-2*life), nil)
	d.add(unusable("ended list", fmt.Sprintf("sequence %d, ended an hour ago", newest+1), err, "a list that has ended passes"))
	return nil
}

// unusable demands that a list counts for nothing, so that a gate stays shut.
func unusable(name, what string, err error, wrong string) Step {
	s := Step{Name: name, Status: OK, ExitCode: diag.ExitCode(err), Detail: what + ": refused"}
	if s.ExitCode != diag.ExitUndecided {
		s.Status, s.Detail = Fail, what+": "+wrong
	}
	return s
}

// Age is how long ago the list was issued.
func (l List) Age() time.Duration { return time.Duration(l.AgeSeconds) * time.Second }
