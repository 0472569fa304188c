package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/selfsame-build/selfsame/recipes"
)

// recipesDebian is the base of the examples that are measured.
var recipesDebian = recipes.Debian{Suite: "trixie"}

// example is what both sides build.
type example struct {
	name   string
	source string // the file that the warm build changes
	target string // for the cold build
	lock   bool   // measure locking too
}

var examples = []example{
	{name: "node-app", source: "server.js", target: "1.15", lock: true},
	{name: "c-make", source: "main.c", target: "-"},
}

// bench measures one example.
type bench struct {
	root, work string
	example    example
	runs       int
	table      *table
	verbose    bool
	ours       *selfsame
	peer       *stock
}

func (b *bench) run(ctx context.Context) error {
	if err := b.prepare(ctx); err != nil {
		return err
	}
	defer b.peer.stop()
	defer func() { _, _, _ = b.ours.run(context.WithoutCancel(ctx), "builders", "stop", "--remove") }()
	for i := range b.runs {
		fmt.Fprintf(os.Stderr, "bench: %s, run %d of %d\n", b.example.name, i+1, b.runs)
		if err := b.round(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) prepare(ctx context.Context) error {
	fmt.Fprintf(os.Stderr, "bench: %s: locking it and making its base\n", b.example.name)
	bin := filepath.Join(b.root, "bin")
	b.ours = &selfsame{program: filepath.Join(bin, "selfsame"), home: filepath.Join(b.work, "ours"), example: filepath.Join(b.work, "ours", "example"), table: b.table}
	b.peer = &stock{bin: bin, home: filepath.Join(b.work, "stock"), context: filepath.Join(b.work, "stock", "example")}
	from := os.DirFS(filepath.Join(b.root, "examples", b.example.name))
	for _, dir := range []string{b.ours.example, b.peer.context} {
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			return err
		}
		if err := os.CopyFS(dir, from); err != nil {
			return err
		}
		for _, left := range []string{"selfsame.lock", "selfsame-out"} {
			if err := os.RemoveAll(filepath.Join(dir, left)); err != nil {
				return err
			}
		}
	}
	if err := b.ours.prepare(ctx); err != nil {
		return err
	}
	var err error
	if b.peer.layout, b.peer.base, err = b.ours.base(); err != nil {
		return err
	}
	return b.peer.prepare(ctx)
}

// measurement is one thing that both sides do, or only ours where peer is nil.
type measurement struct {
	what, target string
	ours, peer   func(context.Context) (time.Duration, error)
	before       func(context.Context) error // not measured
}

// round measures everything once. The sides take turns at being first, so that neither always finds the other's files in the
// page cache.
func (b *bench) round(ctx context.Context, i int) error {
	list := []measurement{
		{what: "cold", target: b.example.target, ours: b.ours.build, peer: b.peer.build, before: b.reset},
		{what: "one source line changed", target: "1.25", ours: b.ours.build, peer: b.peer.build, before: func(context.Context) error { return b.change(i) }},
		{what: "nothing changed", target: "under 2 s", ours: b.ours.build, peer: b.peer.build},
	}
	for _, m := range list {
		if err := b.measure(ctx, m, i%2 == 1); err != nil {
			return err
		}
	}
	if !b.example.lock {
		return nil
	}
	took, err := b.ours.lock(ctx)
	if err != nil {
		return err
	}
	r := b.table.row(b.example.name+": lock (selfsame) against build live (stock)", "1.0")
	r.ours = append(r.ours, took)
	r.peer = b.table.row(b.example.name+": cold", "").peer
	return nil
}

func (b *bench) measure(ctx context.Context, m measurement, peerFirst bool) error {
	if m.before != nil {
		if err := m.before(ctx); err != nil {
			return err
		}
	}
	r := b.table.row(b.example.name+": "+m.what, m.target)
	for _, peer := range []bool{peerFirst, !peerFirst} {
		side, into := m.ours, &r.ours
		if peer {
			side, into = m.peer, &r.peer
		}
		took, err := side(ctx)
		if err != nil {
			return err
		}
		if b.verbose {
			fmt.Fprintf(os.Stderr, "bench: %s: %s: %s %.2f s\n", b.example.name, m.what, map[bool]string{true: "stock", false: "selfsame"}[peer], took.Seconds())
		}
		*into = append(*into, took)
	}
	return nil
}

func (b *bench) reset(ctx context.Context) error {
	if err := b.ours.reset(ctx); err != nil {
		return err
	}
	return b.peer.reset(ctx)
}

// change adds a line to the same source file of both sides.
func (b *bench) change(i int) error {
	for _, dir := range []string{b.ours.example, b.peer.context} {
		f, err := os.OpenFile(filepath.Join(dir, b.example.source), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(f, "// change %d\n", i); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}
