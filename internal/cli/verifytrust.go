package cli

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify"
	"github.com/selfsame-build/selfsame/verify/ground"
)

// trustFlags are verify's flags for whose word counts, how many have to agree, and what is handed on.
type trustFlags struct {
	file, roster, level, bundles string
	demand                       trust.Demand
	summary                      summaryFlags
}

func (f *trustFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.file, "trust", "", "trust file: whose word counts, for what")
	fl.StringVar(&f.roster, "roster", "", "roster: who may say that an image was built again")
	fl.StringVar(&f.level, "min-level", "", "least SLSA build level (L1, L2 or L3) that the trust file gives signer and builder")
	fl.IntVar(&f.demand.Owners, "rebuilders", 0, "how many owners must have built the image again with the same result")
	fl.IntVar(&f.demand.Environments, "rebuilder-environments", 0, "how many classes of environments they must sit in")
	fl.IntVar(&f.demand.Refetched, "rebuilders-refetched", 0, "how many of them must have fetched the inputs anew")
	fl.BoolVar(&f.demand.IncludeOriginal, "include-original", false, "count who made the image as one of them")
	fl.StringVar(&f.bundles, "bundles", "", "folder of bundle files to take the evidence from")
	fl.StringVar(&f.summary.vsa, "vsa", "", "write a SLSA verification summary to this file")
	fl.StringVar(&f.summary.reproduced, "vsa-reproduced", "", "write one that says SLSA_BUILD_REPRODUCED to this file")
	fl.StringVar(&f.summary.svr, "svr", "", "write an in-toto simple verification result to this file")
	fl.StringVar(&f.summary.verifier, "verifier", provenance.VerifierID, "who verifies, as summaries name it")
	fl.StringVar(&f.summary.key, "sign-with", "", "private key (a file, pkcs11:... or NAME://...) to sign summaries of a success with, or a verdict")
	f.summary.sign.registerBeside(cmd)
	f.summary.verdict.register(fl)
	fl.StringVar(&f.summary.format, "summary-format", "bundle", "how signed summaries are written: bundle (sigstore's) or dsse (the envelope alone)")
	fl.StringVar(&f.summary.findingBy, "finding-key", "", "private key (a file, pkcs11:... or NAME://...) to sign a failed verification summary with")
}

// setup is what the flags say of whose word counts.
func (f *trustFlags) setup() (ground.Setup, error) {
	s := ground.Setup{Trust: f.file, Roster: f.roster, Demand: f.demand, Now: time.Now}
	if f.level != "" {
		l := strings.TrimPrefix(strings.ToUpper(f.level), "L")
		if len(l) != 1 || l < "1" || l > "3" {
			return s, usage("--min-level %s: it is L1, L2 or L3", f.level)
		}
		s.MinLevel = trust.Level(l[0] - '0')
	}
	if f.demand != (trust.Demand{}) && f.roster == "" && f.file == "" {
		return s, usage("--rebuilders and its like need --roster or --trust: they say who is who")
	}
	return s, f.summary.check()
}

// load reads the files and lists that flags and trust file name.
func (a *app) load(ctx context.Context, s ground.Setup, base verify.Options) (ground.Loaded, error) {
	l, err := s.Load(ctx, base)
	switch { // before anything is shown
	case needsWhole(err):
		return l, err
	case front && l.Options.PolicyAt != nil:
		return l, errWhole
	}
	for _, w := range l.Warnings {
		a.warn(w)
	}
	return l, byFlags(s, err)
}

// byFlags is why a setup cannot be loaded, in the words of the flags that it was made of.
func byFlags(s ground.Setup, err error) error {
	switch {
	case errors.Is(err, ground.ErrTwoRoots):
		return usage("--trusted-root and `sigstore:` in %s: name one instance", s.Trust)
	case errors.Is(err, ground.ErrDenyRootless):
		return needsRoot("deny-identity")
	case errors.Is(err, ground.ErrIndexRootless):
		return needsRoot("release-index-identity")
	case errors.Is(err, ground.ErrTwoLists):
		return usage("the trust file names this list already; leave the flag out")
	}
	return err
}

// openEvidence opens the image and its evidence: where the image lies, or in the folder of --bundles.
func (f *trustFlags) open(ctx context.Context, c *registry.Client, ref string, o *verify.Options) error {
	if f.bundles == "" {
		return subjectAt(ctx, c, ref, o)
	}
	folder, err := verify.OpenFolder(f.bundles, nil)
	if err != nil {
		return err
	}
	name, hex, pinned := strings.Cut(ref, "@")
	if d := digest.Digest(hex); pinned && artifact.CheckDigest(d) == nil && folder.Has(d) {
		o.Source, o.Digest = folder, d
		if o.ExpectName == "" {
			o.ExpectName = name
		}
		return nil
	}
	if err := subjectAt(ctx, c, ref, o); err != nil {
		return err
	}
	o.Source = folder.With(o.Source)
	return nil
}

// forOne says what is of no use where several images are verified.
func (f *trustFlags) forOne() error {
	switch {
	case f.bundles != "":
		return usage("--bundles is a folder of evidence for one image")
	case f.summary.wanted():
		return usage("a summary or verdict is about one image")
	}
	return nil
}
