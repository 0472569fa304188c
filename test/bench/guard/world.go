package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/registry/local"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// world is a registry on loopback, a key, and a guard's folder.
type world struct {
	dir, host string
	client    *registry.Client
	keys      []*signing.Signer // of release and the attestors
	requests  atomic.Int64
	delay     atomic.Int64 // before each answer
	close     func()
}

// signers are release and four more: the statements of an image are signed by one after the other.
const signers = 5

// rules want a signed list of contents with a package in it, and of pods' images the word of all five.
const rules = `policy: v1
name: bench
version: 1
rules:
  - {name: signed, match: ["**"], require: 'signatures.exists(s, s.signer == "signer-0")', message: m, fix: f}
  - {name: attested, match: ["**/pods/**"], require: 'signatures.map(s, s.signer).distinct().size() == 5', message: m, fix: f}
  - {name: licences, match: ["**"], require: '!packages.exists(p, p.license == "AGPL-3.0-only")', message: m, fix: f}
`

func newWorld(dir string) (*world, error) {
	w := &world{dir: dir, client: registry.New(registry.Options{Attempts: 1})}
	h, err := local.Handler(local.Options{Dir: filepath.Join(dir, "registry")})
	if err != nil {
		return nil, err
	}
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.requests.Add(1)
		pause(time.Duration(w.delay.Load()))
		h.ServeHTTP(rw, r)
	}))
	w.host, w.close = strings.TrimPrefix(s.URL, "http://"), s.Close
	trusted := "trust: v1\nsigners:\n"
	for i := range signers {
		signer, err := newKey()
		if err != nil {
			return nil, err
		}
		w.keys = append(w.keys, signer)
		name := fmt.Sprintf("signer-%d", i)
		if err := os.WriteFile(filepath.Join(dir, name+".pub"), signer.Verifier().PEM(), 0o600); err != nil {
			return nil, err
		}
		trusted += fmt.Sprintf("  %s: {keys: [%s.pub], roles: [release]}\n", name, name)
	}
	config := "guard: v1\ntrust: trust.yaml\npolicy: {file: policy.yaml}\n"
	for name, text := range map[string]string{
		"policy.yaml": rules, "trust.yaml": trusted,
		"guard.yaml":   config + "state: state\nsocket: {path: run/guard.sock}\ndecisions: decisions.json\nnri: {socket: nri.sock}\n",
		"webhook.yaml": config + "state: webhook\ndecisions: reviews.json\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func newKey() (*signing.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	signer, err := signing.LoadSigner(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil)
	if err != nil {
		return nil, err
	}
	return signer.For(trust.Release), nil
}

// push stores an image, and attaches signed lists of its contents: as many statements as asked for, of so many packages each.
func (w *world) push(ctx context.Context, name string, statements, packages int) (engine.Question, error) {
	q := engine.Question{Name: w.host + "/" + name, Who: engine.Who{Gate: engine.GateStart, Namespace: "shop"}}
	dir, err := os.MkdirTemp(w.dir, "image")
	if err != nil {
		return q, err
	}
	defer os.RemoveAll(dir)
	d, err := image(ctx, dir, name)
	if err != nil {
		return q, err
	}
	q.Digest = d.Digest
	if _, err := w.client.Push(ctx, dir, d.Digest, q.Name+":v1", nil); err != nil {
		return q, err
	}
	repo, err := w.client.Repository(q.Name)
	if err != nil {
		return q, err
	}
	for i := range statements {
		made, err := provenance.SBOMStatement(q.Name, v1.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size}, contents(i, packages))
		if err != nil {
			return q, err
		}
		bundle, err := signing.Sign(ctx, w.keys[i%signers], made.Payload)
		if err != nil {
			return q, err
		}
		if _, err := repo.Attach(ctx, d, artifact.Bundle(signing.BundleMediaType, bundle, made.PredicateType)); err != nil {
			return q, err
		}
	}
	return q, nil
}

func contents(n, packages int) []byte {
	var list []string
	for i := range packages {
		list = append(list, fmt.Sprintf(`{"SPDXID":"SPDXRef-%d","name":"package-%d","versionInfo":"1.%d","licenseDeclared":"MIT","downloadLocation":"NOASSERTION"}`, i, i, n))
	}
	return []byte(`{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"x","packages":[` + strings.Join(list, ",") + `]}`)
}

// image writes an image of one manifest without layers into a layout.
func image(ctx context.Context, dir, name string) (artifact.Descriptor, error) {
	l, err := layout.Create(dir)
	if err != nil {
		return artifact.Descriptor{}, err
	}
	config := []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`)
	c := v1.Descriptor{MediaType: v1.MediaTypeImageConfig, Digest: digest.FromBytes(config), Size: int64(len(config))}
	raw, err := json.Marshal(v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Config: c, Layers: []v1.Descriptor{},
		Annotations: map[string]string{"name": name, "at": time.Now().String()}})
	if err != nil {
		return artifact.Descriptor{}, err
	}
	d := artifact.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if err := l.PutBlob(ctx, c, bytes.NewReader(config)); err != nil {
		return d, err
	}
	if err := l.PutBlob(ctx, d, bytes.NewReader(raw)); err != nil {
		return d, err
	}
	return d, l.Add(ctx, d, raw)
}
