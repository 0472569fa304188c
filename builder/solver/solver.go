// Package solver runs one plan on one BuildKit daemon and brings the image out.
//
// It owns the connection, the session (the store and the policy that sends every request to the input server), the export
// to an OCI layout and the event stream. It decides nothing about the build: a plan comes in, an image and a record of
// what each step did come out.
package solver

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/util/entitlements"
	"github.com/opencontainers/go-digest"

	"github.com/moby/buildkit/client/llb"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/remote"
)

// CompatibilityVersion pins how BuildKit assembles an image (its docs/build-repro.md); it can move a digest.
const CompatibilityVersion = 30

// Client is a connection to one daemon.
type Client struct{ c *client.Client }

// secured are the client's options for a connection that is not in the clear.
func secured(addr string, t remote.TLS) ([]client.ClientOpt, error) {
	if t == (remote.TLS{}) {
		return nil, nil
	}
	u, err := url.Parse(addr)
	if err != nil {
		return nil, err
	}
	out := []client.ClientOpt{client.WithServerConfig(u.Hostname(), t.CA)}
	if t.Cert != "" {
		out = append(out, client.WithCredentials(t.Cert, t.Key))
	}
	return out, nil
}

// Dial connects to a daemon's address (unix:///path, tcp://host:port) and waits until it answers or ctx ends.
func Dial(ctx context.Context, addr string, tls remote.TLS) (*Client, error) {
	opts, err := secured(addr, tls)
	if err != nil {
		return nil, err
	}
	c, err := client.New(ctx, addr, opts...)
	if err != nil {
		return nil, fmt.Errorf("connecting to BuildKit at %s: %w", addr, err)
	}
	if err := c.Wait(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("waiting for BuildKit at %s: %w", addr, err), c.Close())
	}
	return &Client{c}, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.c.Close() }

// Ping is nil when the daemon answers. It returns when it does, or when ctx ends.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.c.Info(ctx)
	return err
}

// Info is what a daemon says of itself.
type Info struct {
	Version     string // BuildKit's version
	Revision    string
	Worker      string // worker id, unique to a state root
	Snapshotter string
	Platforms   []string // that its steps can run on: os/arch[/variant]
}

// Info asks the daemon what it is.
func (c *Client) Info(ctx context.Context) (Info, error) {
	info, err := c.c.Info(ctx)
	if err != nil {
		return Info{}, fmt.Errorf("asking BuildKit for its version: %w", err)
	}
	out := Info{Version: info.BuildkitVersion.Version, Revision: info.BuildkitVersion.Revision}
	ws, err := c.c.ListWorkers(ctx)
	if err != nil {
		return Info{}, fmt.Errorf("listing BuildKit's workers: %w", err)
	}
	if len(ws) == 0 {
		return out, nil
	}
	w := ws[0] // our daemons have one
	out.Worker = w.ID
	out.Snapshotter = w.Labels["org.mobyproject.buildkit.worker.snapshotter"]
	for _, p := range w.Platforms {
		out.Platforms = append(out.Platforms, platforms.Format(platforms.Normalize(p)))
	}
	return out, nil
}

// Request is one solve.
type Request struct {
	Plan *graph.Plan
	// Store holds every sealed image that the plan names.
	Store content.Store
	// Convert maps the address of an HTTP source or request to the input server's; false refuses it.
	Convert func(identifier string) (string, bool)
	// Own says whether an address is the input server's already.
	Own func(identifier string) bool
	// Output gets the image's blobs; nil: run the steps, export nothing. Layers arrive as the builder has them, uncompressed and with
	// the times at which their files were written (package builder/layers).
	Output content.Store
	// Credentials are for recording only.
	Credentials Credentials
	// Display gets the events for people; it may be nil.
	Display *Attempt
	// OnEvent sees every step's state as it changes; it may be nil.
	OnEvent func(StepRun)
}

// Result is what a solve made.
type Result struct {
	Manifest digest.Digest // the platform manifest's, in Output
	Config   digest.Digest
	Steps    []StepRun // in order of first appearance
	Denied   []string  // sources and requests that the policy refused
}

// ExporterAttrs are the settings that can move a digest; they go into the provenance (research: E13).
func ExporterAttrs(epoch time.Time) map[string]string {
	return map[string]string{
		"tar": "false", "oci-mediatypes": "true", "compression": "uncompressed",
		string(exptypes.OptKeySourceDateEpoch): strconv.FormatInt(epoch.Unix(), 10),
	}
}

// Solve runs the plan. When a step fails the error is a *StepError.
func (c *Client) Solve(ctx context.Context, req Request) (*Result, error) {
	pol := &policy{convert: req.Convert, own: req.Own}
	offered, err := req.Credentials.attachables()
	if err != nil {
		return nil, err
	}
	opt := client.SolveOpt{
		CompatibilityVersion: CompatibilityVersion,
		OCIStores:            map[string]content.Store{graph.StoreID: req.Store},
		SourcePolicyProvider: pol.provider(),
		ProxyNetwork:         true,
		Internal:             true, // else the daemon keeps what steps write as "history", secrets and all
		AllowedEntitlements:  []string{entitlements.EntitlementNetworkHost.String()},
		Session:              offered,
	}
	if req.Output != nil {
		attrs := ExporterAttrs(req.Plan.Epoch)
		attrs[exptypes.ExporterImageConfigKey] = string(req.Plan.Config)
		opt.Exports = []client.ExportEntry{{Type: client.ExporterOCI, Attrs: attrs, OutputStore: req.Output}}
	}
	watch := newWatcher(req)
	ch := make(chan *client.SolveStatus)
	done := make(chan struct{})
	go func() {
		defer close(done)
		watch.run(ch)
	}()
	var def llb.Definition
	def.FromPB(req.Plan.Definition)
	resp, err := c.c.Solve(ctx, &def, opt, ch)
	<-done
	res := &Result{Steps: watch.steps(), Denied: pol.denials()}
	if err != nil {
		return res, watch.explain(ctx, err)
	}
	res.Manifest = digest.Digest(resp.ExporterResponse[exptypes.ExporterImageDigestKey])
	res.Config = digest.Digest(resp.ExporterResponse[exptypes.ExporterImageConfigDigestKey])
	return res, nil
}
