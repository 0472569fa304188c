package debian

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/inputs/debian/control"
	"github.com/selfsame-build/selfsame/inputs/debian/deb"
)

// core are those packages that must lie there before dpkg begins: what dpkg itself needs, and what scripts may use that run while packages
// are unpacked. That is the essential and required ones, and what some package pre-depends on, with all that these depend on.
//
// > Pre-Depends [...] preinst [...] can only rely on essential packages and on the predependencies (Debian Policy, 6.5, 7.2)
//
// Everything else dpkg unpacks first, onto nothing: what lies there already is copied once more by an overlay filesystem, only to be replaced.
// Without a single essential package all are core.
func core(ctx context.Context, store Store, debs []file, workers int) ([]file, error) {
	all := make([]described, len(debs))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for i, d := range debs {
		g.Go(func() (err error) {
			if err := gctx.Err(); err != nil {
				return err
			}
			all[i], err = describe(store, d)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	in := closure(all)
	var out []file
	for i, d := range debs {
		if in[i] {
			out = append(out, d)
		}
	}
	return out, nil
}

// described is what one package says of itself.
type described struct {
	names               []string // its own, and those that it provides
	essential, required bool
	before, depends     []string // the names in Pre-Depends, and in both fields; of alternatives all
}

func describe(store Store, d file) (described, error) {
	r, _, err := store.Open(d.digest)
	if err != nil {
		return described{}, fmt.Errorf("opening %s: %w", d.name, err)
	}
	defer r.Close()
	s, err := deb.Control(r, "Package", "Essential", "Priority", "Provides", "Pre-Depends", "Depends")
	if err != nil {
		return described{}, malformed(d.name, err)
	}
	c := described{essential: s["essential"] == "yes", required: s["priority"] == "required"}
	for _, f := range []struct {
		field string
		into  []*[]string
	}{{"provides", []*[]string{&c.names}}, {"pre-depends", []*[]string{&c.before, &c.depends}}, {"depends", []*[]string{&c.depends}}} {
		groups, err := control.ParseRelations(strings.ReplaceAll(s[f.field], "\n", " "))
		if err != nil {
			return described{}, malformed(d.name, fmt.Errorf("%s: %w", f.field, err))
		}
		for _, group := range groups {
			for _, r := range group {
				for _, into := range f.into {
					*into = append(*into, r.Name)
				}
			}
		}
	}
	c.names = append(c.names, s["package"])
	return c, nil
}

// closure says which packages are core.
func closure(all []described) []bool {
	by, essential := map[string][]int{}, false
	for i, c := range all {
		essential = essential || c.essential
		for _, n := range c.names {
			by[n] = append(by[n], i)
		}
	}
	in := make([]bool, len(all))
	var todo []int
	take := func(i int) {
		if !in[i] {
			in[i] = true
			todo = append(todo, i)
		}
	}
	for i, c := range all {
		if c.essential || c.required || !essential {
			take(i)
		}
		for _, n := range c.before {
			for _, i := range by[n] {
				take(i)
			}
		}
	}
	for len(todo) > 0 {
		c := all[todo[0]]
		todo = todo[1:]
		for _, n := range c.depends {
			for _, i := range by[n] {
				take(i)
			}
		}
	}
	return in
}
