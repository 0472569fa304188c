package solver

import (
	"context"
	"io"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	"github.com/opencontainers/go-digest"
)

// Display shows the progress of several attempts at once. The same graph runs on both twins, and BuildKit's display keys
// its lines by vertex digest, so each attempt's digests are salted and its names prefixed.
type Display struct {
	ch   chan *client.SolveStatus
	done chan struct{}
}

// NewDisplay starts showing on w. mode is one of auto, tty, plain, rawjson and quiet.
func NewDisplay(ctx context.Context, w io.Writer, mode string) (*Display, error) {
	d, err := progressui.NewDisplay(w, progressui.DisplayMode(mode))
	if err != nil {
		return nil, err
	}
	out := &Display{ch: make(chan *client.SolveStatus, 16), done: make(chan struct{})}
	go func() {
		defer close(out.done)
		// The display must drain until Close whatever becomes of ctx, or the solves would block on it.
		_, _ = d.UpdateFrom(context.WithoutCancel(ctx), out.ch)
	}()
	return out, nil
}

// Close ends the display once every attempt is over.
func (d *Display) Close() {
	if d == nil {
		return
	}
	close(d.ch)
	<-d.done
}

// Attempt gives the sink for one solve, whose lines bear the name ("A", "B").
func (d *Display) Attempt(name string) *Attempt {
	if d == nil {
		return nil
	}
	return &Attempt{name: name, ch: d.ch}
}

// Attempt is one solve's part of a Display.
type Attempt struct {
	name string
	ch   chan *client.SolveStatus
}

func (a *Attempt) salt(d digest.Digest) digest.Digest {
	if d == "" {
		return ""
	}
	return digest.FromString(a.name + d.String())
}

// send forwards a copy of s with salted digests, prefixed names and readable logs.
func (a *Attempt) send(s *client.SolveStatus, readable func([]byte) []byte) {
	out := &client.SolveStatus{}
	for _, v := range s.Vertexes {
		c := *v
		c.Digest, c.Name = a.salt(v.Digest), a.name+" "+v.Name
		c.Inputs = nil
		for _, in := range v.Inputs {
			c.Inputs = append(c.Inputs, a.salt(in))
		}
		if v.ProgressGroup != nil {
			g := v.ProgressGroup.CloneVT()
			g.Id = a.name + g.Id
			c.ProgressGroup = g
		}
		out.Vertexes = append(out.Vertexes, &c)
	}
	for _, st := range s.Statuses {
		c := *st
		c.Vertex = a.salt(st.Vertex)
		out.Statuses = append(out.Statuses, &c)
	}
	for _, l := range s.Logs {
		c := *l
		c.Vertex = a.salt(l.Vertex)
		if c.Data = readable(l.Data); len(c.Data) == 0 {
			continue
		}
		out.Logs = append(out.Logs, &c)
	}
	for _, wn := range s.Warnings {
		c := *wn
		c.Vertex = a.salt(wn.Vertex)
		out.Warnings = append(out.Warnings, &c)
	}
	a.ch <- out
}
