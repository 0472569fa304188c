package kube

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/test/fixture"
)

// start tries three times: a port that was free may be somebody else's by the time that a program asks for it.
func start(opts Options) (*Server, error) {
	var errs []error
	for range 3 {
		s, err := startOnce(opts)
		if err == nil {
			return s, nil
		}
		s.stop()
		if errs = append(errs, err); !strings.Contains(err.Error(), "address already in use") {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func startOnce(opts Options) (s *Server, err error) {
	s = &Server{Token: rand.Text()}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if s.Dir, err = os.MkdirTemp("", "kube-"); err != nil {
		return s, err
	}
	ports, err := fixture.Ports(3)
	if err != nil {
		return s, err
	}
	client, peer, secure := ports[0], ports[1], ports[2]
	if err := s.files(opts); err != nil {
		return s, err
	}
	s.flags = s.apiFlags(opts, client, secure)
	s.URL = "https://127.0.0.1:" + secure
	if s.etcd, err = run(s.Dir, "etcd", etcdFlags(s.Dir, client, peer)); err != nil {
		return s, err
	}
	return s, s.startAPI(ctx)
}

func (s *Server) startAPI(ctx context.Context) (err error) {
	if s.api, err = run(s.Dir, "kube-apiserver", s.flags); err != nil {
		return err
	}
	for {
		err := s.ready(ctx)
		if err == nil {
			return nil
		}
		for _, p := range []*process{s.etcd, s.api} {
			if p.ended() {
				return fmt.Errorf("%s ended:\n%s", p.name, p.log())
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no answer from the API server (%w):\n%s", err, s.api.log())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ready asks for the certificate first: the server makes it while it starts. Pods can be made once the default namespace is there.
func (s *Server) ready(ctx context.Context) (err error) {
	if s.CA, err = os.ReadFile(filepath.Join(s.Dir, "certs", "apiserver.crt")); err != nil {
		return err
	}
	if _, err := s.Client().Do(ctx, "GET", "/readyz", "", nil); err != nil {
		return err
	}
	return s.Client().Get(ctx, "/api/v1/namespaces/default", nil)
}

func (s *Server) stop() {
	for _, p := range []*process{s.api, s.etcd} {
		if p != nil {
			p.kill()
		}
	}
	_ = os.RemoveAll(s.Dir)
}

// files writes what the flags refer to.
func (s *Server) files(opts Options) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	var static bytes.Buffer
	writeStatic(&static, opts)
	for name, content := range map[string][]byte{
		"sa.key":         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		"tokens.csv":     []byte(s.Token + ",admin,admin,system:masters\n"),
		"admission.yaml": static.Bytes(),
	} {
		if err := os.WriteFile(filepath.Join(s.Dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
