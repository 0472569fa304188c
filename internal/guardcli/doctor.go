package guardcli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/selfsame-build/selfsame/guard/nri"
	"github.com/selfsame-build/selfsame/guard/pull"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/guard/doctor"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// doctorTime bounds what the doctor waits for, beside what it reads.
const doctorTime = 30 * time.Second

func (a *app) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "doctor", GroupID: "look", Short: "Find ways around the guard that nobody would notice", Args: cobra.NoArgs,
		Long: `Look for settings with which containers start without a verdict although a guard is installed. Exit 17 if there is one. Nothing is changed.`,
	}
	cmd.AddCommand(a.doctorNodeCommand(), a.doctorClusterCommand())
	return cmd
}

func (a *app) doctorNodeCommand() *cobra.Command {
	n := doctor.Node{Client: pull.Name, Plugin: nri.Name}
	cmd := &cobra.Command{
		Use: "node", Short: "Check this node: containerd's configuration, the image verifier, NRI, the agent", Args: cobra.NoArgs,
		Long: `Read containerd's configuration with all that it imports (versions 2, 3 and 4), look at the folders and sockets that it names, ask containerd for its
version and the node agent whether it answers. What two files set differently has to be right in both. Exit 17 if anything is found.`,
		Example: "  selfsame-guard doctor node\n  containerd config dump | selfsame-guard doctor node --containerd-config - --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), doctorTime)
			defer cancel()
			n.Guard, n.Dump, n.UID = a.global.config, a.In, os.Geteuid()
			return a.showFindings(n.Check(ctx))
		},
	}
	cmd.Flags().StringVar(&n.Containerd, "containerd-config", "/etc/containerd/config.toml", "containerd's configuration; `FILE` or - for the output of \"containerd config dump\" on stdin")
	cmd.Flags().StringVar(&n.Version, "containerd-version", "", "containerd's version; left out: containerd is asked")
	return cmd
}

func (a *app) doctorClusterCommand() *cobra.Command {
	var c doctor.Cluster
	var kubeconfig string
	cmd := &cobra.Command{
		Use: "cluster", Short: "Check a cluster: the webhook configurations, who answers them, and how the guard is configured", Args: cobra.NoArgs,
		Long: `Read the webhook configurations, namespaces, and the guard's service and configuration from an API server, or from files as kubectl prints them
(JSON or YAML). The API server is that of --kubeconfig, of $KUBECONFIG, or the one of the pod that this runs in; nothing but GET is sent to it, and no credential
plugin is run. Static manifests do not show in the API: give their files with --from as well. Exit 17 if anything is found.`,
		Example: `  selfsame-guard doctor cluster --kubeconfig ~/.kube/config
  selfsame-guard manifests ... | selfsame-guard doctor cluster --from -`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), doctorTime)
			defer cancel()
			var err error
			if c.Server, err = a.apiServer(kubeconfig, len(c.Files) > 0); err != nil {
				return err
			}
			c.In, c.Now = a.In, time.Now()
			return a.showFindings(c.Check(ctx))
		},
	}
	f := cmd.Flags()
	f.StringVar(&kubeconfig, "kubeconfig", "", "how to reach the API server; `FILE`")
	f.StringArrayVar(&c.Files, "from", nil, "read objects from `FILE`, or - for stdin; may be repeated. Without --kubeconfig no API server is asked then")
	f.StringVar(&c.Namespace, "namespace", "selfsame-guard", "the guard's own namespace")
	f.StringArrayVar(&c.Exempt, "exempt", nil, "a namespace that is meant to be left out or in audit mode, beside the guard's own; may be repeated")
	return cmd
}

// apiServer is the one to ask; nil where there are files instead.
func (a *app) apiServer(kubeconfig string, files bool) (*doctor.Server, error) {
	host := a.Env("KUBERNETES_SERVICE_HOST")
	switch {
	case kubeconfig != "":
		return doctor.FromKubeconfig(kubeconfig)
	case files:
		return nil, nil
	case a.Env("KUBECONFIG") != "":
		return doctor.FromKubeconfig(a.Env("KUBECONFIG"))
	case host != "":
		return doctor.InCluster(host, a.Env("KUBERNETES_SERVICE_PORT"))
	}
	return nil, usage("doctor cluster needs --kubeconfig, or files with --from")
}

// showFindings prints them as `selfsame doctor` prints its checks.
func (a *app) showFindings(all []doctor.Finding) error {
	failed := doctor.Failed(all)
	if a.global.json {
		if all == nil {
			all = []doctor.Finding{}
		}
		if err := json.NewEncoder(a.Out).Encode(struct {
			SchemaVersion int              `json:"schemaVersion"`
			OK            bool             `json:"ok"`
			Findings      []doctor.Finding `json:"findings"`
		}{1, !failed, all}); err != nil {
			return err
		}
	} else if err := a.printFindings(all); err != nil {
		return err
	}
	if failed {
		return shown(diag.ExitUndecided)
	}
	return nil
}

func (a *app) printFindings(all []doctor.Finding) error {
	w := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
	if len(all) == 0 {
		fmt.Fprintln(w, "ok\tno way around the guard was found")
	}
	for _, f := range all {
		state := "FAIL"
		if f.Warning {
			state = "warning"
		}
		fmt.Fprintf(w, "%s\t%s\t%s: %s\n", state, f.Code, diag.Printable(f.Place), diag.Printable(f.Summary))
		fmt.Fprintf(w, "\t\t  why: %s\n\t\t  fix: %s\n", diag.Printable(f.Why), diag.Printable(f.Fix))
	}
	return w.Flush()
}
