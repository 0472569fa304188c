//go:build !front

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/trust"
)

type policyPushFlags struct {
	key       string
	trusted   []string
	name      string
	life      life
	stateless bool
}

func (a *app) policyPush() *cobra.Command {
	f := policyPushFlags{life: life(90 * 24 * time.Hour)}
	cmd := &cobra.Command{Use: "push FILE REF --key KEY", Short: "Sign a policy and publish it", Args: cobra.ExactArgs(2),
		Long: `Sign the bytes of a policy's file and publish them: under a tag of a registry, or in a file (a path that begins with ./, ../ or /). The
policy's "version" is the number by which verifiers know the newest, so it must be higher than that of the one that is there. The policy
counts until --expires, or its own "expires" if that is sooner; whoever decides by it after that denies everything.

The key is one for policies alone: its role is "policy", and a key that releases images must not be it.`,
		Example: "  selfsame policy push policy.yaml registry.example.com/ops/policy --key policy.key",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.runPolicyPush(cmd.Context(), args, f) }}
	fl := cmd.Flags()
	fl.StringVar(&f.key, "key", "", "private key (a file, pkcs11:... or NAME://...) that signs policies (password or PIN: SELFSAME_KEY_PASSWORD, or asked for)")
	fl.StringSliceVar(&f.trusted, "policy-key", nil, "public keys of others who sign policies, whose policy may be replaced")
	fl.StringVar(&f.name, "name", "policy", "what a policy in a file is published as; one in a registry is called as its repository")
	fl.Var(&f.life, "expires", "how long the policy counts")
	fl.BoolVar(&f.stateless, "stateless", false, "remember nothing, and compare with nothing that was seen before")
	return cmd
}

func (a *app) runPolicyPush(ctx context.Context, args []string, f policyPushFlags) error {
	p := freshness.PolicyPublisher{Life: time.Duration(f.life), Now: time.Now, Sleep: sleepFor}
	switch {
	case f.key == "":
		return usage("--key is missing: the private key that signs policies")
	case p.Life <= 0 || p.Life > provenance.MaxLife:
		return usage("--expires is between now and %d days", int(provenance.MaxLife/(24*time.Hour)))
	}
	content, err := strictyaml.ReadFile(args[0])
	if err != nil {
		return usage("cannot read `%s`: %v", args[0], diag.WithoutPath(err))
	}
	if p.Place, err = freshness.OpenPolicyPlace(a.registry(registry.Options{}), args[1]); err != nil {
		return err
	}
	if p.Signer, err = a.openKey(ctx, f.key, trust.Policy); err != nil {
		return err
	}
	if p.Trust.Keys, err = a.verifiers(ctx, f.trusted); err != nil {
		return err
	}
	p.Trust.Keys = append(p.Trust.Keys, p.Signer.Verifier())
	if p.Memory, err = a.memory(f.stateless); err != nil {
		return err
	}
	out, err := p.Push(ctx, args[0], f.name, content)
	if err != nil {
		return err
	}
	a.notice("%s: %s", out.Name, out.Edition)
	if a.global.json {
		return json.NewEncoder(a.Out).Encode(struct {
			SchemaVersion int    `json:"schemaVersion"`
			Reference     string `json:"reference"`
			Name          string `json:"name"`
			provenance.Edition
		}{1, out.Pinned, out.Name, out.Edition})
	}
	_, err = fmt.Fprintln(a.Out, out.Pinned)
	return err
}
