package solver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// logTail is how much of a step's output is kept to show when it fails.
const logTail = 64 << 10

// StepRun is what one vertex of the graph did.
type StepRun struct {
	Step      graph.Step // zero for a vertex that is no step of the author's
	Vertex    string     // the daemon's name for it
	Digest    digest.Digest
	Started   time.Time // the daemon's clock; zero if it never ran
	Completed time.Time
	Cached    bool
	Error     string
	Log       []byte         // the end of its output, at most 64 KiB
	Requests  []ProxyRequest // what it fetched through the proxy
	Exports   bool           // it brings the image out, and runs nothing
}

// ProxyRequest is one line of the daemon's "proxy network requests" (the address is the input server's).
type ProxyRequest struct {
	Method, URL, Status string
}

// StepError is a step that failed, with the end of its output.
type StepError struct {
	Run StepRun
	Err error
}

func (e *StepError) Error() string { return fmt.Sprintf("%s: %s", e.Run.Vertex, e.Err) }
func (e *StepError) Unwrap() error { return e.Err }

type watcher struct {
	req   Request
	runs  map[digest.Digest]*StepRun
	order []digest.Digest
	mask  *mask
}

func newWatcher(req Request) *watcher {
	return &watcher{req: req, runs: map[digest.Digest]*StepRun{}, mask: newMask(req.Credentials.Hide)}
}

func (w *watcher) run(ch chan *client.SolveStatus) {
	for s := range ch {
		for _, v := range s.Vertexes {
			w.vertex(v)
		}
		w.hide(s)
		for _, l := range s.Logs {
			if r := w.runs[l.Vertex]; r != nil {
				r.Log = append(r.Log, l.Data...)
				r.takeRequests()
			}
		}
		if w.req.Display != nil {
			w.req.Display.send(s, w.readable)
		}
	}
}

// hide masks values of secrets in what steps wrote.
func (w *watcher) hide(s *client.SolveStatus) {
	for _, l := range s.Logs {
		l.Data = w.mask.next(l.Vertex, l.Data)
	}
	for _, v := range s.Vertexes {
		if v.Completed == nil {
			continue
		}
		if rest := w.mask.last(v.Digest); len(rest) > 0 {
			s.Logs = append(s.Logs, &client.VertexLog{Vertex: v.Digest, Stream: 2, Data: rest, Timestamp: *v.Completed})
		}
	}
}

func (w *watcher) vertex(v *client.Vertex) {
	r := w.runs[v.Digest]
	if r == nil {
		r = &StepRun{Vertex: v.Name, Digest: v.Digest, Exports: strings.HasPrefix(v.Name, "exporting to ")}
		r.Step, _ = w.req.Plan.StepOf(v.Name)
		w.runs[v.Digest] = r
		w.order = append(w.order, v.Digest)
	}
	r.Cached = r.Cached || v.Cached
	if v.Started != nil {
		r.Started = *v.Started
	}
	if v.Completed != nil {
		r.Completed = *v.Completed
	}
	if v.Error != "" {
		r.Error = v.Error
	}
	if w.req.OnEvent != nil {
		w.req.OnEvent(*r)
	}
}

var requestLine = lazyregexp.New(`(?m)^- ([A-Z]+) (\S+)(?: -> (\d+))?\n`)

// takeRequests moves the daemon's report of requests out of the log, and bounds what is left. The report comes last, as
// one write or several.
func (r *StepRun) takeRequests() {
	const head = "proxy network requests:\n"
	i := bytes.LastIndex(r.Log, []byte(head))
	if i < 0 {
		if len(r.Log) > 2*logTail {
			r.Log = append([]byte(nil), r.Log[len(r.Log)-logTail:]...)
		}
		return
	}
	rest := r.Log[i+len(head):]
	for {
		m := requestLine.FindSubmatchIndex(rest)
		if m == nil || m[0] != 0 {
			break
		}
		r.Requests = append(r.Requests, ProxyRequest{Method: group(rest, m, 1), URL: group(rest, m, 2), Status: group(rest, m, 3)})
		rest = rest[m[1]:]
	}
	r.Log = append(r.Log[:i+len(head)], rest...)
}

// readable drops the daemon's report of requests from what people see: its addresses are the input server's.
func (w *watcher) readable(data []byte) []byte {
	if w.req.Own == nil {
		return data
	}
	out := requestLine.ReplaceAllFunc(data, func(line []byte) []byte {
		m := requestLine.FindSubmatchIndex(line)
		if w.req.Own(group(line, m, 2)) {
			return nil
		}
		return line
	})
	return bytes.ReplaceAll(out, []byte("proxy network requests:\n"), nil)
}

func group(b []byte, m []int, i int) string {
	if m[2*i] < 0 {
		return ""
	}
	return string(b[m[2*i]:m[2*i+1]])
}

func (w *watcher) steps() []StepRun {
	out := make([]StepRun, 0, len(w.order))
	for _, d := range w.order {
		out = append(out, *w.runs[d])
	}
	return out
}

// explain finds the step that made a solve fail.
func (w *watcher) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, d := range w.order {
		r := w.runs[d]
		if r.Error != "" && !strings.Contains(r.Error, "context canceled") {
			return &StepError{Run: *r, Err: errors.New(r.Error)}
		}
	}
	return err
}
