//go:build !front

package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/selfsame-build/selfsame/builder"
	"github.com/selfsame-build/selfsame/provenance/intoto"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// linkFlags are --link-key, --link-identity-token and --links, which every command has whose steps may be in an in-toto layout.
type linkFlags struct {
	keys, tokens []string
	dir          string
	// by is the instance of sigstore that vouches for whom the tokens name.
	by keylessFlags
	// steps are those that the command does; those of them that are in vouch are signed only by name.
	steps, vouch []string
}

func (l *linkFlags) add(f *pflag.FlagSet) {
	own := slices.DeleteFunc(slices.Clone(l.steps), func(s string) bool { return slices.Contains(l.vouch, s) })
	f.StringArrayVar(&l.keys, "link-key", nil, "private key (a file, pkcs11:... or NAME://...) that signs in-toto links, as `[STEP,...=]KEY`; the steps are "+strings.Join(l.steps, ", ")+
		"; without STEP: those of "+strings.Join(own, ", ")+" for which no other key is given")
	f.StringArrayVar(&l.tokens, "link-identity-token", nil, "file with the token of an identity that signs links without a key, `[STEP,...=]FILE` as for --link-key; needs --signing-config and --trusted-root")
	f.StringVar(&l.dir, "links", "", "folder that keeps links until there is an image (default: "+builder.LinksFolder+" beside the recipe)")
}

// addInstance is for commands that sign nothing else, and so do not name an instance of sigstore yet.
func (l *linkFlags) addInstance(cmd *cobra.Command) {
	l.by.cmd = cmd
	f := cmd.Flags()
	f.StringVar(&l.by.config, "signing-config", "", "signing_config.json of the instance that vouches for --link-identity-token, and says when a --link-key signed")
	f.StringVar(&l.by.root, "trusted-root", "", "its trusted_root.json: its answers are checked against it")
}

// signers opens the keys, each once, before anything is done that would be lost without them.
func (l *linkFlags) signers(ctx context.Context, a *app) (builder.Links, error) {
	out := builder.Links{Dir: l.dir}
	if len(l.keys)+len(l.tokens) == 0 {
		return out, nil
	}
	by := map[string]*signing.Signer{}
	name := func(specs []string, flag string, open func(string) (*signing.Signer, error)) error {
		loaded := map[string]*signing.Signer{}
		for _, spec := range specs {
			steps, what, err := l.parse(flag, spec)
			if err != nil {
				return err
			}
			if loaded[what] == nil {
				if loaded[what], err = open(what); err != nil {
					return err
				}
			}
			for _, s := range steps {
				if by[s] != nil {
					return usage("%s names two keys or identities for step %s: one functionary signs here, others where they are", flag, s)
				}
				by[s] = loaded[what]
			}
		}
		return nil
	}
	if err := name(l.keys, "--link-key", func(key string) (*signing.Signer, error) { return l.keyed(ctx, a, key) }); err != nil {
		return out, err
	}
	if err := name(l.tokens, "--link-identity-token", func(file string) (*signing.Signer, error) { return l.keyless(ctx, a, file) }); err != nil {
		return out, err
	}
	out.Signer = func(step string) *signing.Signer { return by[step] }
	return out, nil
}

// keyed is the signer with that key. The instance that is named says when it signs, as beside any key.
func (l *linkFlags) keyed(ctx context.Context, a *app, key string) (*signing.Signer, error) {
	return a.openSigner(ctx, key, keylessFlags{config: l.by.config, root: l.by.root, cmd: l.by.cmd}, trust.Functionary)
}

// keyless is the signer whom a token names. An instance that nobody named is as wrong as for whatever else is signed without a key.
func (l *linkFlags) keyless(ctx context.Context, a *app, token string) (*signing.Signer, error) {
	k := keylessFlags{on: true, token: token, config: l.by.config, root: l.by.root, cmd: l.by.cmd, flag: "--link-identity-token " + token}
	return a.openSigner(ctx, "", k, trust.Functionary)
}

// apartFrom refuses for links the key, or the identity, that releases: a link says that a step was done and not how it ended, and stock cosign
// takes whatever a release key has signed for an approval. key opens that key; nil where the release is signed without one.
func (l *linkFlags) apartFrom(a *app, links builder.Links, key func() (*signing.Signer, error), release keylessFlags) error {
	if key != nil && len(l.keys) > 0 {
		releases, err := key()
		if err != nil {
			return err
		}
		for _, step := range l.steps {
			if s := links.Signer(step); s != nil && s.Key() == releases.Key() {
				return usage("--key and --link-key are one key, and each role has a key of its own").WithHelp("selfsame key new --out " + step)
			}
		}
	}
	if !release.on {
		return nil
	}
	for _, spec := range l.tokens {
		link := release
		var err error
		if _, link.token, err = l.parse("--link-identity-token", spec); err == nil {
			err = a.apart(release, link, "--link-identity-token")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// files are the keys that lie in files, and the tokens.
func (l *linkFlags) files() []string {
	var out []string
	for _, spec := range l.keys {
		if _, key, err := l.parse("", spec); err == nil {
			out = append(out, keyFiles(key)...)
		}
	}
	for _, spec := range l.tokens {
		if _, file, err := l.parse("", spec); err == nil {
			out = append(out, file)
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
	return slices.ContainsFunc(slices.Concat(l.keys, l.tokens), func(k string) bool {
		list, _, named := stepsAndKey(k)
		return named && slices.Contains(strings.Split(list, ","), step)
	})
}

// parse reads [STEP,...=]KEY, or FILE. Without a step it means all that the command does by itself and that nobody else is named for.
func (l *linkFlags) parse(flag, spec string) (steps []string, path string, err error) {
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
	return nil, "", usage("%s %s: write FILE or STEP,...=FILE, where STEP is one of %s", flag, spec, strings.Join(l.steps, ", "))
}

// The steps of lock and build. Who vouches for the source says so by name.
func lockLinks() linkFlags {
	return linkFlags{steps: []string{intoto.StepSource, intoto.StepLock}, vouch: []string{intoto.StepSource}}
}

func buildLinks() linkFlags {
	return linkFlags{steps: []string{intoto.StepBuildA, intoto.StepBuildB, intoto.StepCompare, intoto.StepSign}}
}
