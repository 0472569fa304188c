//go:build !front

package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance/intoto"
	"github.com/selfsame-build/selfsame/trust"
)

// codeLayout is a layout that cannot be used; internal/diag/codes_layout.go has its page.
const codeLayout diag.Code = "A0570"

func (a *app) layoutCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "layout", GroupID: "nouns", Short: "Write, sign and read in-toto layouts: who may do which step of a pipeline", Args: cobra.NoArgs}
	cmd.AddCommand(a.layoutNewCommand(), a.layoutSignCommand(), a.layoutShowCommand())
	return cmd
}

type layoutFlags struct {
	functionaries, thresholds []string
	identities, issuers       []string
	expires, readme, out      string
}

func (a *app) layoutNewCommand() *cobra.Command {
	var f layoutFlags
	cmd := &cobra.Command{
		Use: "new {--functionary [STEP,...=]KEY.pub | --functionary-identity [STEP,...=]SUBJECT}...", Short: "Write the standard layout of selfsame's steps, unsigned",
		Long: `Write an in-toto layout for the steps lock, build-a, build-b, compare and sign, each of which takes what the one before made and nothing
else. A functionary is a public key whose signature counts for the steps that are named, or for all these five; or an identity, by its
subject and who vouches for it. The step source comes first if it has a functionary; any other name is a step after sign.`,
		Example: "  selfsame layout new --functionary ci.pub --out layout.json\n" +
			"  selfsame layout new --functionary lock,build-a,build-b,compare=ci.pub --functionary sign=signer.pub --functionary source,lock=alice.pub --threshold lock=2\n" +
			"  selfsame layout new --functionary ci.pub --functionary-identity scan=scanner@example.com --functionary-issuer https://login.example.com",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.newLayout(cmd.Context(), f) },
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&f.functionaries, "functionary", nil, "public key whose links of these steps count, `[STEP,...=]FILE`")
	fl.StringArrayVar(&f.identities, "functionary-identity", nil, "subject (mail address or URI) whose keyless links of these steps count, `[STEP,...=]SUBJECT`, exactly; needs --functionary-issuer")
	fl.StringArrayVar(&f.issuers, "functionary-issuer", nil, "who vouches for the identity, exactly: one for all identities, or one for each --functionary-identity in order")
	fl.StringArrayVar(&f.thresholds, "threshold", nil, "how many functionaries a step takes, `STEP=N` (default: 1)")
	fl.StringVar(&f.expires, "expires", "365d", "when the layout ends to count: days from now or a `TIME` such as 2027-01-31T00:00:00Z")
	fl.StringVar(&f.readme, "readme", "", "text for people who read the layout")
	fl.StringVar(&f.out, "out", "", "file to write (default: stdout)")
	return cmd
}

func (a *app) newLayout(ctx context.Context, f layoutFlags) error {
	switch n := len(f.identities); {
	case len(f.functionaries)+n == 0:
		return usage("`layout new` needs --functionary or --functionary-identity: somebody must do the steps")
	case (n > 0 || len(f.issuers) > 0) && len(f.issuers) != 1 && len(f.issuers) != n || n == 0 && len(f.issuers) > 0:
		return usage("%d identities and %d times --functionary-issuer: give one for all, or one for each --functionary-identity", n, len(f.issuers))
	}
	std := intoto.Standard{Readme: f.readme, Thresholds: map[string]int{}}
	for _, spec := range f.functionaries {
		steps, path, named := stepsAndKey(spec)
		if !named {
			steps, path = "", spec
		}
		keys, err := a.verifiers(ctx, []string{path})
		if err != nil {
			return err
		}
		for _, step := range strings.Split(steps, ",") {
			std.Functionaries = append(std.Functionaries, intoto.Functionary{Step: step, PEM: keys[0].PEM()})
		}
	}
	for i, spec := range f.identities {
		steps, subject, named := stepsAndKey(spec)
		if !named {
			steps, subject = "", spec
		}
		who := trust.Identity{Issuer: f.issuers[min(i, len(f.issuers)-1)], Subject: subject}
		for _, step := range strings.Split(steps, ",") {
			std.Functionaries = append(std.Functionaries, intoto.Functionary{Step: step, Identity: who})
		}
	}
	for _, spec := range f.thresholds {
		step, n, _ := strings.Cut(spec, "=")
		count, err := strconv.Atoi(n)
		if err != nil || count < 1 {
			return usage("--threshold %s: write STEP=N", spec)
		}
		std.Thresholds[step] = count
	}
	var err error
	if std.Expires, err = expiry(f.expires, time.Now()); err != nil {
		return err
	}
	raw, err := std.Layout()
	if err != nil {
		return usage("%v", err)
	}
	if f.out == "" {
		_, err := a.Out.Write(raw)
		return err
	}
	if err := atomicfile.Write(f.out, raw, 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.Out, f.out)
	return err
}

// expiry reads when something ends: days from now, or a time.
func expiry(text string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n <= 36_500 {
			return now.AddDate(0, 0, n), nil
		}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, usage("--expires %s: write days (365d) or a time (2027-01-31T00:00:00Z)", text)
	}
	return t, nil
}

func (a *app) layoutSignCommand() *cobra.Command {
	var keys []string
	cmd := &cobra.Command{
		Use: "sign FILE --key OWNER.key", Short: "Sign a layout as its owner; the file is replaced by the signed one",
		Long: `Sign the layout in FILE, which becomes a DSSE envelope as in-toto's tools read it. Each owner signs in turn; signatures that are there
already stay, and selfsame verify --layout-key demands each of those that it names.`,
		Example: "  selfsame layout sign layout.json --key owner.key",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.signLayout(cmd, args[0], keys) },
	}
	cmd.Flags().StringArrayVar(&keys, "key", nil, "private key of an owner: a file, pkcs11:... or NAME://... (password or PIN: SELFSAME_KEY_PASSWORD, or asked for)")
	return cmd
}

func (a *app) signLayout(cmd *cobra.Command, path string, keys []string) error {
	if len(keys) == 0 {
		return usage("`layout sign` needs --key")
	}
	env, _, err := readLayout(path)
	if err != nil {
		return err
	}
	for _, k := range keys {
		s, err := a.openKey(cmd.Context(), k, trust.Functionary)
		if err != nil {
			return err
		}
		id, err := intoto.KeyID(s.Verifier().PEM())
		if err != nil {
			return err
		}
		if env, err = env.Sign(cmd.Context(), s, id); err != nil {
			return err
		}
	}
	raw, err := env.JSON()
	if err != nil {
		return err
	}
	if err := atomicfile.Write(path, raw, 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Out, "%s signed by %s\n", path, diag.Counted(len(env.KeyIDs()), "owner", "owners"))
	return err
}
