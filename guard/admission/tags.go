package admission

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/registry"
)

// Resolver says which digest a tag leads to now.
type Resolver interface {
	// Resolve asks for a reference of the form name:tag, and answers within ctx. An error says that there is no such tag, or no answer.
	Resolve(ctx context.Context, ref string) (digest.Digest, error)
}

// Registry resolves tags with a registry's client.
type Registry struct{ Client *registry.Client }

// Resolve asks the registry, once.
func (r Registry) Resolve(ctx context.Context, ref string) (digest.Digest, error) {
	found, err := r.Client.Resolve(ctx, ref)
	return found.Descriptor.Digest, err
}

// Bounds of what is remembered of tags.
const (
	tagFresh    = 5 * time.Second // how long an answer is used: a deployment's pods come at once, and a tag that moves is seen soon
	tagFailed   = time.Second     // the same for a failure
	maxTags     = 4096            // answers that are kept
	maxResolves = 32              // registries' answers that are waited for at one time
	// maxPendingTags bounds the questions under way, those that wait for one of maxResolves among them: some objects' worth (maxImages).
	maxPendingTags = 16 * maxResolves
)

// Tags is a Resolver that asks another one once for those who ask at the same time, and remembers the answer for seconds. What it says is
// never evidence: what it leads to is pinned and then verified by digest.
type Tags struct {
	inner Resolver
	now   engine.Clock
	slots chan struct{}

	mu      sync.Mutex
	known   *simplelru.LRU[string, *tag] // answers; what was used least recently goes first
	pending map[string]*tag              // questions
}

type tag struct {
	done   chan struct{} // closed when there is an answer
	digest digest.Digest
	err    error
	until  time.Time
}

// NewTags remembers what inner says.
func NewTags(inner Resolver, now engine.Clock) *Tags {
	known, _ := simplelru.NewLRU[string, *tag](maxTags, nil) // fails only for sizes below 1
	return &Tags{inner: inner, now: now, slots: make(chan struct{}, maxResolves), known: known, pending: map[string]*tag{}}
}

// errTags: as many tags are being resolved as may be.
var errTags = errors.New("too many tags are being resolved; try again")

// Resolve answers within ctx. A question that is under way goes on without whoever asked it, for at most 10 s, for the next one. Beyond
// maxPending questions under way it answers at once that there are too many.
func (t *Tags) Resolve(ctx context.Context, ref string) (digest.Digest, error) {
	k, err := t.find(ctx, ref)
	if err != nil {
		return "", fmt.Errorf("resolving %.200s: %w", ref, err)
	}
	select {
	case <-k.done:
		return k.digest, k.err
	case <-ctx.Done():
		return "", fmt.Errorf("resolving %.200s: no answer in time; try again", ref)
	}
}

// find gives what is known of a tag, or has it asked for.
func (t *Tags) find(ctx context.Context, ref string) (*tag, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if k, ok := t.known.Get(ref); ok && !k.over(now) {
		return k, nil
	}
	if k, ok := t.pending[ref]; ok {
		return k, nil
	}
	if len(t.pending) >= maxPendingTags {
		return nil, errTags
	}
	k := &tag{done: make(chan struct{})}
	t.pending[ref] = k
	go t.ask(context.WithoutCancel(ctx), ref, k)
	return k, nil
}

func (k *tag) over(now time.Time) bool { return !now.Before(k.until) }

func (t *Tags) ask(ctx context.Context, ref string, k *tag) {
	ctx, cancel := context.WithTimeout(ctx, defaultDeadline)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			k.digest, k.err = "", fmt.Errorf("resolving %.200s: internal error: %v", ref, r)
		}
		keep := tagFresh
		if k.err != nil {
			keep = tagFailed
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		k.until = t.now().Add(keep)
		t.known.Add(ref, k)
		delete(t.pending, ref)
		close(k.done)
	}()
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
		k.digest, k.err = t.inner.Resolve(ctx, ref)
	case <-ctx.Done():
		k.err = fmt.Errorf("resolving %.200s: %w", ref, errTags)
	}
}
