// Package nri is the gate at container start: a plugin of containerd's Node Resource Interface. It decides in ValidateContainerAdjustment,
// because that hook alone fails closed: a plugin that is late or gone in any other is dropped, and the container starts
// (the node's `required_plugins` has to name the plugin, too). It also sees what runs already when it connects, and what comes and goes.
package nri

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/containerd/nri/pkg/api"
	nrinet "github.com/containerd/nri/pkg/net"
	"github.com/containerd/nri/pkg/stub"

	"github.com/selfsame-build/selfsame/guard/agent"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// Name is what the plugin is called, also in containerd's required_plugins.
const Name = "selfsame"

// SocketVariable tells a plugin that containerd itself starts on which descriptor it is connected.
const SocketVariable = api.PluginSocketEnvVar

// Plugin is the gate. Asker, Inventory and Notice must be set.
type Plugin struct {
	Asker     engine.Asker
	Inventory *agent.Inventory
	Metrics   *metrics.Set
	Notice    func(string)
	Socket    string // containerd's NRI socket
	Index     string // two digits; plugins are called in their order. "": 90
	// RefuseVolumes refuses image volumes of which nobody knows the name. They are counted otherwise.
	RefuseVolumes bool
	// Names are the repositories that digests are known by; nil: none is.
	Names *Names
	// Env is the process's environment, where containerd started it (SocketVariable); nil: it did not.
	Env func(string) string

	deadline atomic.Int64
}

// MaxDecision is within what time there is an answer, or ofRequest of the time that containerd gives, if that is less (2 s unless it is told
// otherwise): what is not decided by then is refused without our words.
const MaxDecision = 1200 * time.Millisecond

const ofRequest = 0.6

// The pauses between two attempts to connect.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 5 * time.Second
	startTime  = 10 * time.Second // an attempt's
)

// errLost: the connection was there, and is gone.
var errLost = errors.New("containerd closed the connection")

// Run serves until ctx ends, and connects again whenever the connection is gone. Where containerd started the process, it ends with the
// connection: the next containerd starts another one. Diagnostic: A0940, that it ended.
func (p *Plugin) Run(ctx context.Context) error {
	p.deadline.Store(int64(MaxDecision))
	if fd := p.env(SocketVariable); fd != "" {
		n, err := strconv.Atoi(fd)
		if err != nil {
			return ended(fmt.Errorf("%s is %.20q, not a descriptor", SocketVariable, fd))
		}
		conn, err := nrinet.NewFdConn(n)
		if err != nil {
			return ended(fmt.Errorf("using containerd's connection (%s=%d): %w", SocketVariable, n, err))
		}
		err = p.serve(ctx, conn)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return ended(err)
	}
	pause, said := firstPause, ""
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", p.Socket)
		if err == nil {
			held := time.NewTimer(lastPause)
			err = p.serve(ctx, conn)
			if !held.Stop() { // it fired: the connection was a good one
				pause, said = firstPause, ""
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if text := err.Error(); text != said { // once, not every few seconds
			said = text
			p.Notice("the start gate is not connected: " + text)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
			pause = min(2*pause, lastPause)
		}
	}
}

// ended is the end of a plugin that containerd started.
func ended(err error) error {
	return diag.Errorf(diag.CodeGuardNRI, "the start gate ended: %w", err).WithHelp("look at containerd's log; it starts its plugins when it starts")
}

func (p *Plugin) env(key string) string {
	if p.Env == nil {
		return ""
	}
	return p.Env(key)
}

// serve is one connection's life.
func (p *Plugin) serve(ctx context.Context, conn net.Conn) error {
	defer conn.Close()
	lost := make(chan struct{}, 1)
	options := []stub.Option{stub.WithConnection(conn), stub.WithLogger(silent{}), stub.WithOnClose(func() {
		select {
		case lost <- struct{}{}:
		default:
		}
	})}
	if p.env(api.PluginNameEnvVar) == "" { // else containerd has said it, and refuses what says it again
		options = append(options, stub.WithPluginName(Name), stub.WithPluginIdx(p.index()))
	}
	s, err := stub.New(&gate{p}, options...)
	if err != nil {
		return err
	}
	started := make(chan error, 1)
	go func() { started <- s.Start(ctx) }()
	select {
	case err = <-started:
	case <-time.After(startTime): // it waits for containerd without a bound of its own; closing conn ends it
		err = errors.New("containerd does not configure the plugin")
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("registering with containerd: %w", err)
	}
	p.deadline.Store(int64(min(MaxDecision, time.Duration(float64(s.RequestTimeout())*ofRequest))))
	p.Metrics.Put(metrics.NRIConnected, 1)
	defer p.Metrics.Put(metrics.NRIConnected, 0)
	p.Notice("the start gate is connected")
	select {
	case <-lost:
		return errLost
	case <-ctx.Done():
		s.Stop()
		return context.Cause(ctx)
	}
}

func (p *Plugin) index() string {
	if p.Index == "" {
		return "90"
	}
	return p.Index
}

// silent is a logger: what matters is told by Notice.
type silent struct{}

func (silent) Debugf(context.Context, string, ...any) {}
func (silent) Infof(context.Context, string, ...any)  {}
func (silent) Warnf(context.Context, string, ...any)  {}
func (silent) Errorf(context.Context, string, ...any) {}
