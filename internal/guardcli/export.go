package guardcli

import (
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/guard/export"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/verify"
)

// scope is a registry, a namespace or a repository, as containers-policy.json(5) has it.
var scope = regexp.MustCompile(`^[a-zA-Z0-9.:\[\]-]+(/[a-z0-9._-]+)*$`)

func (a *app) exportCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "export", GroupID: "nouns", Short: "Write the trust file down for other programs", Args: cobra.NoArgs}
	file := &cobra.Command{
		Use: "policy.json", Short: "Print containers-policy.json(5) for podman, skopeo and CRI-O", Args: cobra.NoArgs,
		Long: `Print a policy.json that accepts an image below the names of the trust file's release signers, and below each --scope, only if it is signed by a key of who
speaks for that name, and rejects everything else. It says far less than a policy: what is lost is listed on stderr. These programs read signatures that
"cosign sign" made before version 3, and none of selfsame's own statements.`,
		Example: "  selfsame-guard export policy.json --scope registry.example.com/team >/etc/containers/policy.json",
	}
	where := &cobra.Command{
		Use: "registries.d", Short: "Print containers-registries.d(5), which has them look for signatures", Args: cobra.NoArgs,
		Long: `Print the file that has podman, skopeo and CRI-O look for the signatures that "export policy.json" wants, beside the images in their registry. Without it they look
nowhere, and reject every image. Give it the same --scope.`,
		Example: "  selfsame-guard export registries.d --scope registry.example.com/team >/etc/containers/registries.d/selfsame.yaml",
	}
	a.exports(file, export.Policy.JSON, true)
	a.exports(where, export.Policy.Attachments, false)
	cmd.AddCommand(file, where)
	return cmd
}

// exports gives a command its flag and its work. tell: what the file does not say is listed.
func (a *app) exports(cmd *cobra.Command, file func(export.Policy) []byte, tell bool) {
	var scopes []string
	cmd.Flags().StringArrayVar(&scopes, "scope", nil, "registry, part of one, or repository whose images may run (again for each)")
	cmd.RunE = func(*cobra.Command, []string) error {
		for _, s := range scopes {
			if !scope.MatchString(s) || len(s) > 512 {
				return usage("`%s` is not a scope: a registry, a part of one, or a repository, without tag", diag.Printable(s))
			}
		}
		p, lost, err := a.exportPolicy(scopes)
		if err != nil {
			return err
		}
		if tell {
			for _, text := range append(lost, export.Always...) {
				a.notice("not in it: %s", text)
			}
		}
		if len(p.Transports["docker"]) == 0 {
			return diag.Errorf(diag.CodeGuardExport, "the policy.json would reject every image").WithWhy("no signer of the trust file speaks for named images only").
				WithHelp("give --scope registry.example.com/team")
		}
		_, err = a.Out.Write(file(p))
		return err
	}
}

func (a *app) exportPolicy(scopes []string) (p export.Policy, lost []string, err error) {
	c, err := a.configuration()
	if err != nil {
		return p, nil, err
	}
	now := time.Now()
	var o verify.Options
	if _, err := o.UseTrust(c.Trust, now); err != nil {
		return p, nil, err
	}
	pem := func(hint string) []byte {
		for _, k := range o.Trust.Keys {
			if k.Key().Hint == hint {
				return k.PEM()
			}
		}
		return nil
	}
	p, lost = export.Make(o.Signers, pem, scopes, now)
	return p, lost, nil
}
