//go:build !front

package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// progress tells what goes on, when that takes longer than a person waits without asking.
type progress struct {
	w    io.Writer
	mode string // plain, tty or json; empty: quiet
	done chan struct{}
	wait sync.WaitGroup
	once sync.Once

	read atomic.Int64
	mu   sync.Mutex
	what string
}

const (
	patience   = 2 * time.Second // nothing is said of what is over by then
	plainEvery = 5 * time.Second
	ttyEvery   = 500 * time.Millisecond
)

// startProgress starts to watch. stop ends it; both also where nothing is to be said.
func (a *app) startProgress() *progress {
	p := &progress{w: a.Err, mode: a.global.progress, done: make(chan struct{})}
	if p.mode == "auto" {
		p.mode = map[bool]string{true: "tty", false: "plain"}[a.isTerminal(a.Err)]
	}
	if a.global.quiet || p.mode == "quiet" {
		p.mode = ""
		return p
	}
	p.wait.Add(1)
	go p.run()
	return p
}

// phase says what is done from now on; bytes are counted anew.
func (p *progress) phase(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.what = what
	p.read.Store(0)
}

// add counts bytes.
func (p *progress) add(bytes int) { p.read.Add(int64(bytes)) }

func (p *progress) stop() {
	p.once.Do(func() { close(p.done) })
	p.wait.Wait()
}

func (p *progress) run() {
	defer p.wait.Done()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	every, shown := plainEvery, false
	if p.mode == "tty" {
		every = ttyEvery
	}
	for {
		select {
		case <-p.done:
			if shown && p.mode == "tty" {
				io.WriteString(p.w, "\r\x1b[K")
			}
			return
		case <-timer.C:
			p.show()
			shown = true
			timer.Reset(every)
		}
	}
}

func (p *progress) show() {
	p.mu.Lock()
	what := p.what
	p.mu.Unlock()
	read := p.read.Load()
	line := fmt.Sprintf("%s: %s: %.1f MB read", Name, what, float64(read)/1e6)
	switch p.mode {
	case "tty":
		fmt.Fprintf(p.w, "\r\x1b[K%s", line)
	case "json":
		raw, err := json.Marshal(map[string]any{"progress": what, "bytes": read})
		if err == nil {
			fmt.Fprintf(p.w, "%s\n", raw)
		}
	default:
		fmt.Fprintln(p.w, line)
	}
}
