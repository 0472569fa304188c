package rebuild

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify"
)

// denying opens a deny list that somebody has signed.
func (w *world) denying(by *signing.Signer, entries ...provenance.DenyEntry) func(context.Context, *verify.Options) error {
	return func(ctx context.Context, o *verify.Options) error {
		now := time.Now().UTC().Truncate(time.Second)
		for i := range entries {
			entries[i].Reason, entries[i].Added = "it leaks", now
		}
		st, err := provenance.DenyListStatement("registry.example.com/ops/denylist", provenance.DenyList{Edition: provenance.NewEdition(7, now, time.Hour), Entries: entries})
		if err != nil {
			return err
		}
		bundle := must[[]byte](w.t)(signing.SignUnchecked(ctx, by, st.Payload))
		place := must[freshness.Place](w.t)(freshness.OpenPlace(nil, filepath.Join(w.t.TempDir(), "deny.json")))
		must[string](w.t)(place.Write(ctx, bundle))
		o.Deny, err = freshness.OpenDenyList(ctx, place, freshness.Demand{Trust: trusting(by), Now: now})
		return err
	}
}

// TestDeniedImageIsNotAudited: an image that was taken back is not built, and not even its evidence is asked for. A watch asks the list for each
// audit anew.
func TestDeniedImageIsNotAudited(t *testing.T) {
	w, revoker := newWorld(t), newSigner(t)
	ref := w.publish()
	o := Options{Reference: ref, Release: trusting(w.release), Ground: w.denying(revoker, provenance.DenyEntry{Digest: digest.Digest(ref[strings.Index(ref, "@")+1:])})}
	asked := 0
	w.spoil = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/referrers/") || strings.Contains(r.URL.Path, "/blobs/") {
			asked++
		}
		return false
	}
	_, err := w.auditor().Audit(t.Context(), o)
	if list := diag.All(err); len(list) == 0 || list[0].Code != "A0565" || diag.ExitCode(err) != diag.ExitPolicy || asked > 0 {
		t.Errorf("%v; %d requests for evidence and blobs", err, asked)
	}
	denied, opened := o.Ground, 0
	o.Ground = func(ctx context.Context, asked *verify.Options) error {
		if opened++; opened == 1 {
			return w.denying(revoker)(ctx, asked)
		}
		return denied(ctx, asked)
	}
	list := filepath.Join(t.TempDir(), "watched")
	if err := os.WriteFile(list, []byte(ref+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var codes []diag.Code
	for range 2 {
		_, err := w.auditor().Watch(t.Context(), o, WatchOptions{File: list, Once: true}, func(l Line) error { codes = append(codes, l.Code); return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(codes, []diag.Code{"A0701", "A0565"}) {
		t.Errorf("rounds end with %v", codes)
	}
}

// TestWhoCountsIsReadAnew: who may release is who may when an audit begins, and it is by that that nobody signs who releases.
func TestWhoCountsIsReadAnew(t *testing.T) {
	w, other := newWorld(t), newSigner(t)
	keys := []*signing.Verifier{w.release.Verifier(), other.Verifier()}
	var now []trust.Signer
	o := Options{Release: signing.Trust{Keys: keys}, Ground: func(_ context.Context, o *verify.Options) error {
		o.Signers = now
		return nil
	}}
	list := filepath.Join(t.TempDir(), "watched")
	if err := os.WriteFile(list, []byte(w.publish()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		now  []trust.Signer
		want diag.Code
	}{
		{[]trust.Signer{w.mayRelease(w.release)}, "A0701"}, // it holds, and there is no builder here
		{[]trust.Signer{w.mayRelease(other)}, "A0532"},
		{[]trust.Signer{}, "A0801"},
	} {
		now = c.now
		_, err := w.auditor().Watch(t.Context(), o, WatchOptions{File: list, Once: true}, func(l Line) error {
			if l.Code != c.want {
				t.Errorf("%s, want %s", l.Code, c.want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	now, o = []trust.Signer{w.mayRelease(w.release), w.mayRelease(other)}, o.withDefaults()
	got := must[registry.Resolved](t)(w.auditor().Registry.Resolve(t.Context(), w.publish()))
	if _, err := w.auditor().evidence(t.Context(), &o, got, &Result{}); err != nil {
		t.Fatal(err)
	}
	if err := o.apart(trust.Party{Key: other.Key()}); diag.ExitCode(err) != diag.ExitUsage {
		t.Errorf("who may release by now: %v", err)
	}
}
