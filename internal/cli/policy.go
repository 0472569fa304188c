//go:build !front

package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/policy/cases"
	"github.com/selfsame-build/selfsame/policy/sigstore"
	"github.com/selfsame-build/selfsame/policy/starter"
)

func (a *app) policyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "policy", GroupID: "nouns", Short: "Write, test, evaluate and publish policies: what may run", Args: cobra.NoArgs,
		Long: `A policy is a file of rules in CEL over verified evidence (docs/reference/policy.md). What no rule is about is denied. "selfsame verify
--policy" decides by it, and selfsame-guard at admission, pull and start.`}
	cmd.AddCommand(a.policyNew(), a.policyCheck(), a.policyTest(), a.policyEval(), a.policyExplain(), a.policyDiff(), a.policyImport(), a.policyPush())
	return cmd
}

func (a *app) policyNew() *cobra.Command {
	var out string
	cmd := &cobra.Command{Use: "new [STARTER]", Short: "Write a policy to start from, with its cases; without an argument list them", Args: cobra.MaximumNArgs(1),
		Long: `Write a policy to start from, and the file of cases that stands beside it. Without an argument the policies to start from are listed. A
file that is there already stays.`,
		Example: "  selfsame policy new\n  selfsame policy new reproduced-here --out policy.yaml",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listStarters()
			}
			s, ok := starter.Get(args[0])
			if !ok {
				return usage("there is no policy `%s` to start from; there are: %s", args[0], strings.Join(starter.Names, ", "))
			}
			if err := a.writeNew(out, s.Policy); err != nil {
				return err
			}
			return a.writeNew(cases.Beside(out), s.Cases)
		}}
	cmd.Flags().StringVar(&out, "out", "policy.yaml", "the policy's file; its cases stand beside it, as in policy_test.yaml")
	return cmd
}

func (a *app) listStarters() error {
	type item struct {
		Name  string `json:"name"`
		Title string `json:"title"`
	}
	var all []item
	for _, name := range starter.Names {
		s, ok := starter.Get(name)
		if !ok {
			return fmt.Errorf("the policy %s to start from is missing", name)
		}
		if all = append(all, item{name, s.Title}); a.global.json {
			continue
		}
		if _, err := fmt.Fprintf(a.Out, "%-22s %s\n", name, s.Title); err != nil {
			return err
		}
	}
	if !a.global.json {
		return nil
	}
	return json.NewEncoder(a.Out).Encode(struct {
		SchemaVersion int    `json:"schemaVersion"`
		Policies      []item `json:"policies"`
	}{1, all})
}

// writeNew writes a file that is not there yet, and says its name.
func (a *app) writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // for others to read, as any source file
	if errors.Is(err, fs.ErrExist) {
		return usage("`%s` is there already", path).WithHelp("name another file, or move this one away")
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.Out, path)
	return err
}

func (a *app) policyCheck() *cobra.Command {
	var strict bool
	cmd := &cobra.Command{Use: "check FILE...", Short: "Read policies, and say what is wrong or looks wrong", Args: cobra.MinimumNArgs(1),
		Long: `Read policies. Errors are shown all at once, each at its place in the file; warnings are rules that are true of nothing at all, waivers
whose time is over, and the like. Exit 0 with warnings (10 with --strict), 10 with errors, 14 where the policy's own time is over.`,
		Example: "  selfsame policy check policy.yaml --strict",
		RunE:    func(_ *cobra.Command, args []string) error { return a.runPolicyCheck(args, strict) }}
	cmd.Flags().BoolVar(&strict, "strict", false, "fail with warnings, too")
	return cmd
}

// checkedPolicy is one that can be read.
type checkedPolicy struct {
	File    string `json:"file"`
	Name    string `json:"name"`
	Version int    `json:"version"`
}

func (a *app) runPolicyCheck(paths []string, strict bool) error {
	found, read := diag.List{}, []checkedPolicy{}
	for _, path := range paths {
		p, err := policy.Load(path)
		if err != nil {
			found = append(found, asList(err)...)
			continue
		}
		found = append(found, p.Check(time.Now())...)
		read = append(read, checkedPolicy{path, p.Edition().Name, p.Edition().Version})
	}
	if a.global.json {
		return a.jsonChecked(found, read, strict)
	}
	if err := found.Err(); err != nil {
		return err // with the warnings
	}
	for _, w := range found {
		a.warn(w)
	}
	for _, p := range read {
		fmt.Fprintf(a.Out, "%s: policy %s version %d\n", p.File, p.Name, p.Version)
	}
	if strict && len(found) > 0 {
		return shownError(diag.ExitUsage)
	}
	return nil
}

// jsonChecked prints what was found as findings of check; the exit codes are those of the text.
func (a *app) jsonChecked(found diag.List, read []checkedPolicy, strict bool) error {
	if err := json.NewEncoder(a.Out).Encode(struct {
		SchemaVersion int             `json:"schemaVersion"`
		Policies      []checkedPolicy `json:"policies"`
		Findings      diag.List       `json:"findings"`
	}{1, read, found}); err != nil {
		return err
	}
	switch err := found.Err(); {
	case err != nil:
		return shownError(diag.ExitCode(err))
	case strict && len(found) > 0:
		return shownError(diag.ExitUsage)
	}
	return nil
}

// asList is an error as diagnostics; one that is none is given the code of a policy that cannot be read.
func asList(err error) diag.List {
	if all := diag.All(err); len(all) > 0 {
		return all
	}
	return diag.List{diag.Errorf(diag.CodePolicyUnreadable, "%w", err)}
}

func (a *app) policyTest() *cobra.Command {
	var junit string
	cmd := &cobra.Command{Use: "test FILE...", Short: "Run the cases that stand beside a policy", Args: cobra.MinimumNArgs(1),
		Long: `Run the cases of a policy: examples of evidence, each with the verdict that is wanted. FILE is a policy, whose cases stand beside it
(policy_test.yaml for policy.yaml), or a file of cases. No network and no registry is needed. Exit 14 if a case does not end as wanted.`,
		Example: "  selfsame policy test policy.yaml\n  selfsame policy test policy.yaml --junit policy.junit.xml",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.runPolicyTest(cmd, args, junit) }}
	cmd.Flags().StringVar(&junit, "junit", "", "write JUnit XML to this file, too")
	return cmd
}

func (a *app) runPolicyTest(cmd *cobra.Command, args []string, junit string) error {
	all, failed := []cases.Results{}, 0
	for _, path := range args {
		if !strings.Contains(filepath.Base(path), "_test.") {
			path = cases.Beside(path)
		}
		set, err := cases.Load(path)
		if err != nil {
			return err
		}
		p, err := policy.Load(set.Policy)
		if err != nil {
			return err
		}
		r, err := cases.Run(cmd.Context(), p, set)
		if err != nil {
			return err
		}
		all, failed = append(all, r), failed+r.Failed
	}
	if junit != "" {
		data, err := cases.JUnit(all)
		if err == nil {
			err = os.WriteFile(junit, data, 0o644) //nolint:gosec // a report, for others to read
		}
		if err != nil {
			return err
		}
	}
	if err := a.showCases(all); err != nil {
		return err
	}
	if failed > 0 {
		return shownError(diag.ExitPolicy)
	}
	return nil
}

func (a *app) showCases(all []cases.Results) error {
	if a.global.json {
		return json.NewEncoder(a.Out).Encode(struct {
			SchemaVersion int             `json:"schemaVersion"`
			Files         []cases.Results `json:"files"`
		}{1, all})
	}
	for _, r := range all {
		if _, err := fmt.Fprint(a.Out, r.Text()); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) policyImport() *cobra.Command {
	var out, trustOut, name string
	cmd := &cobra.Command{Use: "import FILE", Short: "Make a policy and a trust file from Sigstore's ClusterImagePolicy", Args: cobra.ExactArgs(1),
		Long: `Make a policy and a trust file of a file of ClusterImagePolicy resources (Sigstore's policy-controller). What does not map is listed, each
with its place and with what that means: nothing becomes weaker without a word.`,
		Example: "  selfsame policy import cluster-image-policy.yaml --out policy.yaml --trust-out trust.yaml",
		RunE: func(_ *cobra.Command, args []string) error {
			data, err := strictyaml.ReadFile(args[0])
			if err != nil {
				return usage("cannot read `%s`: %v", args[0], diag.WithoutPath(err))
			}
			im, err := sigstore.Import(name, args[0], data)
			if err != nil {
				return err
			}
			for _, w := range []struct {
				path string
				data []byte
			}{{out, im.Policy}, {trustOut, im.Trust}} {
				if err := a.writeNew(w.path, w.data); err != nil {
					return err
				}
			}
			for _, n := range im.Notes {
				a.notice("%s", n)
			}
			return nil
		}}
	fl := cmd.Flags()
	fl.StringVar(&out, "out", "policy.yaml", "the policy's file")
	fl.StringVar(&trustOut, "trust-out", "trust.yaml", "the trust file")
	fl.StringVar(&name, "name", "imported", "what the policy is called")
	return cmd
}
