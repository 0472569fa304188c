//go:build !front

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/verify"
)

func (a *app) policyEval() *cobra.Command {
	var f evidenceFlags
	var save string
	cmd := &cobra.Command{Use: "eval REF|LAYOUT|EVIDENCE... --policy FILE|REF", Short: "Evaluate a policy for images, rule by rule", Args: cobra.MinimumNArgs(1),
		Long: `Evaluate a policy for images: in a registry, in a layout on disk, or as evidence that --save wrote. --at asks the rules as of another
time, such as the day on which one of them begins to be in force; the evidence stays today's. The exit code is the verdict's, of several the
worst.`,
		Example: "  selfsame policy eval registry.example.com/team/shop:v1 --policy policy.yaml --trust trust.yaml\n" +
			"  selfsame policy eval registry.example.com/team/shop:v1 --policy policy.yaml --trust trust.yaml --at 2027-01-31\n" +
			"  selfsame policy eval evidence.json --policy policy.yaml --json",
		RunE: func(cmd *cobra.Command, args []string) error { return a.runPolicyEval(cmd.Context(), args, f, save) }}
	f.register(cmd.Flags())
	f.policy.register(cmd.Flags())
	cmd.Flags().StringVar(&save, "save", "", "write the evidence of one image to this file, for eval, diff and cases")
	return cmd
}

func (a *app) runPolicyEval(ctx context.Context, args []string, f evidenceFlags, save string) error {
	all, by, err := a.asked(ctx, args, f)
	if err != nil {
		return err
	}
	if save != "" {
		if len(all) != 1 {
			return usage("--save writes the evidence of one image")
		}
		data, err := json.MarshalIndent(all[0], "", "  ")
		if err == nil {
			err = atomicfile.Write(save, append(data, '\n'), 0o644)
		}
		if err != nil {
			return err
		}
	}
	out, worst := []policy.Verdict{}, 0
	for i := range all {
		v := by.policy.Decide(ctx, &all[i], by.at)
		out, worst = append(out, v), worse(worst, v.ExitCode)
	}
	if a.global.json {
		return a.shown(worst, json.NewEncoder(a.Out).Encode(struct {
			SchemaVersion int              `json:"schemaVersion"`
			Images        []policy.Verdict `json:"images"`
		}{1, out}))
	}
	for _, v := range out {
		word := "deny"
		if v.Allow {
			word = "allow"
		}
		fmt.Fprintf(a.Out, "%s %s@%s\n", word, diag.Printable(v.Image.Name), v.Image.Digest)
		if err := verify.PolicyText(a.Out, v); err != nil {
			return err
		}
	}
	return a.shown(worst, nil)
}

// asked is the evidence, and a policy that must be there.
func (a *app) asked(ctx context.Context, args []string, f evidenceFlags) ([]policy.Evidence, decider, error) {
	all, _, by, err := a.evidence(ctx, args, f)
	if err != nil {
		return nil, by, err
	}
	if by.policy == nil {
		return nil, by, usage("--policy is missing, and no trust file names one")
	}
	for i := range all {
		if by.future {
			all[i].NotAfter = time.Time{} // it is today's evidence
		}
	}
	return all, by, nil
}

// shown is the exit code of what was printed.
func (a *app) shown(code int, err error) error {
	if err != nil || code == 0 {
		return err
	}
	return shownError(code)
}

func (a *app) policyExplain() *cobra.Command {
	var f evidenceFlags
	cmd := &cobra.Command{Use: "explain REF|LAYOUT|EVIDENCE... --policy FILE|REF", Short: "Explain why a policy allows or denies images, part by part", Args: cobra.MinimumNArgs(1),
		Long: `Say why a policy allows or denies an image: every rule, and of one that fails each part of its expression with what it came to, down to
the entry of a list that was not as demanded. The exit code is the verdict's.`,
		Example: "  selfsame policy explain registry.example.com/team/shop:v1 --policy policy.yaml --trust trust.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			all, by, err := a.asked(cmd.Context(), args, f)
			if err != nil {
				return err
			}
			out, worst := []policy.Explanation{}, 0
			for i := range all {
				x := by.policy.Explain(cmd.Context(), &all[i], by.at)
				out, worst = append(out, x), worse(worst, x.Verdict.ExitCode)
			}
			if a.global.json {
				return a.shown(worst, json.NewEncoder(a.Out).Encode(struct {
					SchemaVersion int                  `json:"schemaVersion"`
					Images        []policy.Explanation `json:"images"`
				}{1, out}))
			}
			for _, x := range out {
				fmt.Fprint(a.Out, x.Text())
			}
			return a.shown(worst, nil)
		}}
	f.register(cmd.Flags())
	f.policy.register(cmd.Flags())
	return cmd
}

func (a *app) policyDiff() *cobra.Command {
	var f evidenceFlags
	cmd := &cobra.Command{Use: "diff OLD NEW REF|LAYOUT|EVIDENCE...", Short: "List the images whose verdict another policy would change", Args: cobra.MinimumNArgs(3),
		Long: `Have two policies decide over the same evidence, and show the images of which a verdict or a rule changes. OLD and NEW are files, or
references of signed policies with --policy-key or --policy-identity. Exit 0 if no verdict changes, 13 if one does.`,
		Example: "  selfsame policy diff policy.yaml policy-next.yaml evidence/*.json\n" +
			"  selfsame policy diff registry.example.com/ops/policy policy-next.yaml registry.example.com/team/shop:v1 --policy-key policy.pub --trust trust.yaml",
		RunE: func(cmd *cobra.Command, args []string) error { return a.runPolicyDiff(cmd.Context(), args, f) }}
	f.register(cmd.Flags())
	fl := cmd.Flags()
	f.policy.by.registerBeside(fl, "policy", "whoever must have signed a policy that is no plain file")
	fl.StringVar(&f.policy.time, "at", "", "ask the rules as of this time (2026-01-31 or 2026-01-31T12:00:00Z)")
	return cmd
}

func (a *app) runPolicyDiff(ctx context.Context, args []string, f evidenceFlags) error {
	at, err := f.policy.now()
	if err != nil {
		return err
	}
	by := f.policy.by
	future := f.policy.time != ""
	f.policy = policyFlags{none: true}
	all, o, _, err := a.evidence(ctx, args[2:], f)
	if err != nil {
		return err
	}
	var both [2]*policy.Policy
	c := a.registry(registry.Options{})
	for i := range both {
		place, err := a.policyPlace(ctx, policyFlags{at: args[i], by: by})
		if err != nil {
			return err
		}
		// The older one of two that are compared may be older than what was seen.
		if both[i], err = a.readPolicy(ctx, a.policySetup(c, place, true), o); err != nil {
			return err
		}
	}
	for i := range all {
		if future {
			all[i].NotAfter = time.Time{} // it is today's evidence
		}
	}
	changes, err := policy.Diff(ctx, both[0], both[1], all, at)
	if err != nil {
		return err
	}
	code := 0
	for _, c := range changes {
		if c.Flips() {
			code = diag.ExitNotReproducible
		}
	}
	if a.global.json {
		if changes == nil {
			changes = []policy.Change{}
		}
		return a.shown(code, json.NewEncoder(a.Out).Encode(struct {
			SchemaVersion int             `json:"schemaVersion"`
			Images        int             `json:"images"`
			Changes       []policy.Change `json:"changes"`
		}{1, len(all), changes}))
	}
	_, err = fmt.Fprint(a.Out, policy.DiffText(changes, len(all)))
	return a.shown(code, err)
}
