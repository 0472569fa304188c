package builder

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// Check is one thing that doctor looked at.
type Check struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Warning bool   `json:"warning,omitempty"` // a build can do without
	Detail  string `json:"detail"`
	Help    string `json:"help,omitempty"`
}

// Doctor starts both builders and measures them as every build does.
func (h *Host) Doctor(ctx context.Context) []Check {
	work, err := newWorkDir(h.TempDir)
	if err != nil {
		return []Check{{Name: "temporary folder", Detail: err.Error(), Help: "make room or name another with --state"}}
	}
	defer work.close()
	r := &twinRun{host: h, lock: &lock.Lock{}, work: work.path}
	defer r.close()
	if err := r.start(ctx, h.worldA(), h.worldB()); err != nil {
		return []Check{{Name: "builders", Detail: err.Error(), Help: "read the log that the message names"}}
	}
	checks := []Check{
		{Name: "builder A", OK: true, Detail: fmt.Sprintf("buildkit %s, %s", r.a.info.Version, r.a.info.Snapshotter)},
		{Name: "builder B", OK: true, Detail: fmt.Sprintf("buildkit %s, %s on %s", r.b.info.Version, r.b.info.Snapshotter, r.b.world.daemon.Root)},
	}
	checks = append(checks, platformsOf(r.a.info, r.b.info))
	if err := h.measureAxes(ctx, r, nil, make(chan struct{})); err != nil {
		return append(checks, Check{Name: "variations", Detail: err.Error(), Help: "a variation that the machine does not allow cannot be claimed"})
	}
	for _, x := range r.axes {
		c := Check{Name: x.Name, OK: x.State == provenance.AxisMeasured, Warning: true, Detail: x.A + " | " + x.B}
		if !c.OK {
			c.Detail = x.Reason
		}
		checks = append(checks, c)
	}
	return checks
}

// platformsOf lists what both builders can run.
func platformsOf(a, b solver.Info) Check {
	var both []string
	for _, p := range a.Platforms {
		if slices.Contains(b.Platforms, p) {
			both = append(both, p)
		}
	}
	return Check{Name: "platforms", OK: len(both) > 0, Detail: strings.Join(both, ", "), Help: "read the builders' logs"}
}
