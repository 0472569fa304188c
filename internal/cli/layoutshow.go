//go:build !front

package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance/intoto"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

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
		return env, nil, diag.Errorf(codeLayout, "`%s`: %w", path, failure).WithHelp(Name + " explain " + string(codeLayout))
	}
	return env, l, nil
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
	who := l.Identities()
	for _, s := range l.Steps() {
		for i, id := range s.Functionaries {
			if is, ok := who[id]; ok {
				s.Functionaries[i] = diag.Printable(trust.Party{Identity: is}.String())
			}
		}
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
