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
	who       listSigners
	sign      keylessFlags
	name      string
	life      life
	stateless bool
}

func (a *app) policyPush() *cobra.Command {
	f := policyPushFlags{life: life(90 * 24 * time.Hour)}
	cmd := &cobra.Command{Use: "push FILE REF {--key KEY | --keyless}", Short: "Sign a policy and publish it", Args: cobra.ExactArgs(2),
		Long: `Sign the bytes of a policy's file and publish them: under a tag of a registry, or in a file (a path that begins with ./, ../ or /). The
policy's "version" is the number by which verifiers know the newest, so it must be higher than that of the one that is there. The policy
counts until --expires, or its own "expires" if that is sooner; whoever decides by it after that denies everything.

The key, or identity, is one for policies alone: its role is "policy", and one that releases images must not be it. Without a key, whose policy may be
replaced is said by --policy-identity and --policy-issuer, yours among them; verifiers know the identity from a trust file.`,
		Example: "  selfsame policy push policy.yaml registry.example.com/ops/policy --key policy.key\n" +
			"  selfsame policy push policy.yaml registry.example.com/ops/policy --keyless --signing-config signing_config.json --trusted-root trusted_root.json \\\n" +
			"    --policy-identity ops@example.com --policy-issuer https://login.example.com",
		RunE: func(cmd *cobra.Command, args []string) error { return a.runPolicyPush(cmd.Context(), args, f) }}
	fl := cmd.Flags()
	fl.StringVar(&f.key, "key", "", "private key (a file, pkcs11:... or NAME://...) that signs policies (password or PIN: SELFSAME_KEY_PASSWORD, or asked for)")
	f.who.register(fl, "policy", "others who sign policies, whose policy may be replaced")
	f.sign.registerBeside(cmd)
	fl.StringVar(&f.name, "name", "policy", "what a policy in a file is published as; one in a registry is called as its repository")
	fl.Var(&f.life, "expires", "how long the policy counts")
	fl.BoolVar(&f.stateless, "stateless", false, "remember nothing, and compare with nothing that was seen before")
	return cmd
}

func (a *app) runPolicyPush(ctx context.Context, args []string, f policyPushFlags) error {
	p := freshness.PolicyPublisher{Life: time.Duration(f.life), Now: time.Now, Sleep: sleepFor}
	switch {
	case f.key == "" && !f.sign.on:
		return usage("--key is missing: the private key that signs policies (or --keyless)")
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
	if p.Trust, p.Counts, err = f.who.load(ctx, a); err != nil {
		return err
	}
	if f.sign.on && p.Trust.Root == nil {
		return usage("--keyless needs --trusted-root, --policy-identity and --policy-issuer: whose policy may be replaced, yours among them")
	}
	f.sign.settle(f.who.root)
	if p.Signer, err = a.openSigner(ctx, f.key, f.sign, trust.Policy); err != nil {
		return err
	}
	if v := p.Signer.Verifier(); v != nil {
		p.Trust.Keys = append(p.Trust.Keys, v)
	}
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
