package freshness_test

import (
	"context"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/local"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/signingtest"
	"github.com/selfsame-build/selfsame/trust"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

type anonymous struct{}

func (anonymous) Resolve(authn.Resource) (authn.Authenticator, error) { return authn.Anonymous, nil }

func newClient() *registry.Client {
	return registry.New(registry.Options{Keychain: anonymous{}, Stall: 5 * time.Second, Attempts: 2})
}

// serve runs a registry behind wrap (nil: none) and gives its host:port.
func serve(t *testing.T, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	h, err := local.Handler(local.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if wrap != nil {
		h = wrap(h)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func newSigner(t *testing.T) *signing.Signer { return signingtest.NewSigner(t, "") }

func trustOf(signers ...*signing.Signer) signing.Trust {
	var t signing.Trust
	for _, s := range signers {
		t.Keys = append(t.Keys, s.Verifier())
	}
	return t
}

// wantCode demands a diagnostic and its exit code; "" demands success.
func wantCode(t *testing.T, what string, err error, code diag.Code, exit int) {
	t.Helper()
	if code == "" {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return
	}
	for _, d := range diag.All(err) {
		if d.Code == code && diag.ExitCode(err) == exit {
			return
		}
	}
	t.Errorf("%s: error %v (exit %d), want %s and exit %d", what, err, diag.ExitCode(err), code, exit)
}

// desk is an operator's: a key, a list, a clock that stands still.
type desk struct {
	t      *testing.T
	place  freshness.Place
	signer *signing.Signer
	dir    string
}

func newDesk(t *testing.T, ref string) desk {
	t.Helper()
	place, err := freshness.OpenPlace(newClient(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return desk{t, place, newSigner(t).For(trust.Revoker), t.TempDir()}
}

func (d desk) publisher() freshness.Publisher {
	return freshness.Publisher{
		Place: d.place, Signer: d.signer, Trust: trustOf(d.signer), Life: 7 * day, Memory: &freshness.Memory{Dir: d.dir},
		Now: func() time.Time { return noon }, Jitter: mathrand.Float64,
		Sleep: func(context.Context, time.Duration) error { return nil },
	}
}

func (d desk) create() {
	d.t.Helper()
	if _, err := d.publisher().Create(d.t.Context(), "denylist"); err != nil {
		d.t.Fatal(err)
	}
}

func (d desk) add(what string) freshness.Published {
	d.t.Helper()
	out, err := d.publisher().Change(d.t.Context(), false, adding(what))
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

// adding denies the image whose digest is that of a text.
func adding(what string) func([]provenance.DenyEntry) []provenance.DenyEntry {
	e := provenance.DenyEntry{Digest: digest.FromString(what), Reason: "because", Added: noon}
	return func(old []provenance.DenyEntry) []provenance.DenyEntry {
		for _, o := range old {
			if o.Subject() == e.Subject() {
				return old
			}
		}
		return append(old, e)
	}
}

func (d desk) demand() freshness.Demand {
	return freshness.Demand{Trust: trustOf(d.signer), Now: noon.Add(time.Hour), Memory: &freshness.Memory{Dir: d.t.TempDir()}}
}
