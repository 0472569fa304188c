package admission

import (
	"context"
	"fmt"
	"sync"
	"time"

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
)

// Tags is a Resolver that asks another one once for those who ask at the same time, and remembers the answer for seconds. What it says is
// never evidence: what it leads to is pinned and then verified by digest.
type Tags struct {
	inner Resolver
	now   engine.Clock
	slots chan struct{}

	mu    sync.Mutex
	known map[string]*tag
}

type tag struct {
	done   chan struct{} // closed when there is an answer
	digest digest.Digest
	err    error
	until  time.Time
}

// NewTags remembers what inner says.
func NewTags(inner Resolver, now engine.Clock) *Tags {
	return &Tags{inner: inner, now: now, slots: make(chan struct{}, maxResolves), known: map[string]*tag{}}
}

// Resolve answers within ctx. A question that is under way goes on without whoever asked it, for at most 10 s, for the next one.
func (t *Tags) Resolve(ctx context.Context, ref string) (digest.Digest, error) {
	t.mu.Lock()
	k, ok := t.known[ref]
	if !ok || k.over(t.now()) {
		if len(t.known) >= maxTags {
			t.forget()
		}
		k = &tag{done: make(chan struct{})}
		t.known[ref] = k
		go t.ask(context.WithoutCancel(ctx), ref, k)
	}
	t.mu.Unlock()
	select {
	case <-k.done:
		return k.digest, k.err
	case <-ctx.Done():
		return "", fmt.Errorf("resolving %.200s: no answer in time; try again", ref)
	}
}

func (k *tag) over(now time.Time) bool {
	select {
	case <-k.done:
		return !now.Before(k.until)
	default:
		return false
	}
}

// forget drops what is over, and if that is nothing, everything that has an answer.
func (t *Tags) forget() {
	now, before := t.now(), len(t.known)
	for _, all := range []bool{false, true} {
		for ref, k := range t.known {
			if k.over(now) || (all && k.over(now.Add(time.Hour))) {
				delete(t.known, ref)
			}
		}
		if len(t.known) < before {
			return
		}
	}
}

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
		k.until = t.now().Add(keep)
		close(k.done)
	}()
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
		k.digest, k.err = t.inner.Resolve(ctx, ref)
	case <-ctx.Done():
		k.err = fmt.Errorf("resolving %.200s: too many tags are being resolved; try again", ref)
	}
}
