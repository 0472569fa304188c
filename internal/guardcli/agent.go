package guardcli

import (
	"context"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/guard/agent"
	"github.com/selfsame-build/selfsame/guard/breakglass"
	"github.com/selfsame-build/selfsame/guard/nri"
)

func (a *app) agentCommand() *cobra.Command {
	return &cobra.Command{
		Use: "agent", GroupID: "serve", Short: "Serve on this node: answer its gates, and watch what runs", Args: cobra.NoArgs,
		Long: `Serve on this node's socket: the gates at pull and start ask it, and it knows what runs here under which verdict. Policy, trust file and deny list are
read again and again; what changes is acted upon at once, also for what runs already. Each decision is one line of JSON on stdout, or in the file
that the configuration names. With "nri:" it is containerd's gate at container start, too; containerd may also start it itself, as a plugin.
What cannot be read at the start is denied in words, and tried again.`,
		Example: "  selfsame-guard agent --config /etc/selfsame/guard.yaml",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.runAgent(cmd.Context()) },
	}
}

// namesEvery is how often names of images are written down, at most.
const namesEvery = 2 * time.Second

func (a *app) runAgent(ctx context.Context) error {
	c, err := a.configuration()
	if err != nil {
		return err
	}
	g, err := a.open(ctx, c)
	if err != nil {
		return err
	}
	defer g.close()
	socket, err := agent.Listen(c.Socket.Path, c.Socket.Group)
	if err != nil {
		return err
	}
	inventory := agent.NewInventory(g, g.Metrics, g.notice, time.Now)
	kept := filepath.Join(c.State, "names.json")
	names, err := nri.OpenNames(g, kept)
	if err != nil {
		g.notice(err.Error())
	}
	server := &agent.Server{Asker: names, Inventory: inventory, Edition: g.Edition, Metrics: g.Metrics, Members: c.Socket.Group != "",
		Grants: func() []breakglass.Grant { return g.Folder.Active(g.Now()) }}
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return server.Serve(ctx, socket) })
	all.Go(func() error { return g.serveMetrics(ctx) })
	all.Go(func() error { return g.run(ctx, inventory.Kick) })
	all.Go(func() error { return names.Keep(ctx, kept, namesEvery, g.notice) })
	all.Go(func() error { inventory.Watch(ctx, time.Duration(c.Watch), g.Changed); return nil })
	if c.NRI.Socket != "" || a.Env(nri.SocketVariable) != "" {
		gate := &nri.Plugin{Asker: g, Inventory: inventory, Metrics: g.Metrics, Notice: g.notice, Socket: c.NRI.Socket, Index: c.NRI.Index,
			RefuseVolumes: c.NRI.Volumes == "refuse", Names: names, Env: a.Env}
		all.Go(func() error { return gate.Run(ctx) })
	}
	g.notice("serving on " + c.Socket.Path)
	return all.Wait()
}
