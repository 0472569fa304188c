package ground

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/verify"
)

// Config is what a long-running verifier is made of.
type Config struct {
	Setup
	// Mirrors are other names of repositories: a repository or a path above some ("mirror.example.com", "cache.example.com/hub"), and what it
	// stands for in evidence ("registry.example.com", "docker.io"). The longest one that fits counts; a name that none fits is its own.
	Mirrors map[string]string
	// Budget bounds the reading of one image.
	Budget verify.Budget
	// Kept is a private folder for the deny list and the policy that counted last, as they were signed; empty: they end with the process.
	Kept string
}

// Ground is a verifier that is ready. It is safe for use by many at once.
type Ground struct {
	c          Config
	shelf      *shelf
	refreshing sync.Mutex
	seen       map[string]int64 // guarded by refreshing; Lists.seen
	state      atomic.Pointer[state]

	reading sync.Mutex
	rules   *rules // the signed policy that was given last; guarded by reading
}

// state is one state of files and lists; it does not change.
type state struct {
	Loaded
	epoch policy.Epoch
	local string // fingerprint of the files alone
	place string // where the deny list is, as freshness.Place spells it; empty: none is asked for
	// lacking is why there is no deny list, where one is asked for: nothing is decided.
	lacking error
}

// Open reads everything that the configuration names. What cannot be read is an error.
func Open(ctx context.Context, c Config) (*Ground, error) {
	g := newGround(c)
	if err := g.readLists(ctx, nil); err != nil {
		return nil, err
	}
	return g, nil
}

// Start is Open without a registry: files must be readable, and of what is signed elsewhere the one that is kept counts, if it does still.
// Where no deny list does, nothing is decided until Refresh has read one. For whoever has to answer, in words at least, while registries
// are down.
func Start(c Config) (*Ground, error) {
	g := newGround(c)
	if err := g.readFiles(nil); err != nil {
		return nil, err
	}
	return g, nil
}

func newGround(c Config) *Ground {
	return &Ground{c: c, shelf: newShelf(c.Kept), seen: map[string]int64{}}
}

func (g *Ground) load(ctx context.Context, s Setup) (*state, error) {
	s.Lists.seen = g.seen
	l, err := s.Load(ctx, verify.Options{Facts: true, Budget: g.c.Budget})
	if err != nil {
		return nil, err
	}
	epoch, err := l.Epoch(g.c.Mirrors)
	if err != nil {
		return nil, err
	}
	files := l
	files.Options.Deny = nil
	local, err := files.Epoch(g.c.Mirrors)
	if err != nil {
		return nil, err
	}
	return &state{Loaded: l, epoch: epoch, local: local.Trust}, nil
}

// Epoch is the present state, without I/O.
func (g *Ground) Epoch() policy.Epoch { return g.state.Load().epoch }

// Warnings are what a reader of trust file and roster should look at.
func (g *Ground) Warnings() diag.List { return g.state.Load().Warnings }

// Options are those by which images are verified now. They are not to be changed.
func (g *Ground) Options() verify.Options { return g.state.Load().Options }

// NameOf is the name that evidence must bear for an image that is pulled by name.
func (g *Ground) NameOf(name string) string {
	best := ""
	for from := range g.c.Mirrors {
		if (name == from || strings.HasPrefix(name, from+"/")) && len(from) > len(best) {
			best = from
		}
	}
	if best == "" {
		return name
	}
	return g.c.Mirrors[best] + strings.TrimPrefix(name, best)
}

// Gather verifies what is attached to the image d of the repository name, in that repository. The evidence is about the name that a mirror
// stands for. It is returned whatever it comes to, also if nothing holds, and where something is denied although not everything could be read; an error says that the registry could not
// be asked, or that the deny list which is in force has ended.
func (g *Ground) Gather(ctx context.Context, name string, d digest.Digest) (policy.Evidence, error) {
	o, err := g.state.Load().at(g.c.Now())
	if err != nil {
		return policy.Evidence{}, err
	}
	repo, err := g.c.Client.Repository(name)
	if err != nil {
		return policy.Evidence{}, err
	}
	o.Source, o.Digest, o.ExpectName, o.Reference = repo, d, g.NameOf(repo.Name()), repo.Name()+"@"+d.String()
	res, err := verify.Run(ctx, o)
	if err != nil {
		return policy.Evidence{}, err
	}
	facts := res.Facts()
	if slices.ContainsFunc(facts.Blocks, func(b policy.Block) bool { return b.Verdict == string(verify.VerdictDenied) }) {
		return facts, nil // whatever was not answered changes nothing about that
	}
	if err := res.Unanswered(); err != nil {
		return policy.Evidence{}, fmt.Errorf("reading the evidence of %s: %w", o.Reference, err)
	}
	return facts, nil
}

// at are the options for a verification at a time.
func (s *state) at(now time.Time) (verify.Options, error) {
	o := s.Options
	if s.lacking != nil {
		return o, fmt.Errorf("there is no deny list that counts: %w", s.lacking)
	}
	if o.Deny != nil && !now.Before(o.Deny.Until) {
		return o, diag.Errorf(codeStale, "the deny list %s does not count any more since %s", o.Deny.Name, o.Deny.Until.UTC().Format(time.RFC3339)).
			WithWhy("a newer one may say something else, so nothing is decided").
			WithHelp("see why it is not read again, or have it renewed by whoever signs it")
	}
	o.Now = now
	timed := func(d freshness.Demand) freshness.Demand { d.Now = now; return d }
	if o.Index != nil {
		x := *o.Index
		x.Demand = timed(x.Demand)
		o.Index = &x
	}
	o.OwnerIndexes = slices.Clone(o.OwnerIndexes)
	for i := range o.OwnerIndexes {
		o.OwnerIndexes[i].Demand = timed(o.OwnerIndexes[i].Demand)
	}
	return o, nil
}
