//go:build !front

package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// silent are flags of an audit that say nothing where others are given, or are not. They are refused: whoever gives one expects something of it.
type silent struct {
	where func(auditFlags) bool
	// flags are the ones that say nothing there or, with but, the only ones that say something.
	flags []string
	but   bool
	why   string
}

var silences = []silent{
	{
		where: func(f auditFlags) bool { return f.untrusted }, but: true,
		flags: []string{"untrusted", "refetch", "private", "recipe", "timeout"},
		why:   "--untrusted builds nothing, nobody signed what it reads, and there is nothing to sign or to attach",
	},
	{
		where: func(f auditFlags) bool { return f.watch.File == "" }, flags: []string{"every", "once", "watch-state"},
		why: "one image is audited once, without --watch FILE",
	},
	{
		where: func(f auditFlags) bool { return f.watch.File != "" }, flags: []string{"report"},
		why: "a report is about one image, and --watch audits many",
	},
	{
		where: func(f auditFlags) bool { return !f.Refetch && f.recipe == "" }, flags: []string{"private"},
		why: "nobody on a private network is asked without --refetch, nor named without --recipe",
	},
	{
		where: func(f auditFlags) bool { return f.trust != "" },
		flags: []string{"release-key", "certificate-identity", "certificate-identity-regexp", "certificate-oidc-issuer"},
		why:   "the trust file says who may release",
	},
	{
		where: func(f auditFlags) bool { return f.fresh.denyList == "" }, flags: []string{"deny-minimum", "deny-max-age"},
		why: "they are about --deny-list; a trust file says as much of its own list",
	},
	{
		where: func(f auditFlags) bool { return f.fresh.denyList == "" && f.trust == "" }, flags: []string{"stateless"},
		why: "no deny list is asked without --deny-list or --trust",
	},
}

// check is about the command line alone.
func (f auditFlags) check(cmd *cobra.Command, args []string) error {
	switch {
	case (len(args) == 1) == (f.watch.File != ""):
		return usage("`audit` takes an image or --watch FILE")
	case sameKey(f.key, f.findingKey):
		return usage("--key and --finding-key are one file, and each role has a key of its own")
	case f.untrusted && f.watch.File != "":
		return usage("--untrusted reads one image, and --watch audits many")
	case f.Out == "" && !f.untrusted: // what is not signed is written there, also with --push; nobody is to learn that after the build
		return usage("--out names a folder")
	case f.recipe != "" && !f.untrusted:
		return usage("--recipe goes with --untrusted: an image of selfsame's has its recipe in its seal")
	}
	for _, s := range silences {
		if given := s.given(cmd.LocalFlags()); len(given) > 0 && s.where(f) {
			return usage("%s would say nothing: %s", strings.Join(given, ", "), s.why)
		}
	}
	return nil
}

// given are the flags of s that are set, as they are written.
func (s silent) given(fl *pflag.FlagSet) []string {
	var out []string
	fl.VisitAll(func(f *pflag.Flag) {
		if f.Changed && slices.Contains(s.flags, f.Name) != s.but {
			out = append(out, "--"+f.Name)
		}
	})
	return out
}
