package freshness_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
)

func TestDenyList(t *testing.T) {
	for name, where := range map[string]string{"registry": serve(t, nil) + "/ops/denylist", "file": filepath.Join(t.TempDir(), "deny.json")} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, where)
			d.create()
			out := d.add("bad")
			if out.Sequence != 2 || len(out.Entries) != 1 || d.add("bad").Sequence != 2 {
				t.Errorf("%+v; adding again must change nothing", out)
			}
			l, err := freshness.OpenDenyList(t.Context(), d.place, d.demand())
			if err != nil {
				t.Fatal(err)
			}
			if _, hit := l.Image(digest.FromString("bad")); !hit || l.Stateless() || l.Place != out.Pinned {
				t.Errorf("%s at %s, published at %s", l, l.Place, out.Pinned)
			}
			_, err = d.publisher().Create(t.Context(), "denylist")
			wantCode(t, "a second first list", err, "A0563", diag.ExitUndecided)
		})
	}
}

// TestDenyListDemands changes one thing at a time about who reads the list, and when.
func TestDenyListDemands(t *testing.T) {
	d := newDesk(t, serve(t, nil)+"/ops/denylist")
	d.create()
	d.add("bad")
	stranger := newSigner(t)
	for name, c := range map[string]struct {
		change func(*freshness.Demand)
		want   diag.Code
		exit   int
	}{
		"as it is":                {func(*freshness.Demand) {}, "", 0},
		"a second before it ends": {func(d *freshness.Demand) { d.Now = noon.Add(7*day - time.Second) }, "", 0},
		"expired":                 {func(d *freshness.Demand) { d.Now = noon.Add(7 * day) }, "A0560", diag.ExitUndecided},
		"a clock a day behind":    {func(d *freshness.Demand) { d.Now = noon.Add(-day) }, "A0560", diag.ExitUndecided},
		"a clock minutes behind":  {func(d *freshness.Demand) { d.Now = noon.Add(-9 * time.Minute) }, "", 0},
		"a clock a day ahead":     {func(d *freshness.Demand) { d.Now = noon.Add(day) }, "", 0},
		"below the minimum":       {func(d *freshness.Demand) { d.Minimum = 3 }, "A0560", diag.ExitUndecided},
		"at the minimum":          {func(d *freshness.Demand) { d.Minimum = 2 }, "", 0},
		"too old":                 {func(d *freshness.Demand) { d.MaxAge = 59 * time.Minute }, "A0560", diag.ExitUndecided},
		"another key":             {func(d *freshness.Demand) { d.Trust = trustOf(stranger) }, "A0561", diag.ExitInvalid},
		"nobody's key":            {func(d *freshness.Demand) { d.Trust = signing.Trust{} }, "A0561", diag.ExitInvalid},
		"stateless":               {func(d *freshness.Demand) { d.Memory = nil }, "", 0},
	} {
		demand := d.demand()
		c.change(&demand)
		t.Run(name, func(t *testing.T) {
			l, err := freshness.OpenDenyList(t.Context(), d.place, demand)
			wantCode(t, name, err, c.want, c.exit)
			if err == nil && l.Stateless() != (name == "stateless") {
				t.Errorf("stateless %v", l.Stateless())
			}
		})
	}
}

// TestN23DenyListRollback: a registry that serves an older genuine list is found out by whoever has seen a newer one, and by nobody else (rollback in
// TUF: CVE-2022-29173).
func TestN23DenyListRollback(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deny.json")
	d := newDesk(t, path)
	d.create()
	d.add("one")
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d.add("two")
	demand := d.demand()
	open := func() error {
		_, err := freshness.OpenDenyList(t.Context(), d.place, demand)
		return err
	}
	wantCode(t, "the newest", open(), "", 0)
	wantCode(t, "the newest again", open(), "", 0)
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "an older one", open(), "A0560", diag.ExitUndecided)
	_, err = d.publisher().Change(t.Context(), false, adding("three"))
	wantCode(t, "building upon an older one", err, "A0560", diag.ExitUndecided)

	// Another list of the number that was seen.
	other := d.publisher()
	other.Memory = nil
	if _, err := other.Change(t.Context(), false, adding("four")); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "another of the same number", open(), "A0560", diag.ExitUndecided)
	demand.Memory = nil
	wantCode(t, "stateless", open(), "", 0)
}

// TestMemory: a memory that is damaged or cannot be written decides nothing.
func TestMemory(t *testing.T) {
	d := newDesk(t, serve(t, nil)+"/ops/denylist")
	d.create()
	demand := d.demand()
	if _, err := freshness.OpenDenyList(t.Context(), d.place, demand); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(demand.Memory.Dir, "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	if err := os.WriteFile(files[0], []byte(`{"kind":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = freshness.OpenDenyList(t.Context(), d.place, demand)
	wantCode(t, "damaged", err, "A0562", diag.ExitUndecided)
	demand.Memory = &freshness.Memory{Dir: files[0] + "/sub"}
	_, err = freshness.OpenDenyList(t.Context(), d.place, demand)
	wantCode(t, "no folder", err, "A0562", diag.ExitUndecided)
}

// TestDenyListHidden: a list that cannot be had, or is something else, decides nothing.
func TestDenyListHidden(t *testing.T) {
	var fault http.HandlerFunc
	host := serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if fault != nil {
				fault(w, req)
				return
			}
			next.ServeHTTP(w, req)
		})
	})
	d := newDesk(t, host+"/ops/denylist")
	_, err := freshness.OpenDenyList(t.Context(), d.place, d.demand())
	wantCode(t, "none", err, "A0564", diag.ExitUndecided)
	_, err = d.publisher().Change(t.Context(), false, adding("x"))
	wantCode(t, "adding to none", err, "A0564", diag.ExitUndecided)
	d.create()

	elsewhere := newDesk(t, host+"/ops/other")
	elsewhere.signer = d.signer
	elsewhere.create()
	bundle, _, _, err := d.place.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := elsewhere.place.Write(t.Context(), bundle); err != nil {
		t.Fatal(err)
	}
	_, err = freshness.OpenDenyList(t.Context(), elsewhere.place, d.demand())
	wantCode(t, "N12 another repository's list", err, "A0561", diag.ExitInvalid)

	signed, err := signing.SignUnchecked(t.Context(), d.signer, []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x","digest":{"sha256":"`+strings.Repeat("0", 64)+`"}}],"predicateType":"`+provenance.PredicateRebuild+`","predicate":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.place.Write(t.Context(), signed); err != nil {
		t.Fatal(err)
	}
	_, err = freshness.OpenDenyList(t.Context(), d.place, d.demand())
	wantCode(t, "N6 another predicate", err, "A0561", diag.ExitInvalid)

	fault = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }
	_, err = freshness.OpenDenyList(t.Context(), newDesk(t, host+"/ops/denylist").place, d.demand())
	wantCode(t, "refused", err, "A0510", diag.ExitUndecided)
	fault = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "0")
		http.Error(w, "no", http.StatusServiceUnavailable)
	}
	_, err = freshness.OpenDenyList(t.Context(), newDesk(t, host+"/ops/denylist").place, d.demand())
	wantCode(t, "unreachable", err, "A0511", diag.ExitUndecided)
}
