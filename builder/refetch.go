package builder

import (
	"context"
	"fmt"
	"strings"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// Refetched is an input that upstream does not have any more as the lock names it.
type Refetched struct {
	Key     string
	Changed bool // upstream has other bytes; otherwise it could not be had
	Reason  string
}

// Refetch asks upstream for every input of a restored build once more, and counts what is still as the lock says. Nothing of it is built
// from: the build reads what was locked. h.HTTP is what keeps evidence from leading to places that only this machine reaches; for
// repositories and registries the hosts in private are the only such places.
func (h *Host) Refetch(ctx context.Context, r *Restored, private []string) (provenance.Locked, []Refetched, error) {
	counts := r.Counts()
	var gone []Refetched
	asked := map[string]error{} // one address is often read by several steps and platforms
	for _, e := range r.lock.Entries {
		key := strings.Join([]string{string(e.Kind), e.Key, e.Accept, e.Digest.String()}, " ")
		err, known := asked[key]
		if !known && e.Evidence != inputs.EvidenceRefused { // a refusal is our own
			err = h.refetchOne(ctx, r, e, private)
			asked[key] = err
		}
		if ctx.Err() != nil {
			return counts, gone, context.Cause(ctx)
		}
		if err == nil {
			counts.Refetched++
			continue
		}
		f := Refetched{Key: e.Key, Reason: err.Error()}
		if list := diag.All(err); len(list) > 0 && list[0].Code == "A0337" {
			f.Changed = true
			counts.Changed++
		} else {
			counts.Vanished++
		}
		gone = append(gone, f)
	}
	return counts, gone, nil
}

// refetchOne fetches one input as if it were not here. What comes has the locked digest, or it is an error.
func (h *Host) refetchOne(ctx context.Context, r *Restored, e lock.Entry, private []string) error {
	switch e.Kind {
	case lock.KindGit:
		p := *r.project
		recipe := *p.recipe
		recipe.Record.Private = private // what the evidence's recipe allows itself was for its own machine
		p.recipe = &recipe
		return h.refetch(ctx, &p, e)
	case lock.KindImage:
		repo, err := h.Registry.Repository(repositoryOf(e.Key))
		if err != nil {
			return err
		}
		host, _, _ := strings.Cut(repo.Name(), "/")
		if err := inputs.CheckAddress(ctx, "https://"+host, private); err != nil {
			return fmt.Errorf("asking for `%s`: %w", e.Key, err)
		}
		_, _, err = repo.Manifest(ctx, e.Digest) // checks the digest
		return err
	}
	return h.fetch(ctx, e.Digest, e)
}
