package rebuild

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
)

// TestReadingOfOthersIsBounded: whoever may attach to an image decides neither how much an audit with a challenge reads, nor how long it takes.
func TestReadingOfOthersIsBounded(t *testing.T) {
	w := newWorld(t)
	got := must[registry.Resolved](t)(w.client.Resolve(t.Context(), w.publish()))
	attach := func(n int, kind string) {
		junk := fmt.Sprintf(`{"number":%d,"text":"%s"}`, n, strings.Repeat("x", maxPeer-100))
		must[[]artifact.Descriptor](t)(got.Repository.Attach(t.Context(), got.Descriptor, artifact.Bundle(signing.BundleMediaType, []byte(junk), kind)))
	}
	const enough = maxPeerBytes / maxPeer
	for n := range enough + 4 {
		attach(n, provenance.PredicateRebuild)
	}
	attach(1000, provenance.PredicateProvenance)
	var read atomic.Int64
	w.spoil = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			read.Add(1)
		}
		return false
	}
	a, said := w.auditor(), ""
	a.Notice = func(format string, args ...any) { said += fmt.Sprintf(format, args...) }
	res := &Result{}
	if err := a.peers(t.Context(), got, map[string][]digest.Digest{}, res); err != nil || len(res.Peers) > 0 {
		t.Errorf("%v, %v", res.Peers, err)
	}
	if read.Load() > enough || !strings.Contains(said, "not all statements of others were looked at") {
		t.Errorf("%d large statements were read, at most %d are to be; %q", read.Load(), enough, said)
	}
	// What does not call itself one is not read, and does not count.
	w.name = w.host + "/team/other"
	w.mark, w.sealed = "other", nil
	got = must[registry.Resolved](t)(w.client.Resolve(t.Context(), w.publish()))
	for n := range 3 {
		attach(n, provenance.PredicateProvenance)
	}
	read.Store(0)
	said = ""
	if err := a.peers(t.Context(), got, map[string][]digest.Digest{}, res); err != nil || read.Load() > 0 || said != "" {
		t.Errorf("%d were read; %q, %v", read.Load(), said, err)
	}
}
