package builder

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/recipes/lock"
	"github.com/selfsame-build/selfsame/registry"
)

// Refetched is an input that upstream does not have any more as the lock names it.
type Refetched struct {
	Key     string
	Changed bool // upstream has other bytes; otherwise it could not be had
	Reason  string
}

// Refetch asks upstream for every input of a restored build once more, and counts what is still as the lock says. Nothing of it is built
// from: the build reads what was locked. h.HTTP is what keeps evidence from leading to places that only this machine reaches; for
// repositories the hosts in private are the only such places, and registries are asked about both.
func (h *Host) Refetch(ctx context.Context, r *Restored, private []string) (provenance.Locked, []Refetched, error) {
	counts := r.Counts()
	var gone []Refetched
	asked := map[string]error{} // one address is often read by several steps and platforms
	for _, e := range r.lock.Entries {
		if e.Evidence == inputs.EvidenceRefused {
			continue // it is our own answer, and counted nowhere
		}
		key := strings.Join([]string{string(e.Kind), e.Key, e.Accept, e.Digest.String(), e.Headers.String()}, " ")
		err, known := asked[key]
		if !known {
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
		// The manifest's digest is the locked one, so what it leads to has the sizes of what was restored, which were bounded.
		// Blobs may be redirected to anywhere, so it is asked for through what keeps evidence from leading there.
		_, err = registry.New(registry.Options{Transport: h.HTTP}).CopyTo(ctx, repo.Name()+"@"+e.Digest.String(), e.Platform, nowhere{})
		return err
	}
	if err := h.fetch(ctx, e.Digest, e); err != nil || e.Headers == "" {
		return err
	}
	return h.fetch(ctx, e.Headers, e)
}

// nowhere is a store that has nothing and keeps nothing: what comes is read to its end and hashed.
type nowhere struct{}

func (nowhere) Has(digest.Digest) bool { return false }

func (nowhere) Put(_ context.Context, r io.Reader, limit int64) (digest.Digest, error) {
	d := digest.SHA256.Digester()
	n, err := io.Copy(d.Hash(), io.LimitReader(r, limit+1))
	if err == nil && n > limit {
		err = inputs.ErrTooLarge
	}
	return d.Digest(), err
}
