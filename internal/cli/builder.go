//go:build !front

package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/builder/daemon"
)

// builderCommand is how selfsame starts itself as a builder's supervisor and first process; it is not for people.
func (a *app) builderCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "builder", Hidden: true, Args: cobra.NoArgs}
	cmd.AddCommand(
		&cobra.Command{Use: "supervise DIR", Args: cobra.ExactArgs(1), RunE: func(_ *cobra.Command, args []string) error {
			return daemon.Supervise(args[0])
		}},
		&cobra.Command{Use: "enter DIR", Args: cobra.ExactArgs(1), RunE: func(_ *cobra.Command, args []string) error {
			return daemon.Enter(args[0])
		}},
	)
	return cmd
}

func (a *app) buildersCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "builders", GroupID: "nouns", Short: "List and stop the managed builders", Args: cobra.NoArgs}
	var remove bool
	stop := &cobra.Command{
		Use: "stop [NAME...]", Short: "Stop builders (all when none is named), whoever uses them",
		RunE: func(cmd *cobra.Command, args []string) error { return a.stopBuilders(cmd, args, remove) },
	}
	stop.Flags().BoolVar(&remove, "remove", false, "also delete all that they cached")
	cmd.AddCommand(&cobra.Command{
		Use: "ls", Short: "List the managed builders", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listBuilders(cmd) },
	}, stop)
	return cmd
}

func (a *app) listBuilders(cmd *cobra.Command) error {
	m, err := a.register()
	if err != nil {
		return err
	}
	list, err := m.List(cmd.Context())
	if err != nil {
		return err
	}
	if a.global.json {
		return a.listBuildersJSON(list)
	}
	w := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSTATE\tPID\tFOLDER")
	for _, e := range list {
		state := "stopped"
		if e.PID != 0 {
			state = "idle"
		}
		if e.InUse {
			state = "in use"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", e.Name, state, e.PID, e.Dir)
	}
	return w.Flush()
}

func (a *app) listBuildersJSON(list []daemon.Entry) error {
	type builder struct {
		Name    string `json:"name"`
		PID     int    `json:"pid"`
		InUse   bool   `json:"inUse"`
		Folder  string `json:"folder"`
		Address string `json:"address"`
	}
	out := []builder{}
	for _, e := range list {
		out = append(out, builder{e.Name, e.PID, e.InUse, e.Dir, e.Address})
	}
	return json.NewEncoder(a.Out).Encode(struct {
		SchemaVersion int       `json:"schemaVersion"`
		Builders      []builder `json:"builders"`
	}{1, out})
}

func present(path string) bool { _, err := os.Stat(path); return err == nil }

func (a *app) stopBuilders(cmd *cobra.Command, names []string, remove bool) error {
	m, err := a.register()
	if err != nil {
		return err
	}
	if remove && present(m.Dir) { // what steps wrote belongs to the ids of a user namespace
		if err := a.asRoot(); err != nil {
			return err
		}
	}
	if len(names) == 0 {
		list, err := m.List(cmd.Context())
		if err != nil {
			return err
		}
		for _, e := range list {
			names = append(names, e.Name)
		}
	}
	for _, n := range names {
		if !present(m.Dir + "/" + n) {
			return usage("there is no builder `%s`", n)
		}
		if err := m.Stop(cmd.Context(), n, remove); err != nil {
			return err
		}
	}
	return nil
}
