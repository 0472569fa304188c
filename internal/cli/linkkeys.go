//go:build !front

package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/selfsame-build/selfsame/builder"
	"github.com/selfsame-build/selfsame/provenance/intoto"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// linkFlags are --link-key and --links, which every command has whose steps may be in an in-toto layout.
type linkFlags struct {
	keys []string
	dir  string
	// steps are those that the command does; those of them that are in vouch are signed only by name.
	steps, vouch []string
}

func (l *linkFlags) add(f *pflag.FlagSet) {
	own := slices.DeleteFunc(slices.Clone(l.steps), func(s string) bool { return slices.Contains(l.vouch, s) })
	f.StringArrayVar(&l.keys, "link-key", nil, "private key that signs in-toto links, `[STEP,...=]FILE`: of the steps "+strings.Join(l.steps, ", ")+
		"; without STEP of "+strings.Join(own, ", ")+", as far as no other key is named for them")
	f.StringVar(&l.dir, "links", "", "folder of links that are kept until there is an image (default: "+builder.LinksFolder+" beside the recipe)")
}

// signers loads the keys, each file once, before anything is done that would be lost without them.
func (l *linkFlags) signers(ctx context.Context, a *app) (builder.Links, error) {
	out := builder.Links{Dir: l.dir}
	if len(l.keys) == 0 {
		return out, nil
	}
	loaded, by := map[string]*signing.Signer{}, map[string]*signing.Signer{}
	for _, spec := range l.keys {
		steps, path, err := l.parse(spec)
		if err != nil {
			return out, err
		}
		if loaded[path] == nil {
			if loaded[path], err = a.openKey(ctx, path, trust.Functionary); err != nil {
				return out, err
			}
		}
		for _, s := range steps {
			if by[s] != nil {
				return out, usage("--link-key names two keys for step %s: one functionary signs here, others where they are", s)
			}
			by[s] = loaded[path]
		}
	}
	out.Signer = func(step string) *signing.Signer { return by[step] }
	return out, nil
}

// files are the keys that lie in files.
func (l *linkFlags) files() []string {
	var out []string
	for _, spec := range l.keys {
		if _, key, err := l.parse(spec); err == nil {
			out = append(out, keyFiles(key)...)
		}
	}
	return out
}

// keyFiles is the file that a key lies in, if it lies in one.
func keyFiles(name string) []string {
	ref, err := signing.ParseRef(name)
	if name == "" || err != nil || ref.File == "" {
		return nil
	}
	return []string{ref.File}
}

// stepsAndKey cuts [STEP,...=]KEY. The name of a key on a token or in a KMS has `=` of its own, behind a colon.
func stepsAndKey(spec string) (steps, key string, named bool) {
	steps, key, named = strings.Cut(spec, "=")
	if !named || strings.Contains(steps, ":") {
		return "", spec, false
	}
	return steps, key, true
}

// names says whether a step is named by itself.
func (l *linkFlags) names(step string) bool {
	return slices.ContainsFunc(l.keys, func(k string) bool {
		list, _, named := stepsAndKey(k)
		return named && slices.Contains(strings.Split(list, ","), step)
	})
}

// parse reads [STEP,...=]FILE. Without a step it means all that the command does by itself and that nobody else is named for.
func (l *linkFlags) parse(spec string) (steps []string, path string, err error) {
	list, path, named := stepsAndKey(spec)
	steps = strings.Split(list, ",")
	switch {
	case !named && spec != "":
		steps = nil
		for _, s := range l.steps {
			if !slices.Contains(l.vouch, s) && !l.names(s) {
				steps = append(steps, s)
			}
		}
		return steps, path, nil
	case path != "" && !slices.ContainsFunc(steps, func(s string) bool { return !slices.Contains(l.steps, s) }):
		return steps, path, nil
	}
	return nil, "", usage("--link-key %s: write FILE or STEP,...=FILE, where STEP is one of %s", spec, strings.Join(l.steps, ", "))
}

// The steps of lock and build. Who vouches for the source says so by name.
func lockLinks() linkFlags {
	return linkFlags{steps: []string{intoto.StepSource, intoto.StepLock}, vouch: []string{intoto.StepSource}}
}

func buildLinks() linkFlags {
	return linkFlags{steps: []string{intoto.StepBuildA, intoto.StepBuildB, intoto.StepCompare, intoto.StepSign}}
}
