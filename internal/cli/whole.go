//go:build !front

package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/builder"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/signing"
)

// front: this is the program with every verb; front.go is about the other one.
const front = false

// commands lists the verbs, then the nouns.
func (a *app) commands() []*cobra.Command {
	return []*cobra.Command{
		a.initCommand(), a.checkCommand(), a.lockCommand(),
		a.buildCommand(), a.diffCommand(), a.explainCommand(),
		a.verifyCommand(), a.auditCommand(), a.decoyCommand(), a.waiveCommand(), a.breakGlassCommand(), a.linkCommand(), a.showCommand(), a.denyCommand(), a.indexCommand(), a.drillCommand(),
		a.keyCommand(), a.trustCommand(), a.policyCommand(), a.layoutCommand(), a.schemaCommand(), a.buildersCommand(), a.storeCommand(), a.registryCommand(),
		a.doctorCommand(), a.versionCommand(), a.builderCommand(),
	}
}

// stepLog shows the end of what a failed step printed.
func (a *app) stepLog(err error) {
	var f *builder.StepFailure
	if !errors.As(err, &f) {
		return
	}
	if strings.TrimSpace(strings.Join(f.Log, "")) != "" {
		fmt.Fprintf(a.Err, "\nthe end of the step's output:\n")
		for _, l := range f.Log {
			fmt.Fprintf(a.Err, "  | %s\n", diag.Printable(l))
		}
	}
	if len(f.Also) > 0 {
		a.render(f.Also)
	}
}

// needsWhole is never true of the whole program.
func needsWhole(err error) bool { return errors.Is(err, errWhole) }

func loadRoot(path string) (*signing.Root, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the user's own file
	if err != nil {
		return nil, usage("reading the trusted root: %v", err)
	}
	return signing.LoadRoot(data)
}
