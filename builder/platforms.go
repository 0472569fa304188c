package builder

import (
	"slices"
	"strings"

	"github.com/containerd/platforms"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// canRun refuses a platform whose steps a builder cannot run, before anything is built. A platform without steps needs nobody to run
// it: files can be copied for any.
func canRun(label string, info solver.Info, drafts map[string]*graph.Draft) error {
	for _, platform := range sortedKeys(drafts) {
		if len(drafts[platform].Steps) == 0 || runs(info, platform) {
			continue
		}
		return diag.Errorf("A0324", "builder %s cannot run steps for `%s`", label, platform).
			WithWhy("it runs " + strings.Join(info.Platforms, ", ")).
			WithHelp("apt-get install qemu-user-static binfmt-support && selfsame builders stop")
	}
	return nil
}

// runs says whether the daemon lists a platform. Variants count only where the daemon tells them apart.
func runs(info solver.Info, platform string) bool {
	want, err := platforms.Parse(platform)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(info.Platforms, func(have string) bool {
		p, err := platforms.Parse(have)
		return err == nil && platforms.Only(p).Match(want)
	})
}
