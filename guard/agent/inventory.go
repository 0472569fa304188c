// Package agent is the guard's part on each node: it answers on a unix socket, knows what runs there under which verdict, and judges that
// again when policy, trust or deny list change, and on a timer.
package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/policy"
)

// Container is one that runs, as the start gate knows it.
type Container struct {
	ID        string        `json:"id"`
	Name      string        `json:"name"` // of the container
	Namespace string        `json:"namespace,omitempty"`
	Workload  string        `json:"workload,omitempty"` // "Pod/shop-0"
	Image     string        `json:"image"`              // its repository, without tag; empty: nobody knows
	Digest    digest.Digest `json:"digest"`             // that it was started from; empty: nobody knows
	Reference string        `json:"reference,omitempty"`
	Started   time.Time     `json:"started,omitzero"`
	// Of is the id of the container that mounts it, where this is the image of a volume; empty: it is a container.
	Of string `json:"of,omitempty"`
	// Also are other repositories that the digest is known by: evidence counts under any of them.
	Also []string `json:"-"`
}

// Running is a container and what is known of it.
type Running struct {
	Container
	// Verdict is nil until it is judged for the first time.
	Verdict *engine.Answer `json:"verdict,omitempty"`
	Judged  time.Time      `json:"judged,omitzero"`
}

// Verified says whether the image is allowed now.
func (r Running) Verified() bool { return r.Verdict != nil && r.Verdict.Allow }

// maxContainers bounds the inventory; Kubernetes means at most 110 pods a node.
const maxContainers = 50_000

// Inventory is what runs on the node. The start gate feeds it; Watch judges it. It is safe for use by many at once.
type Inventory struct {
	asker   engine.Asker
	metrics *metrics.Set
	notice  func(string)
	now     func() time.Time

	mu      sync.Mutex
	running map[string]Running
	mounted map[string][]string // by a container's id, those of its image volumes
	bad     int                 // of them, whose image is not allowed now
	order   []place             // of all that runs; nil: since it was made something started or ended
	moves   int                 // grows with each of those
	kick    chan struct{}

	sorting sync.Mutex // taken before mu
}

// NewInventory makes an empty one. notice is told of containers whose image is no longer allowed.
func NewInventory(asker engine.Asker, m *metrics.Set, notice func(string), now func() time.Time) *Inventory {
	return &Inventory{asker: asker, metrics: m, notice: notice, now: now, running: map[string]Running{}, mounted: map[string][]string{}, kick: make(chan struct{}, 1)}
}

// Started takes a container in that was let through, with the answer that it got; nil: it is judged soon.
// volumes are those that it mounts; they are judged soon.
func (i *Inventory) Started(c Container, a *engine.Answer, volumes ...Container) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.add(c, a)
	for _, v := range volumes {
		i.add(v, nil)
	}
	i.count()
}

func (i *Inventory) add(c Container, a *engine.Answer) {
	if _, known := i.running[c.ID]; !known && len(i.running) >= maxContainers {
		i.metrics.Add(metrics.Unwatched, 1, "full")
		return
	}
	if c.Digest == "" || c.Image == "" {
		i.metrics.Add(metrics.Unwatched, 1, "no-digest") // it is listed, and never verified
	}
	r := Running{Container: c, Verdict: a}
	if a != nil {
		r.Judged = i.now()
	} else {
		i.Kick()
	}
	if c.Of != "" && !slices.Contains(i.mounted[c.Of], c.ID) {
		i.mounted[c.Of] = append(i.mounted[c.Of], c.ID)
	}
	i.put(r)
	i.moved()
}

// put takes a container in, or what is newly known of it.
func (i *Inventory) put(r Running) {
	i.drop(r.ID)
	if i.running[r.ID] = r; !r.Verified() {
		i.bad++
	}
}

func (i *Inventory) drop(id string) {
	if r, known := i.running[id]; known && !r.Verified() {
		i.bad--
	}
	delete(i.running, id)
}

func (i *Inventory) moved() { i.order, i.moves = nil, i.moves+1 }

// Stopped forgets a container and its image volumes.
func (i *Inventory) Stopped(id string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, v := range append(i.mounted[id], id) {
		i.drop(v)
	}
	delete(i.mounted, id)
	i.moved()
	i.count()
}

// Sync replaces all: what the runtime says runs when the gate connects. Everything is judged, also what started while nobody looked.
func (i *Inventory) Sync(all []Container) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.running, i.mounted, i.bad = make(map[string]Running, min(len(all), maxContainers)), map[string][]string{}, 0
	i.moved()
	for _, c := range all {
		i.add(c, nil)
	}
	i.count()
	i.Kick()
}

// Kick has everything judged soon.
func (i *Inventory) Kick() {
	select {
	case i.kick <- struct{}{}:
	default:
	}
}

// List is everything that runs, by namespace, workload, name and id.
func (i *Inventory) List() []Running {
	all, _ := i.Page("", maxContainers)
	return all
}

// Len is how many containers run.
func (i *Inventory) Len() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.running)
}

// Watch judges everything at each change of the engine's, at each Kick, and every interval, until ctx ends. changed is Engine.Changed.
func (i *Inventory) Watch(ctx context.Context, interval time.Duration, changed func() <-chan struct{}) {
	for {
		next := changed() // before judging: what changes meanwhile is judged again
		i.Judge(ctx)
		select {
		case <-ctx.Done():
			return
		case <-next:
		case <-i.kick:
		case <-time.After(interval):
		}
	}
}

// watchTime bounds the judging of one batch.
const (
	watchTime  = 30 * time.Second
	watchBatch = 32
)

var errNameless = errors.New("nobody knows its repository, and so not where its evidence is")

// Judge asks for a verdict on everything that runs.
func (i *Inventory) Judge(ctx context.Context) {
	all := i.List()
	for batch := range slices.Chunk(all, watchBatch) {
		var qs []engine.Question
		for _, r := range batch {
			if r.Image != "" {
				qs = append(qs, r.question(r.Image))
			}
		}
		within, cancel := context.WithTimeout(ctx, watchTime)
		asked, answers := i.asker.AskAll(within, qs), make([]engine.Answer, len(batch))
		for n, r := range batch {
			if r.Image == "" { // no question: the log would have a line at each turn that says nothing
				answers[n] = engine.Unanswered(engine.Question{Name: cmp.Or(r.Reference, r.Name), Digest: r.Digest}, errNameless)
				continue
			}
			answers[n], asked = asked[0], asked[1:]
			under := []engine.Answer{answers[n]}
			for _, name := range r.Also {
				under = append(under, i.asker.Ask(within, r.question(name)))
			}
			answers[n] = engine.UnderNames(under)
		}
		cancel()
		if ctx.Err() != nil {
			return
		}
		i.judged(batch, answers)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.count()
}

// question is whether its image may run under a name of it.
func (r Running) question(name string) engine.Question {
	who := engine.Who{Gate: engine.GateWatch, Namespace: r.Namespace, Workload: r.Workload, Container: r.Name, Reference: r.Reference}
	if len(r.Also) > 0 {
		who.OneOf = 1 + len(r.Also)
	}
	return engine.Question{Name: name, Digest: r.Digest, Who: who}
}

func (i *Inventory) judged(batch []Running, answers []engine.Answer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n, r := range batch {
		now, still := i.running[r.ID]
		if !still || now.Digest != r.Digest || now.Image != r.Image {
			continue // it stopped, or is another one by now
		}
		a := answers[n]
		if now.Verdict != nil && len(a.Image.Platforms) == 0 { // a digest's platforms do not change; what denies at once does not read them
			a.Image.Platforms = now.Verdict.Image.Platforms
		}
		if now.Verified() && !a.Allow || now.Verdict == nil && !a.Allow {
			i.notice(fmt.Sprintf("%s/%s/%s runs and is not allowed: %s", r.Namespace, r.Workload, r.Name, a.Denial()))
		}
		now.Verdict, now.Judged = &a, i.now()
		i.put(now)
	}
}

// count sets the metrics.
func (i *Inventory) count() {
	i.metrics.Put(metrics.Running, float64(len(i.running)))
	i.metrics.Put(metrics.Unverified, float64(i.bad))
}

// Runs says whether r runs an image: by the digest that it was started from, or by that of one of its platforms.
func (r Running) Runs(d digest.Digest) bool {
	if r.Digest == d {
		return true
	}
	return r.Verdict != nil && slices.ContainsFunc(r.Verdict.Image.Platforms, func(p policy.Platform) bool { return p.Digest == d.String() })
}
