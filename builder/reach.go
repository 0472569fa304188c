package builder

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/selfsame-build/selfsame/builder/remote"
	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// loopback is where an input server listens for builders that reach this machine's own loopback.
const loopback = "127.0.0.1:0"

// places are the builders that somebody else runs, as the user named them; nil where ours is used.
func (o Options) places(inputsListen string) (a, b *remote.Address, err error) {
	place := func(flag, text string) *remote.Address {
		if text == "" {
			return nil
		}
		at, perr := remote.Parse(flag, text)
		if perr == nil && at.Scheme == "tcp" {
			perr = checkListen(flag, at, inputsListen)
		}
		err = errors.Join(err, perr)
		return &at
	}
	a, b = place("--builder-a", o.BuilderA), place("--builder-b", o.BuilderB)
	tcp := a != nil && a.Scheme == "tcp" || b != nil && b.Scheme == "tcp"
	if !tcp && (o.BuilderTLS != remote.TLS{} || inputsListen != "") {
		err = errors.Join(err, diag.Errorf("A0323", "`--inputs-listen` and `--builder-tls-...` go with a builder at `tcp://`").
			WithWhy("over unix and ssh nothing of theirs is used").WithHelp("leave them out, or give a tcp:// address"))
	}
	_, terr := o.BuilderTLS.Config()
	return a, b, errors.Join(err, terr)
}

// checkListen refuses an address at which a tcp builder could not find our input server.
func checkListen(flag string, at remote.Address, listen string) error {
	help := "give --inputs-listen with this machine's address as the builder sees it: --inputs-listen 192.0.2.7, or 192.0.2.7:9000"
	if listen == "" {
		if ip := net.ParseIP(at.Host); at.Host == "localhost" || ip != nil && ip.IsLoopback() {
			return nil
		}
		return diag.Errorf("A0323", "%s: the builder at `%s` cannot reach this machine", flag, at).
			WithWhy("the steps of a build get their inputs from a server in this process, which listens on loopback").WithHelp(help)
	}
	host, _, err := listenAt(listen, 0)
	if ip := net.ParseIP(host); err != nil || ip != nil && ip.IsUnspecified() {
		return diag.Errorf("A0323", "`--inputs-listen %s` names no address that a builder can call", listen).WithHelp(help)
	}
	return nil
}

// listenAt splits HOST[:PORT]; a port that is given is counted up by next, so that each twin has its own.
func listenAt(listen string, next int) (host, port string, err error) {
	if host, port, err = net.SplitHostPort(listen); err != nil {
		host, port, err = net.SplitHostPort(net.JoinHostPort(listen, "0"))
	}
	n, nerr := strconv.Atoi(port)
	if err != nil || nerr != nil || host == "" || n < 0 || n > 65534 {
		return "", "", fmt.Errorf("reading the address %q: want HOST or HOST:PORT", listen)
	}
	if n > 0 {
		n += next
	}
	return host, strconv.Itoa(n), nil
}

// listen opens the port of a twin's input server.
func (h *Host) listen(ctx context.Context, t *twin) (net.Listener, error) {
	if t.lease != nil {
		return t.lease.Listen(ctx)
	}
	address := loopback
	if t.world.at.Scheme == "tcp" && h.InputsListen != "" {
		next := 0
		if t.label == "B" {
			next = 1
		}
		host, port, err := listenAt(h.InputsListen, next)
		if err != nil {
			return nil, err
		}
		address = net.JoinHostPort(host, port)
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("opening the input server's port: %w", err)
	}
	return ln, nil
}

// reach connects a twin with its builder, and its builder with an input server that serves the lock's bytes.
func (h *Host) reach(ctx context.Context, t *twin, entries []lock.Entry) error {
	if t.world.at == nil {
		var err error
		if t.lease, err = h.Daemons.Acquire(ctx, t.world.spec()); err != nil {
			return err
		}
	}
	ln, err := h.listen(ctx, t)
	if err != nil {
		return err
	}
	if err := h.reachFrom(ctx, t, ln, entries); err != nil {
		return errors.Join(err, closeListener(ln))
	}
	return nil
}

func (h *Host) reachFrom(ctx context.Context, t *twin, ln net.Listener, entries []lock.Entry) error {
	builder, tls, err := "", remote.TLS{}, error(nil)
	t.address = ln.Addr().String()
	switch at := t.world.at; {
	case at == nil:
		builder = t.lease.Address
	case at.Scheme == "ssh":
		if t.tunnel, err = remote.Open(ctx, *at, t.address); err != nil {
			return err
		}
		builder, t.address = t.tunnel.Builder, t.tunnel.Inputs
	case at.Scheme == "tcp":
		builder, tls = at.String(), t.world.tls
		if ip := net.ParseIP(at.Host); ip == nil && at.Host != "localhost" || ip != nil && !ip.IsLoopback() {
			h.warn(diag.Warnf("A0326", "builder %s gets its inputs over a network, in the clear", t.label).
				WithWhy("who can change what passes there changes what both builders see").
				WithHelp("use ssh://, or a network that you trust"))
		}
	default:
		builder = at.String()
	}
	if err := t.connect(ctx, builder, tls); err != nil {
		return err
	}
	token, err := inputs.NewToken(h.Random)
	if err != nil {
		return err
	}
	if t.server, err = inputs.NewSealed(h.Store, token, entries, h.Now); err != nil {
		return err
	}
	return t.server.Start(ln, t.address)
}

func closeListener(ln net.Listener) error {
	if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
