package rebuild

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify"
)

func encode(t *testing.T, v any) []byte {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func decode(t *testing.T, r io.Reader, v any) {
	t.Helper()
	if err := json.NewDecoder(r).Decode(v); err != nil {
		t.Fatal(err)
	}
}

// TestNothingIsBuiltBeforeItsEvidenceHolds: hostile or incomplete evidence ends the audit with its own code before there is a builder, and
// what holds gets as far as one (audits as remote code execution, issue 5 point 9).
func TestNothingIsBuiltBeforeItsEvidenceHolds(t *testing.T) {
	stranger := newSigner(t)
	for name, c := range map[string]struct {
		change func(*world, *Options)
		code   diag.Code
		exit   int
	}{
		"nobody is trusted": {func(_ *world, o *Options) { o.Release.Keys = nil }, "A0801", 10},
		"a stranger signed": {func(w *world, _ *Options) { w.signer = stranger }, "A0532", 15},
		"its signer may not release": {func(w *world, o *Options) {
			o.Signers = []trust.Signer{w.mayRelease(stranger), {Name: "signer", Keys: []trust.Key{w.release.Key()}, Roles: []trust.Role{trust.Rebuilder}}}
		}, "A0531", 16},
		"its signer may release something else": {func(w *world, o *Options) {
			other := w.mayRelease(w.release)
			other.Names = []string{"registry.example.com/team/other"}
			o.Signers = []trust.Signer{other}
		}, "A0532", 15},
		"its signer may release it":      {func(w *world, o *Options) { o.Signers = []trust.Signer{w.mayRelease(w.release)} }, "A0701", 17},
		"evidence of another repository": {func(w *world, _ *Options) { w.name = "registry.example.com/team/other" }, "A0532", 15},
		"a recipe that cannot be read":   {func(w *world, _ *Options) { w.recipe, w.lock = "recipe: v1\nsteps: {", "selfsame-lock v1\n" }, "A0802", 15},
		"a lock of a million lines": {func(w *world, _ *Options) {
			w.lock = "selfsame-lock v1\n" + strings.Repeat("x\n", 1_000_000)
		}, "A0802", 15},
		"a lock of another recipe": {func(w *world, _ *Options) {
			w.lock = fmt.Sprintf("selfsame-lock v1\nrecipe %s\n", digest.FromString("other"))
		}, "A0802", 15},
		"a folder of the builder's": {func(w *world, _ *Options) {
			w.recipe, _, _ = strings.Cut(recipeText, "build:")
			w.recipe += "build: {dockerfile: Dockerfile, contexts: {etc: {path: etc}}}\n"
		}, "A0339", 16},
		"a platform that the recipe lacks": {func(w *world, _ *Options) {
			w.recipe = strings.Replace(w.recipe, "linux/amd64", "linux/arm64", 1)
		}, "A0802", 15},
		"another BuildKit, of stages": {func(w *world, _ *Options) {
			w.buildkit, w.lock = "v0.1.0", w.lockOf("dockerfile.v0@v0.1.0")
		}, "A0803", 17},
		"another frontend":            {func(w *world, _ *Options) { w.frontend = "dockerfile.v0@v0.1.0" }, "A0803", 17},
		"no seal":                     {func(w *world, _ *Options) { w.noSeal = true }, "A0520", 16},
		"more inputs than the disk":   {func(_ *world, o *Options) { o.DiskBytes = 512 }, "A0804", 17},
		"a seal of other bytes":       {func(w *world, _ *Options) { w.spoil = otherBytes }, "A0512", 15},
		"it claims another machine":   {func(w *world, o *Options) { w.here(); o.Independence = provenance.OtherHost }, "A0807", 10},
		"it claims what is not":       {func(_ *world, o *Options) { o.Independence = "other-planet" }, "A0316", 10},
		"a challenge that is guessed": {func(_ *world, o *Options) { o.Challenge = "1" }, "A0316", 10},
		"a deny list that is not there": {func(_ *world, o *Options) {
			o.Ground = func(context.Context, *verify.Options) error { return diag.Errorf("A0564", "there is no deny list") }
		}, "A0564", 17},
		"a deny list by who releases": {func(w *world, o *Options) { o.Ground = w.denying(w.release) }, "A0567", 10},
		"its signer is denied": {func(w *world, o *Options) {
			o.Ground = w.denying(stranger, provenance.DenyEntry{Signer: &trust.Party{Key: trust.Key{Hint: w.release.Key().Hint}}})
		}, "A0565", 14},
		"its builder is denied": {func(w *world, o *Options) {
			o.Ground = w.denying(stranger, provenance.DenyEntry{Builder: provenance.BuilderID(provenance.ModeLocal)})
		}, "A0565", 14},
		"what it is built from is denied": {func(w *world, o *Options) {
			o.Ground = w.denying(stranger, provenance.DenyEntry{Base: digest.FromString(w.recipe)})
		}, "A0565", 14},
		"others are denied": {func(w *world, o *Options) {
			o.Ground = w.denying(stranger, provenance.DenyEntry{Digest: digest.FromString("x")}, provenance.DenyEntry{Builder: "https://ci.example.com"})
		}, "A0701", 17},
		"all of it holds": {func(*world, *Options) {}, "A0701", 17},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			o := Options{Release: signing.Trust{Keys: []*signing.Verifier{w.release.Verifier()}}}
			o.Rebuilder = func() (*signing.Signer, error) { t.Error("a key was opened"); return nil, io.EOF }
			o.Finder = o.Rebuilder
			c.change(w, &o)
			o.Reference = w.publish()
			res, err := w.auditor().Audit(t.Context(), o)
			list := diag.All(err)
			if res != nil || len(list) == 0 || list[0].Code != c.code || diag.ExitCode(err) != c.exit {
				t.Errorf("%v\nwant %s and exit %d", err, c.code, c.exit)
			}
			// What the evidence describes is not built, nor fetched, where it does not hold; an empty builder starts beside the fetching.
			holds := slices.Contains([]diag.Code{"A0520", "A0804", "A0512", "A0701"}, c.code)
			if _, err := os.Stat(w.started()); (err == nil) != holds {
				t.Errorf("a builder was wanted: %v, want %v", err == nil, holds)
			}
			if left := w.left(); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// mayRelease is a trust file's entry that lets s release anything.
func (w *world) mayRelease(s *signing.Signer) trust.Signer {
	return trust.Signer{Name: "release " + s.Key().Hint, Keys: []trust.Key{s.Key()}, Roles: []trust.Role{trust.Release}}
}

// TestOnePlatform: the image of one platform is not what its evidence is a whole of. It is refused before anything is verified, let alone made room for.
func TestOnePlatform(t *testing.T) {
	w := newWorld(t)
	ref := w.publish()
	index := must[registry.Resolved](t)(w.client.Resolve(t.Context(), ref))
	repo, _, _ := strings.Cut(ref, "@")
	asked := 0
	w.spoil = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/referrers/") || strings.Contains(r.URL.Path, "/blobs/") {
			asked++
		}
		return false
	}
	_, err := w.auditor().Audit(t.Context(), Options{
		Reference: repo + "@" + index.Parsed.Index.Manifests[0].Digest.String(), Release: signing.Trust{Keys: []*signing.Verifier{w.release.Verifier()}},
	})
	if list := diag.All(err); len(list) == 0 || list[0].Code != "A0316" || !strings.Contains(list[0].Summary, "the image of one platform") || asked > 0 {
		t.Errorf("%v; %d requests for evidence and blobs", err, asked)
	}
	if left := w.left(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// here makes the auditor's machine the one that the provenance names.
func (w *world) here() {
	w.machine = "0123456789abcdef0123456789abcdef"
	w.twinHost = provenance.HostName(w.machine, digest.FromString(w.recipe))
}

// otherBytes spoils the blobs of seals.
func otherBytes(rw http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
		return false
	}
	// An empty tar is the context's layer: the only blob of the seal whose digest is known from its content here.
	if strings.HasSuffix(r.URL.Path, digest.FromBytes(make([]byte, 1024)).Encoded()) {
		_, _ = rw.Write([]byte(strings.Repeat("x", 1024)))
		return true
	}
	return false
}
