package builder

import (
	"testing"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/internal/diag"
)

func TestCanRun(t *testing.T) {
	info := solver.Info{Platforms: []string{"linux/amd64", "linux/amd64/v2", "linux/arm/v7"}}
	for platform, want := range map[string]bool{
		"linux/amd64": true, "linux/amd64/v2": true, "linux/arm/v7": true, "linux/arm/v6": true, "linux/arm64": false, "linux/arm": true, "": false,
	} {
		err := canRun("B", info, []string{platform})
		if (err == nil) != want {
			t.Errorf("%q: %v", platform, err)
		}
		if err != nil && diag.ExitCode(err) != diag.ExitUndecided {
			t.Errorf("%q: exit %d", platform, diag.ExitCode(err))
		}
	}
	if run := stepPlatforms(map[string]*graph.Draft{"linux/s390x": {}, "linux/arm64": {Runs: []string{"linux/amd64"}}}); len(run) != 1 || run[0] != "linux/amd64" {
		t.Errorf("steps run on %v, want linux/amd64 alone", run)
	}
}
