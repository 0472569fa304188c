package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance/intoto"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/verify"
)

// codeLayout is a layout that cannot be used; internal/diag/codes_layout.go has its page.
const codeLayout diag.Code = "A0550"

func (a *app) layoutCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "layout", GroupID: "nouns", Short: "Write, sign and read in-toto layouts: who may do which step of a pipeline", Args: cobra.NoArgs}
	cmd.AddCommand(a.layoutNewCommand(), a.layoutSignCommand(), a.layoutShowCommand())
	return cmd
}

type layoutFlags struct {
	functionaries, thresholds []string
	expires, readme, out      string
}

func (a *app) layoutNewCommand() *cobra.Command {
	var f layoutFlags
	cmd := &cobra.Command{
		Use: "new --functionary [STEP,...=]KEY.pub", Short: "Write the standard layout of selfsame's steps, unsigned",
		Long: `Write an in-toto layout for the steps lock, build-a, build-b, compare and sign, each of which takes what the one before made and nothing
else. A functionary is a public key whose signature counts for the steps that are named, or for all these five. The step source comes
first if it has a functionary; any other name is a step after sign.`,
		Example: "  selfsame layout new --functionary ci.pub --out layout.json\n" +
			"  selfsame layout new --functionary lock,build-a,build-b,compare=ci.pub --functionary sign=release.pub --functionary source,lock=alice.pub --threshold lock=2",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.newLayout(f) },
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&f.functionaries, "functionary", nil, "public key whose links of these steps count, `[STEP,...=]FILE`")
	fl.StringArrayVar(&f.thresholds, "threshold", nil, "how many functionaries a step takes, `STEP=N` (default: 1)")
	fl.StringVar(&f.expires, "expires", "365d", "when the layout ends to count: days from now or a `TIME` such as 2027-01-31T00:00:00Z")
	fl.StringVar(&f.readme, "readme", "", "text for people who read the layout")
	fl.StringVar(&f.out, "out", "", "file to write (default: stdout)")
	return cmd
}

func (a *app) newLayout(f layoutFlags) error {
	if len(f.functionaries) == 0 {
		return usage("`layout new` needs --functionary: somebody must do the steps")
	}
	std := intoto.Standard{Readme: f.readme, Thresholds: map[string]int{}}
	for _, spec := range f.functionaries {
		steps, path, named := strings.Cut(spec, "=")
		if !named {
			steps, path = "", spec
		}
		keys, err := verifiers([]string{path})
		if err != nil {
			return err
		}
		for _, step := range strings.Split(steps, ",") {
			std.Functionaries = append(std.Functionaries, intoto.Functionary{Step: step, PEM: keys[0].PEM()})
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
	cmd.Flags().StringArrayVar(&keys, "key", nil, "private key of an owner (password: SELFSAME_KEY_PASSWORD, or asked for)")
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
		s, err := a.loadSigner(k)
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
	_, err = fmt.Fprintf(a.Out, "%s signed by %d owner(s)\n", path, len(env.KeyIDs()))
	return err
}

// readLayout reads a layout that may be signed, and verifies nothing.
func readLayout(path string) (signing.Envelope, *intoto.Layout, error) {
	data, err := readBounded(path, signing.MaxEnvelope)
	if err != nil {
		return signing.Envelope{}, nil, usage("reading the layout: %v", err)
	}
	env, err := signing.ParseEnvelope(data)
	if err != nil { // not signed yet
		env = signing.NewEnvelope(data)
	}
	l, failure := intoto.Parse(env.Payload)
	if failure != nil {
		return env, nil, diag.Errorf(codeLayout, "%w", failure).WithHelp(Name + " explain " + string(codeLayout))
	}
	return env, l, nil
}

// readBounded reads a file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errors.New("it is too large")
	}
	return data, err
}

func (a *app) layoutShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show FILE", Short: "Show a layout's steps, functionaries and rules; verifies nothing", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.showLayout(args[0]) },
	}
}

func (a *app) showLayout(path string) error {
	env, l, err := readLayout(path)
	if err != nil {
		return err
	}
	if a.global.json { // the layout has a format of its own already
		_, err := fmt.Fprintf(a.Out, "%s\n", strings.TrimSpace(string(env.Payload)))
		return err
	}
	t := tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
	signed := "by nobody"
	if ids := env.KeyIDs(); len(ids) > 0 {
		signed = "by " + strings.Join(ids, ", ") + " (not verified)"
	}
	fmt.Fprintf(t, "expires\t%s\nsigned\t%s\n", l.Expires().Format(time.RFC3339), diag.Printable(signed))
	if l.Readme() != "" {
		fmt.Fprintf(t, "readme\t%s\n", diag.Printable(strings.ReplaceAll(l.Readme(), "\n", " ")))
	}
	for _, s := range l.Steps() {
		fmt.Fprintf(t, "\n%s\t%d of %s\n", s.Name, s.Threshold, strings.Join(s.Functionaries, ", "))
		for _, r := range s.Materials {
			fmt.Fprintf(t, "  material\t%s\n", r)
		}
		for _, r := range s.Products {
			fmt.Fprintf(t, "  product\t%s\n", r)
		}
	}
	return t.Flush()
}

// openLayout reads the layout that an image is verified by; no path: there is none.
func openLayout(path string, owners []string) (*verify.Layout, error) {
	switch {
	case path == "" && len(owners) > 0:
		return nil, usage("--layout-key without --layout")
	case path == "":
		return nil, nil
	case len(owners) == 0:
		return nil, usage("--layout needs --layout-key: without its owner's key, anybody's layout would do")
	}
	keys, err := verifiers(owners)
	if err != nil {
		return nil, err
	}
	data, err := readBounded(path, signing.MaxEnvelope)
	if err != nil {
		return nil, usage("reading the layout: %v", err)
	}
	return verify.OpenLayout(data, keys, time.Now())
}
