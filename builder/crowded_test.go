package builder

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/selfsame-build/selfsame/builder/daemon"
	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/remote"
	"github.com/selfsame-build/selfsame/builder/solver"
)

// TestCrowded tells a builder B whose memory is full from all else: only that one is repeated on a disk.
func TestCrowded(t *testing.T) {
	inMemory := world{daemon: daemon.World{Root: daemon.RootTmpfs}}
	export := &solver.StepError{Run: solver.StepRun{Vertex: "exporting to oci image format", Error: "write root/ingest/data: no space left on device"}, Err: errors.New("x")}
	step := &solver.StepError{Run: solver.StepRun{Step: graph.Step{Name: "Dockerfile:3"}, Log: []byte("cp: No space left on device\n")}, Err: errors.New("x")}
	results := &solver.StepError{Run: solver.StepRun{Vertex: "exporting", Error: "write /out/B/blobs/x: no space left on device"}, Err: errors.New("x")}
	for name, c := range map[string]struct {
		w        world
		err      error
		rootless bool
		want     bool
	}{
		"an export":          {inMemory, export, false, true},
		"a step":             {inMemory, step, false, true},
		"on a disk":          {world{daemon: daemon.World{Root: daemon.RootXFS}}, export, false, false},
		"somebody else's":    {world{at: &remote.Address{}}, export, false, false},
		"without root":       {inMemory, export, true, false},
		"our own results":    {inMemory, results, false, false},
		"our own filesystem": {inMemory, fmt.Errorf("writing a layer: %w", syscall.ENOSPC), false, false},
		"another failure":    {inMemory, errors.New("exit code: 1"), false, false},
		"none":               {inMemory, nil, false, false},
	} {
		h := &Host{Rootless: c.rootless}
		if got := h.crowded(&twin{world: c.w, out: "/out/B"}, c.err); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if isStep(export) || !isStep(step) {
		t.Error("an export is taken for a step of the recipe's, or a step for none")
	}
}

// TestMilderIsOnDisk: two builders in memory could fill the machine's.
func TestMilderIsOnDisk(t *testing.T) {
	h := &Host{Memory: 64 << 30, CPUs: 4}
	if h.worldB().daemon.Root != daemon.RootTmpfs || h.worldMild().daemon.Root == daemon.RootTmpfs || h.worldRoomy().daemon.Root == daemon.RootTmpfs {
		t.Errorf("B %v, milder %v, roomy %v", h.worldB().daemon.Root, h.worldMild().daemon.Root, h.worldRoomy().daemon.Root)
	}
	if roomy := h.worldRoomy(); !roomy.daemon.Traced() || roomy.name == h.worldB().name {
		t.Errorf("the roomy world is %+v", roomy)
	}
	if s := h.worldB().spec(); s.CacheBytes > h.worldB().daemon.RootBytes/2 {
		t.Errorf("a cache of %d bytes in a memory of %d", s.CacheBytes, h.worldB().daemon.RootBytes)
	}
}
