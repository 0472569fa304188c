package builder

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/remote"
	"github.com/selfsame-build/selfsame/provenance"
)

// TestMilderWorldsPlantNothing looks for what could be the reason that a step fails on B alone: in no world but B's own.
func TestMilderWorldsPlantNothing(t *testing.T) {
	h := &Host{CPUs: 2, Memory: 64 << 30, OpenFiles: 1 << 20}
	b := h.worldB()
	if !b.harsh() || !b.daemon.FixedAddresses || b.timeZone == "" || b.locale == "" || b.openFiles == nil {
		t.Errorf("B's world is %+v", b)
	}
	far := elsewhere(&remote.Address{Scheme: "unix"}, remote.TLS{}, b)
	if !far.harsh() || far.timeZone != b.timeZone || far.openFiles != nil {
		t.Errorf("a builder B of somebody else has the world %+v", far)
	}
	for _, w := range []world{h.worldA(), h.worldMild(), h.worldRecord(), h.milder(b), h.milder(far)} {
		if w.harsh() || w.daemon.FixedAddresses || len(w.variables()) != 1 {
			t.Errorf("world %+v has more than a milder one", w)
		}
	}
	if w := h.milder(far); w.at != far.at {
		t.Errorf("a builder of somebody else is repeated at %v", w.at)
	}
	why := milderExcuses(far, "it failed")
	if why["time zone"] != "it failed" || why["open files"] == "it failed" || why["clock calls"] == "it failed" || why["locale"] == "" {
		t.Errorf("excuses %v", why)
	}
}

func TestOpenFilesOfB(t *testing.T) {
	for _, c := range []struct {
		h    Host
		want *graph.Limit
	}{
		{Host{OpenFiles: 1 << 20}, &graph.Limit{Soft: openFilesB, Hard: 1 << 20}},
		{Host{}, nil},
		{Host{OpenFiles: 4096}, &graph.Limit{Soft: 4096, Hard: 4096}},
		{Host{OpenFiles: 4096, RaiseFiles: true}, &graph.Limit{Soft: openFilesB, Hard: openFilesB}},
	} {
		if diff := cmp.Diff(c.want, c.h.plantedB().openFiles); diff != "" {
			t.Errorf("with %d to inherit, raised %v (-want +got):\n%s", c.h.OpenFiles, c.h.RaiseFiles, diff)
		}
	}
}

func TestExceptSteps(t *testing.T) {
	measured := []provenance.Axis{{Name: "time zone", State: provenance.AxisMeasured, A: "none", B: "X"}, {Name: "CPU count", State: provenance.AxisMeasured, A: "2", B: "1"}}
	zone := map[string]string{"TZ": "TZ"}
	run := func(steps map[string][]graph.Step) []provenance.Axis {
		r := &twinRun{plans: map[string][2]*graph.Plan{}}
		for platform, s := range steps {
			r.plans[platform] = [2]*graph.Plan{nil, {Steps: s}}
		}
		return r.exceptSteps(slices.Clone(measured))
	}
	if got := run(nil); !cmp.Equal(got, measured) {
		t.Errorf("no step at all: %+v", got)
	}
	got := run(map[string][]graph.Step{"linux/amd64": {{Name: "D:1"}, {Name: "D:2", Own: zone}}, "linux/arm64": {{Name: "D:1"}, {Name: "D:2", Own: zone}}})
	if want := []provenance.AxisStep{{Step: "D:2", Reason: "it sets TZ"}}; !cmp.Equal(got[0].Except, want) || got[0].State != provenance.AxisMeasured || got[1].Except != nil {
		t.Errorf("one step of two, on two platforms: %+v", got)
	}
	got = run(map[string][]graph.Step{"linux/amd64": {{Name: "D:1", Own: zone}, {Name: "D:2", Own: zone}}})
	if got[0].State != provenance.AxisNotApplied || got[0].Reason != "every step sets TZ" || got[0].A != "" || got[1].State != provenance.AxisMeasured {
		t.Errorf("every step: %+v", got)
	}
}
