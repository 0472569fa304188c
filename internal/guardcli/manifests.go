package guardcli

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/guard/admission"
	"github.com/selfsame-build/selfsame/guard/config"
	"github.com/selfsame-build/selfsame/guard/manifests"
	"github.com/selfsame-build/selfsame/internal/diag"
)

type manifestsOptions struct {
	manifests.Options
	ca, static string
}

func (a *app) manifestsCommand() *cobra.Command {
	var o manifestsOptions
	cmd := &cobra.Command{
		Use: "manifests", GroupID: "nouns", Short: "Print everything that a cluster needs for the guard, for kubectl", Args: cobra.NoArgs,
		Long: `Print YAML for "kubectl apply -f -": webhook, node agent, configuration, webhook configurations, and policies by which the API server itself demands
digests and protects the guard's objects. The same options give the same bytes. --config names guard.yaml; every file beside it goes into the
ConfigMap. A second ConfigMap, selfsame-guard-break-glass, is mounted where "breakGlass:" says; it is empty until somebody needs it.

With --static DIR nothing is printed: files are written for the API servers' own disks (KEP-5793, the feature gate
ManifestBasedAdmissionControlConfig). What they say holds from the first request on, and nobody can delete it through the API.`,
		Example: `  selfsame-guard manifests --config guard/guard.yaml --ca guard-tls/ca.crt --image registry.example.com/selfsame/guard@sha256:... | kubectl apply -f -
  selfsame-guard manifests --config guard/guard.yaml --ca guard-tls/ca.crt --image registry.example.com/selfsame/guard@sha256:... --no-agent
  selfsame-guard manifests --config guard/guard.yaml --ca guard-tls/ca.crt --image registry.example.com/selfsame/guard@sha256:... --static out --static-url https://10.96.0.50:443`,
		RunE: func(*cobra.Command, []string) error { return a.runManifests(o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.Image, "image", "", "the guard's own image, by digest")
	f.StringVar(&o.ca, "ca", "", "certificate (PEM) of the authority that vouches for the webhook")
	f.StringVar(&o.Namespace, "namespace", "selfsame-guard", "the guard's namespace")
	f.BoolVar(&o.ValidateOnly, "validate-only", false, "rewrite nothing: every object has to name digests itself (GitOps)")
	f.BoolVar(&o.NoAgent, "no-agent", false, "leave the node agents' DaemonSet out: they are services of their hosts")
	f.IntVar(&o.Timeout, "timeout", 5, "seconds that the API server waits for the webhook, 1 to 30")
	f.StringArrayVar(&o.Exempt, "exempt", nil, "a namespace that neither webhook nor policies are about, beside the guard's own; may be repeated")
	f.StringArrayVar(&o.Registries, "registry", nil, "what names of images have to begin with; may be repeated; left out: anything")
	f.StringVar(&o.PullSecret, "pull-secret", "", "Secret of the type dockerconfigjson in the guard's namespace, to read private registries")
	f.StringVar(&o.static, "static", "", "write static manifests into this folder, which must be empty or not there")
	f.StringVar(&o.URL, "static-url", "", "address of the webhook as API servers reach it without the cluster's names")
	f.StringVar(&o.StaticDir, "static-dir", "/etc/kubernetes/selfsame", "where those files will lie on each control plane")
	return cmd
}

func (a *app) runManifests(o manifestsOptions) (err error) {
	if o.ca == "" {
		return usage("manifests needs --ca; make an authority with `selfsame-guard certificate`")
	}
	if o.CA, err = readBounded(o.ca); err != nil {
		return err
	}
	c, err := a.configuration()
	if err != nil {
		return err
	}
	// The shape rules warn where the webhook does.
	o.Audit, o.Enforce, o.AuditDefault = c.Admission.Audit, c.Admission.Enforce, admission.Mode(c.Admission.Default) == admission.Audit
	if o.static != "" {
		return a.writeStatic(o)
	}
	if o.Files, err = configFiles(a.global.config); err != nil {
		return err
	}
	if err := o.inPods(); err != nil {
		return err
	}
	all, err := manifests.Cluster(o.Options)
	if err != nil {
		return err
	}
	_, err = io.WriteString(a.Out, all)
	return err
}

// inPods takes from the configuration what pods have to mount or be, by the paths that it has there.
func (o *manifestsOptions) inPods() error {
	there, err := config.Parse("/etc/selfsame/guard.yaml", []byte(o.Files["guard.yaml"]))
	if err != nil {
		return err
	}
	o.BreakGlass = there.BreakGlass
	if group := there.Socket.Group; group != "" {
		// A pod has no group names but those of its image.
		if o.SocketGroup, err = strconv.Atoi(group); err != nil {
			return diag.Errorf("A0922", "`socket.group` is `%s`, and a pod does not know the host's names of groups", diag.Printable(group)).
				WithHelp("write its number: getent group " + diag.Printable(group))
		}
	}
	return nil
}

// configFiles reads the files beside the configuration.
func configFiles(path string) (map[string]string, error) {
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		data, err := readBounded(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		name := e.Name()
		if name == filepath.Base(path) {
			name = "guard.yaml"
		}
		out[name] = string(data)
	}
	return out, nil
}

// readBounded reads a file of at most 1 MiB, which is what a ConfigMap takes in all.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, diag.Errorf("A0922", "%w", err).WithHelp("check the path; selfsame-guard certificate makes what --ca names, ca.crt")
	}
	defer func() { _ = f.Close() }() // nothing was written
	data, err := io.ReadAll(io.LimitReader(f, 1<<20+1))
	if err == nil && len(data) > 1<<20 {
		err = fmt.Errorf("it has more than 1 MiB")
	}
	if err != nil {
		return nil, diag.Errorf("A0922", "reading `%s`: %w", path, err)
	}
	return data, nil
}

func (a *app) writeStatic(o manifestsOptions) error {
	if entries, err := os.ReadDir(o.static); err == nil && len(entries) > 0 {
		return usage("`%s` is not empty; an API server reads every manifest in it", o.static)
	}
	all, err := manifests.Static(o.Options)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		path := filepath.Join(o.static, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(all[name]), 0o644); err != nil {
			return err
		}
		fmt.Fprintln(a.Out, path)
	}
	return nil
}
