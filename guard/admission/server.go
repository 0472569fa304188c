package admission

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// Serving is what a server needs beside its gate.
type Serving struct {
	Listen       string // host:port of the webhook, TLS
	Health       string // host:port of /livez, /readyz and Metrics, plain HTTP; empty: none
	Certificates *Certificates
	Callers      *Callers // who may connect; nil: anyone
	// Ready says why the gate could not decide anything now; nil: it could.
	Ready func() error
	// Metrics is served at /metrics; nil: nothing is.
	Metrics http.Handler
	// Drain is how long is waited between the signal to stop and the end of listening: until then API servers still send, because a
	// Service learns late that a pod ends.
	Drain time.Duration
	// Failed is told of certificates that cannot be used.
	Failed func(error)
	// Renewal is how often the files of certificate and callers are looked at; 0: 10 s.
	Renewal time.Duration
	// Listening, when set, is told the addresses once both are open.
	Listening func(webhook, health net.Addr)
}

// graceful bounds the end: the API server gives up after 30 s at the latest (timeoutSeconds).
const graceful = 30 * time.Second

// Serve answers reviews until ctx ends, then says that it is not ready, goes on for s.Drain, lets what is under way end, and returns nil.
// A0921: an address cannot be listened on.
func (g *Gate) Serve(ctx context.Context, s Serving) error {
	var config net.ListenConfig
	hook, err := config.Listen(ctx, "tcp", s.Listen)
	if err != nil {
		return diag.Errorf(codeListen, "listening for the API server: %w", err).WithHelp("give another address with --listen")
	}
	var ending atomic.Bool
	server := g.server(s, &ending)
	var health *http.Server
	failed := make(chan error, 2)
	var at net.Addr
	if s.Health != "" {
		l, err := config.Listen(ctx, "tcp", s.Health)
		if err != nil {
			return errors.Join(diag.Errorf(codeListen, "listening for probes: %w", err).WithHelp("give another address with --health-listen"), hook.Close())
		}
		at, health = l.Addr(), probes(s, &ending)
		go func() { failed <- health.Serve(l) }()
		defer health.Close()
	}
	renewal, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go s.Certificates.Watch(renewal, cmp.Or(s.Renewal, 10*time.Second), s.Failed)
	if s.Callers != nil {
		go s.Callers.Watch(renewal, cmp.Or(s.Renewal, 10*time.Second), s.Failed)
	}
	go func() { failed <- server.ServeTLS(hook, "", "") }()
	if s.Listening != nil {
		s.Listening(hook.Addr(), at)
	}
	select {
	case err := <-failed:
		return errors.Join(err, server.Close())
	case <-ctx.Done():
	}
	ending.Store(true)
	time.Sleep(s.Drain)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceful)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}

// leaving has each answer of a server that is ending be the last of its connection, so that API servers come back by way of their Service, to a
// replica that goes on: on a connection that is closed at the very end, the review that was just sent would be lost.
func leaving(h http.Handler, ending *atomic.Bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ending.Load() {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}

func (g *Gate) server(s Serving, ending *atomic.Bool) *http.Server {
	server := &http.Server{
		Handler:           leaving(g.Handler(), ending),
		TLSConfig:         s.Certificates.Config(s.Callers),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       2 * bodyTime,
		WriteTimeout:      graceful + 5*time.Second,
		IdleTimeout:       90 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // handshakes that fail, one line for each port scan
	}
	if s.Callers != nil {
		server.Handler, server.ConnContext = s.Callers.only(server.Handler), s.Callers.begin
	}
	return server
}

// probes are what a kubelet asks. /readyz fails while the gate could decide nothing, /livez only when the process does not answer: a restart
// brings no registry back.
func probes(s Serving, ending *atomic.Bool) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		err := s.Certificates.Check()
		if err == nil && s.Ready != nil {
			err = s.Ready()
		}
		if ending.Load() {
			err = errors.New("shutting down")
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	if s.Metrics != nil {
		mux.Handle("GET /metrics", s.Metrics)
	}
	return &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: log.New(io.Discard, "", 0)}
}
