package builder

import (
	"errors"
	"fmt"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/recipes"
)

// choose gives the platforms to build again: those that are wanted, else those that were published.
func (r *restored) choose(want []string) ([]string, error) {
	if len(want) == 0 {
		want = r.platforms
	}
	return choosePlatforms(r.project.recipe.Platforms, want)
}

// publishedPlatforms are those that p says were built, which the recipe must have.
func publishedPlatforms(p provenance.Provenance, r *recipes.Recipe) ([]string, error) {
	x, err := p.External()
	switch {
	case err != nil:
		err = fmt.Errorf("reading the evidence: %w", err)
	case len(x.Platforms) == 0:
		err = errors.New("the evidence names no platform")
	default:
		if _, bad := choosePlatforms(r.Platforms, x.Platforms); bad != nil {
			err = fmt.Errorf("the evidence: %s", bad)
		}
	}
	if err != nil {
		return nil, diag.Errorf("A0802", "%w", err).WithWhy("what it says cannot be repeated")
	}
	return x.Platforms, nil
}
