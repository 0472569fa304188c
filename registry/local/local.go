// Package local is a small OCI registry on this machine's loopback address, kept in a folder: for the demonstration, for
// tests, and to try a whole build, push and verify without an account anywhere.
//
// It follows the OCI distribution specification 1.1 with the referrers API (or, to be like registries that lack it, without)
// and is strict where go-containerregistry's test registry is not: a manifest is stored only under its own digest, only when
// everything it refers to is there, and a listing of referrers names each one's own artifact type. It asks nobody who they
// are, so it listens on loopback only.
package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Options says where a registry lives and what it is like.
type Options struct {
	// Dir is the folder of the content: made when missing; a later registry on it has the same content. Empty: a temporary folder, which
	// ends with the registry (Serve only).
	Dir  string
	Addr string // host:port on loopback; empty: 127.0.0.1 and a free port
	// NoReferrersAPI makes it a registry of before OCI 1.1: 404 for referrers, and no OCI-Subject.
	NoReferrersAPI bool
	// PageSize is the most entries in one page of a listing; 0: 100.
	PageSize int
}

// Server is a running registry.
type Server struct {
	URL  string // as in http://127.0.0.1:5000
	Host string // as in 127.0.0.1:5000, what a reference begins with

	server *http.Server
	done   chan struct{}
	left   error // why the temporary folder is still there, once done is closed
}

// Serve starts a registry. It ends with Close or with the context.
func Serve(ctx context.Context, opts Options) (*Server, error) {
	if opts.Addr == "" {
		opts.Addr = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(opts.Addr)
	if ip := net.ParseIP(host); err != nil || (host != "localhost" && (ip == nil || !ip.IsLoopback())) {
		return nil, fmt.Errorf("starting a local registry: `%s` is no loopback address", opts.Addr)
	}
	temp := ""
	if opts.Dir == "" {
		if temp, err = os.MkdirTemp("", "selfsame-registry-"); err != nil {
			return nil, fmt.Errorf("making a local registry: %w", err)
		}
		opts.Dir = temp
	}
	s, err := serve(ctx, opts, temp)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(temp))
	}
	return s, nil
}

// serve is Serve for a folder that is there. temp is removed at the end; empty: nothing is.
func serve(ctx context.Context, opts Options, temp string) (*Server, error) {
	handler, err := Handler(opts)
	if err != nil {
		return nil, err
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", opts.Addr)
	if err != nil {
		return nil, fmt.Errorf("starting a local registry: %w", err)
	}
	s := &Server{
		Host:   listener.Addr().String(),
		URL:    "http://" + listener.Addr().String(),
		server: &http.Server{Handler: handler, ReadHeaderTimeout: 30 * time.Second},
		done:   make(chan struct{}),
	}
	stop := context.AfterFunc(ctx, func() { s.server.Close() })
	go func() {
		defer close(s.done)
		defer stop()
		_ = s.server.Serve(listener) // ends with ErrServerClosed
		s.left = os.RemoveAll(temp)
	}()
	return s, nil
}

// Close ends the registry and the requests under way. Content stays in the folder that the options named.
func (s *Server) Close() error {
	err := s.server.Close()
	<-s.done
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, s.left)
}

// Handler is the registry without a listener.
func Handler(opts Options) (http.Handler, error) {
	if opts.Dir == "" {
		return nil, errors.New("making a local registry: no folder for its content")
	}
	if opts.PageSize <= 0 {
		opts.PageSize = 100
	}
	for _, sub := range []string{"blobs", "uploads", "repos"} {
		if err := os.MkdirAll(filepath.Join(opts.Dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("making a local registry: %w", err)
		}
	}
	return &handler{opts: opts, store: store{dir: opts.Dir}, listed: map[string][]string{}}, nil
}
