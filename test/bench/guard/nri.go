package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/containerd/nri/pkg/api"
	"github.com/containerd/nri/pkg/net/multiplex"
	"github.com/containerd/ttrpc"

	"github.com/selfsame-build/selfsame/guard/engine"
)

// runtime is containerd's side of NRI: it waits for the agent's plugin, and asks it as containerd does before each container. It is an
// engine.Asker, so that it is measured like the socket.
type runtime struct {
	plugin     api.PluginService
	registered chan struct{}
	close      func()
}

// RegisterPlugin implements api.RuntimeService.
func (r *runtime) RegisterPlugin(context.Context, *api.RegisterPluginRequest) (*api.Empty, error) {
	close(r.registered)
	return &api.Empty{}, nil
}

// UpdateContainers implements api.RuntimeService.
func (r *runtime) UpdateContainers(context.Context, *api.UpdateContainersRequest) (*api.UpdateContainersResponse, error) {
	return &api.UpdateContainersResponse{}, nil
}

// listenNRI opens the socket before the agent starts, as containerd does.
func listenNRI(dir string) (net.Listener, error) {
	return net.Listen("unix", filepath.Join(dir, "nri.sock"))
}

// acceptNRI waits for the plugin, and configures it.
func acceptNRI(ctx context.Context, l net.Listener) (*runtime, error) {
	conn, err := l.Accept()
	if err != nil {
		return nil, err
	}
	mux := multiplex.Multiplex(conn)
	r := &runtime{registered: make(chan struct{}), close: func() { _ = mux.Close() }}
	toPlugin, err := mux.Open(multiplex.PluginServiceConn)
	if err != nil {
		return nil, err
	}
	r.plugin = api.NewPluginClient(ttrpc.NewClient(toPlugin))
	fromPlugin, err := mux.Listen(multiplex.RuntimeServiceConn)
	if err != nil {
		return nil, err
	}
	server, err := ttrpc.NewServer()
	if err != nil {
		return nil, err
	}
	api.RegisterRuntimeService(server, r)
	go func() { _ = server.Serve(ctx, fromPlugin) }()
	select {
	case <-r.registered:
	case <-time.After(30 * time.Second):
		return nil, fmt.Errorf("the agent's plugin does not register")
	}
	if _, err := r.plugin.Configure(ctx, &api.ConfigureRequest{RuntimeName: "bench", RuntimeVersion: "v2.4.2", RegistrationTimeout: 5000, RequestTimeout: 2000}); err != nil {
		return nil, err
	}
	_, err = r.plugin.Synchronize(ctx, &api.SynchronizeRequest{})
	return r, err
}

// Ask implements engine.Asker.
func (r *runtime) Ask(ctx context.Context, q engine.Question) engine.Answer {
	_, err := r.plugin.ValidateContainerAdjustment(ctx, &api.ValidateContainerAdjustmentRequest{
		Pod:       &api.PodSandbox{Id: "p", Name: "shop-0", Namespace: "shop"},
		Container: &api.Container{Id: "c", Name: "web", PodSandboxId: "p", Image: &api.Image{Name: q.Name + ":v1", Digest: q.Digest.String()}},
	})
	if err != nil {
		return engine.Unanswered(q, err)
	}
	a := engine.Answer{}
	a.Allow = true
	return a
}

// AskAll implements engine.Asker.
func (r *runtime) AskAll(ctx context.Context, qs []engine.Question) (out []engine.Answer) {
	for _, q := range qs {
		out = append(out, r.Ask(ctx, q))
	}
	return out
}
