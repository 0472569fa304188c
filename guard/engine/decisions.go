package engine

import (
	"context"
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/policy"
)

// Decision is one line of the log of decisions, in JSON. What users wrote is clipped.
type Decision struct {
	SchemaVersion int       `json:"schemaVersion"`
	Time          time.Time `json:"time"`
	Who           Who       `json:"who"`
	// Guest is the user id, as the kernel knows it, of one who may ask and is no gate of ours; Who is then what he says.
	Guest      *int     `json:"guest,omitempty"`
	Image      string   `json:"image"` // NAME@DIGEST
	Allow      bool     `json:"allow"`
	Class      Class    `json:"class"`
	Rules      []string `json:"rules,omitempty"` // "NAME: STATUS", of those that had a say
	Reasons    []string `json:"reasons,omitempty"`
	BreakGlass *Grant   `json:"breakGlass,omitempty"`
	// HandedOn is the verdict of another verifier that was taken over.
	HandedOn *policy.HandedOn `json:"handedOn,omitempty"`
	Policy   policy.Edition   `json:"policy"`
	Epoch    Epoch            `json:"epoch"`
	Cached   bool             `json:"cached"`
	Gathered time.Time        `json:"gathered,omitzero"` // when the evidence was; older than keep.fresh: the registry did not answer since
	Micros   int64            `json:"micros"`            // how long it took
}

// The bounds of a line.
const (
	maxReasons = 8
	maxRules   = 64
	maxQueue   = 4096     // lines that wait to be written
	maxWrite   = 64 << 10 // bytes that are written at once, unless one line is longer
	// pause is how long is waited between two writes, so that under load many lines go with one. What ends within it, unless by a kill, still
	// writes them.
	pause = 5 * time.Millisecond
)

// decisions writes the log. A log that is slow or full holds up no decision: what cannot be written is counted.
type decisions struct {
	queue   chan []byte
	end     chan struct{}
	once    sync.Once
	metrics *metrics.Set
	done    sync.WaitGroup
	batch   []byte // the writer's own
}

func newDecisions(to io.Writer, m *metrics.Set) *decisions {
	d := &decisions{metrics: m, end: make(chan struct{})}
	if to == nil {
		return d
	}
	d.queue = make(chan []byte, maxQueue)
	d.done.Go(func() {
		for {
			select {
			case line := <-d.queue:
				d.put(to, line)
				continue
			default:
			}
			select {
			case line := <-d.queue:
				d.put(to, line)
			case <-d.end: // and the queue was empty
				return
			}
			select {
			case <-time.After(pause):
			case <-d.end:
			}
		}
	})
	return d
}

// put writes a line, and with it what waits behind it. After a failure all of it counts as lost.
func (d *decisions) put(to io.Writer, line []byte) {
	lines := 1
	d.batch = append(d.batch[:0], line...)
	for more := true; more && len(d.batch) < maxWrite; {
		select {
		case next := <-d.queue:
			d.batch, lines = append(d.batch, next...), lines+1
		default:
			more = false
		}
	}
	if _, err := to.Write(d.batch); err != nil {
		d.metrics.Add(metrics.DecisionsLost, float64(lines))
	}
}

// close writes what waits, and ends.
func (d *decisions) close() {
	d.once.Do(func() { close(d.end) })
	d.done.Wait()
}

// write writes a decision down. Guests, who may ask as often as they like, fill no more than their share of the queue, so that there is room for
// the gates' own lines.
func (d *decisions) write(ctx context.Context, q Question, a Answer, now time.Time, took time.Duration) {
	if d.queue == nil {
		return
	}
	made := newDecision(q, a, now, took)
	if uid, guest := Guest(ctx); guest {
		if made.Guest = &uid; len(d.queue) >= maxQueue/ofGuests {
			d.metrics.Add(metrics.DecisionsLost, 1)
			return
		}
	}
	raw, err := json.Marshal(made)
	if err != nil {
		d.metrics.Add(metrics.DecisionsLost, 1)
		return
	}
	d.line(append(raw, '\n'))
}

// line has a line written, or counts it as lost.
func (d *decisions) line(text []byte) {
	if d.queue == nil {
		return
	}
	select {
	case d.queue <- text:
	default:
		d.metrics.Add(metrics.DecisionsLost, 1)
	}
}

// Log writes a gate's own line, which ends in a newline, among the decisions. It never waits: a line for which there is no place is counted
// as lost.
func (e *Engine) Log(line []byte) { e.log.line(line) }

func newDecision(q Question, a Answer, now time.Time, took time.Duration) Decision {
	w := q.Who
	for _, s := range []*string{&w.Namespace, &w.Workload, &w.Container, &w.User, &w.Reference, (*string)(&w.Gate)} {
		*s = clip(*s)
	}
	out := Decision{SchemaVersion: 1, Time: now.UTC(), Who: w, Image: clipTo(q.Name, 255) + "@" + clip(q.Digest.String()), Allow: a.Allow, Class: a.Class,
		BreakGlass: a.BreakGlass, HandedOn: a.HandedOn, Policy: a.By, Epoch: a.Epoch, Cached: a.Cached, Gathered: a.Gathered, Micros: took.Microseconds()}
	for _, o := range a.Rules {
		if o.Status != policy.StatusOutOfScope && len(out.Rules) < maxRules {
			out.Rules = append(out.Rules, o.Rule+": "+string(o.Status))
		}
	}
	for _, r := range a.Reasons[:min(len(a.Reasons), maxReasons)] {
		out.Reasons = append(out.Reasons, line(r))
	}
	return out
}
