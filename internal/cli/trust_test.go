package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/recipes/lock"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/signingtest"
)

const shop = "registry.example.com/team/shop"

// trusting is a folder with an image, its statements and keys, in which commands are run.
type trusting struct {
	t          *testing.T
	dir        string
	image      *layout.Layout
	statements []provenance.Subjected
}

func newTrusting(t *testing.T, keys ...string) *trusting {
	t.Helper()
	w := &trusting{t: t, dir: t.TempDir()}
	t.Chdir(w.dir)
	for _, k := range keys {
		w.newKey(k)
	}
	var err error
	if w.image, err = layout.Create("image"); err != nil {
		t.Fatal(err)
	}
	manifest := w.put(v1.MediaTypeImageManifest, v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Layers: []v1.Descriptor{},
		Config: v1.Descriptor{MediaType: v1.MediaTypeImageConfig, Digest: digest.FromString("config"), Size: 6},
	}, false)
	listed := manifest
	listed.Platform = &v1.Platform{OS: "linux", Architecture: "amd64"}
	index := w.put(v1.MediaTypeImageIndex, v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{listed}}, true)
	sum := digest.FromString
	w.statements, err = provenance.Statements(provenance.Build{
		Name: shop, Index: index, IndexTwin: index.Digest,
		Images: []provenance.Image{{Platform: "linux/amd64", Manifest: manifest, Twin: manifest.Digest, DiffIDs: []digest.Digest{sum("layer")}}},
		Recipe: provenance.Recipe{Path: "recipe.yaml", Digest: sum("recipe"), Canonical: sum("canonical")},
		Lock: provenance.Lock{Path: "selfsame.lock", Digest: sum("lock"), Entries: []lock.Entry{
			{Kind: lock.KindImage, Key: "debian:12", Digest: sum("base")},
			{Kind: lock.KindResponse, Key: "https://example.com/left-pad.tgz", Digest: sum("left-pad"), PURL: "pkg:npm/left-pad@1.3.0"},
		}},
		Source:   provenance.Source{Path: ".", Context: sum("context")},
		Settings: provenance.Settings{BuildKit: "v0.34.2", Frontend: "stages@v1"},
		Twins:    []provenance.Twin{{Name: "A"}, {Name: "B"}}, Axes: []provenance.Axis{{Name: "clock", State: provenance.AxisMeasured, A: "1", B: "2"}},
		Independence: provenance.SameHost, BuilderID: provenance.BuilderID(provenance.ModeLocal), InvocationID: "run-1",
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// newKey makes a pair that needs no password, since finding a key behind one takes a while on purpose.
func (w *trusting) newKey(name string) {
	w.t.Helper()
	private, public := signingtest.NewPair(w.t)
	w.write(name+".key", string(private))
	w.write(name+".pub", string(public))
}

func (w *trusting) put(mediaType string, v any, list bool) artifact.Descriptor {
	w.t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		w.t.Fatal(err)
	}
	d := artifact.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if err = w.image.PutBlob(w.t.Context(), d, bytes.NewReader(raw)); err == nil && list {
		err = w.image.Add(w.t.Context(), d, raw)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// run is one command, with its exit code and what it wrote.
func (w *trusting) run(args ...string) (code int, out, errs string) {
	w.t.Helper()
	var o, e bytes.Buffer
	code = Main(w.t.Context(), args, Streams{Out: &o, Err: &e, Env: func(name string) string {
		return map[string]string{"SELFSAME_KEY_PASSWORD": "secret", "HOME": w.dir}[name]
	}})
	return code, o.String(), e.String()
}

// must runs a command that has to end with code, and say.
func (w *trusting) must(code int, say string, args ...string) string {
	w.t.Helper()
	got, out, errs := w.run(args...)
	if got != code || !strings.Contains(out+errs, say) {
		w.t.Errorf("%s: exit %d, want %d and %q\n%s%s", strings.Join(args, " "), got, code, say, out, errs)
	}
	return out
}

// attach signs statements of one kind with a key, changed, and gives the digest of the first.
func (w *trusting) attach(key, kind string, change ...string) digest.Digest {
	w.t.Helper()
	raw, err := os.ReadFile(key + ".key")
	if err != nil {
		w.t.Fatal(err)
	}
	signer, err := signing.LoadSigner(raw, []byte("secret"))
	if err != nil {
		w.t.Fatal(err)
	}
	var first digest.Digest
	for _, s := range w.statements {
		if s.PredicateType != kind {
			continue
		}
		payload := []byte(strings.NewReplacer(change...).Replace(string(s.Payload)))
		bundle, err := signing.SignUnchecked(w.t.Context(), signer, payload)
		if err == nil {
			_, err = w.image.Attach(w.t.Context(), s.Subject, artifact.Bundle(signing.BundleMediaType, bundle, kind))
		}
		if err != nil {
			w.t.Fatal(err)
		}
		if first == "" {
			first = digest.FromBytes(payload)
		}
	}
	return first
}

func (w *trusting) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// TestTrustCommands goes the way from a key to a trust file, a roster, a veto, its waiver and summaries.
func TestTrustCommands(t *testing.T) {
	w := newTrusting(t, "release", "qa", "univ", "head")
	w.attach("release", provenance.PredicateProvenance)
	w.attach("release", provenance.PredicateRebuild)
	w.must(0, "1 file, 1 signer or owner", "trust", "init", "--key", "release.pub")
	w.must(10, "is there already", "trust", "init", "--key", "release.pub")
	w.must(10, "needs --key", "trust", "init", "other.yaml")
	w.must(0, "verified: image was built twice", "verify", "image", "--trust", "trust.yaml")
	w.must(10, "needs --key, --certificate-identity or --trust", "verify", "image")
	w.must(10, "leave --key", "verify", "image", "--trust", "trust.yaml", "--key", "release.pub")
	w.must(10, "A0601", "verify", "image", "--trust", "gone.yaml")
	w.must(14, "SLSA Build L1, and L2 is asked for", "verify", "image", "--trust", "trust.yaml", "--min-level", "2")
	w.must(10, "it is L1, L2 or L3", "verify", "image", "--trust", "trust.yaml", "--min-level", "4")

	w.write("trust.yaml", "trust: v1\nsigners:\n  release: {keys: [release.pub], roles: [release], owner: maker}\n  head: {keys: [head.pub], roles: [waiver]}\n")
	w.write("roster.yaml", "roster: v1\nowners:\n  qa: {keys: [qa.pub], environment: x86}\n  univ: {keys: [univ.pub], environment: arm}\ndemand: {owners: 1}\n")
	w.must(0, "2 files, 4 signers and owners", "trust", "check", "trust.yaml", "roster.yaml")
	with := []string{"--trust", "trust.yaml", "--roster", "roster.yaml"}
	verify := func(code int, say string, more ...string) string {
		t.Helper()
		return w.must(code, say, append(append([]string{"verify", "image"}, with...), more...)...)
	}
	verify(14, "0 of 1 owners")
	w.attach("qa", provenance.PredicateRebuild, "run-1", "run-2")
	verify(0, "1 of 1 owners")
	verify(14, "1 of 2 owners", "--rebuilders", "2")
	w.attach("univ", provenance.PredicateRebuild, "run-1", "run-3")
	verify(0, "2 of 2 owners", "--rebuilders", "2", "--rebuilder-environments", "2")
	verify(14, "0 of 1 owners among qa, univ fetched the inputs anew", "--rebuilders-refetched", "1")
	verify(0, "3 of 3 owners", "--rebuilders", "3", "--include-original")
	w.must(10, "need --roster or --trust", "verify", "image", "--key", "release.pub", "--rebuilders", "1")

	finding := w.attach("univ", provenance.PredicateRebuild, "run-1", "run-4", `"result":"match"`, `"result":"mismatch"`)
	if out := verify(14, "differed"); !strings.Contains(out, "finding "+finding.String()) {
		t.Errorf("the finding is not named: %s", out)
	}
	w.waives(finding, verify)
	w.summarises(verify)
}

// waives overrules the finding about the index, and then the one about its manifest.
func (w *trusting) waives(finding digest.Digest, verify func(int, string, ...string) string) {
	w.t.Helper()
	end := time.Now().AddDate(0, 1, 0).Format(time.DateOnly)
	waive := func(code int, say string, finding string, more ...string) {
		w.t.Helper()
		w.must(code, say, append([]string{"waive", "image", "--finding", finding, "--owner", "head@example.com", "--reason", "broken disk", "--key", "head.key"}, more...)...)
	}
	waive(10, "needs --finding", "x", "--until", end)
	waive(10, "that day is over", finding.String(), "--until", "2020-01-01")
	waive(10, "needs --until", finding.String())
	waive(10, "no statement", digest.FromString("x").String(), "--until", end)
	waive(10, "nothing to waive", digest.FromBytes(w.statements[0].Payload).String(), "--until", end)
	waive(0, "waiving a rebuild with the result mismatch", finding.String(), "--until", end)
	out := verify(14, "is overruled by head@example.com (head)") // the platform's own finding is another
	all := regexp.MustCompile(`finding (sha256:[0-9a-f]{64})\)`).FindAllStringSubmatch(out, -1)
	if len(all) != 1 {
		w.t.Fatalf("%d findings are left:\n%s", len(all), out)
	}
	waive(0, "sha256:", all[0][1], "--until", end)
	verify(0, "is overruled by head@example.com (head)")
}

// summarises writes summaries, and checks who may sign which.
func (w *trusting) summarises(verify func(int, string, ...string) string) {
	w.t.Helper()
	verify(0, "", "--vsa", "vsa.json", "--vsa-reproduced", "rep.json", "--svr", "svr.json")
	for name, want := range map[string]string{
		"vsa.json": `"verifiedLevels":["SLSA_BUILD_LEVEL_1"]`, "rep.json": `"verifiedLevels":["SLSA_BUILD_LEVEL_1","SLSA_BUILD_REPRODUCED"]`, "svr.json": `"SELFSAME_OWNERS_3"`,
	} {
		if raw, err := os.ReadFile(name); err != nil || !strings.Contains(string(raw), want) {
			w.t.Errorf("%s: %v %s", name, err, raw)
		}
	}
	verify(0, "", "--vsa", "signed.json", "--sign-with", "qa.key")
	raw, err := os.ReadFile("signed.json")
	if err != nil {
		w.t.Fatal(err)
	}
	pub, err := os.ReadFile("qa.pub")
	if err != nil {
		w.t.Fatal(err)
	}
	v, err := signing.LoadVerifier(pub)
	if err != nil {
		w.t.Fatal(err)
	}
	if got, err := (signing.Trust{Keys: []*signing.Verifier{v}}).Verify(raw); err != nil || !bytes.Contains(got.Payload, []byte("PASSED")) {
		w.t.Errorf("%v %s", err, got.Payload)
	}
	verify(0, "", "--vsa", "envelope.json", "--sign-with", "qa.key", "--summary-format", "dsse")
	if raw, err := os.ReadFile("envelope.json"); err != nil || !strings.HasPrefix(string(raw), `{"payload":"`) {
		w.t.Errorf("%v %s", err, raw)
	}
	verify(10, "it is bundle or dsse", "--vsa", "x.json", "--summary-format", "jws")
	// A failure is written for the finding key only, and never beside the other one.
	verify(14, "no summary is written", "--rebuilders", "4", "--vsa", "failed.json", "--sign-with", "qa.key")
	if _, err := os.Stat("failed.json"); err == nil {
		w.t.Error("a failed summary for a key that signs successes")
	}
	verify(14, "are one key", "--rebuilders", "4", "--vsa", "failed.json", "--sign-with", "qa.key", "--finding-key", "qa.key")
	verify(14, "", "--rebuilders", "4", "--vsa", "failed.json", "--sign-with", "qa.key", "--finding-key", "univ.key")
	if raw, err := os.ReadFile("failed.json"); err != nil || len(raw) == 0 {
		w.t.Errorf("%v", err)
	}
	verify(10, "sign what --vsa", "--sign-with", "qa.key")
	verify(14, "is a key that releases images", "--rebuilders", "4", "--vsa", "bad.json", "--finding-key", "release.key")
	if _, err := os.Stat("bad.json"); err == nil {
		w.t.Error("the release key has signed a failure")
	}
	verify(0, "", "--vsa", "a.json", "--vsa-reproduced", "b.json", "--svr", "c.json", "--sign-with", "qa.key")
	if raw, err := os.ReadFile("c.json"); err != nil || !strings.Contains(string(raw), "dsseEnvelope") {
		w.t.Errorf("%v %s", err, raw)
	}
	// All of them or none: the second of these cannot be made.
	verify(14, "", "--vsa", "d.json", "--vsa-reproduced", "d.json", "--rebuilders", "4")
	verify(10, "named for two summaries", "--vsa", "d.json", "--vsa-reproduced", "d.json")
	if _, err := os.Stat("d.json"); err == nil {
		w.t.Error("one of two was written")
	}
}

// TestBundlesInAFolder takes the evidence, and with a digest the image too, from files.
func TestBundlesInAFolder(t *testing.T) {
	w := newTrusting(t, "release")
	w.attach("release", provenance.PredicateProvenance)
	w.attach("release", provenance.PredicateRebuild)
	root, err := w.image.Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("stick", 0o700); err != nil {
		t.Fatal(err)
	}
	blobs, err := filepath.Glob("image/blobs/sha256/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blobs {
		raw, err := os.ReadFile(b)
		if err != nil {
			t.Fatal(err)
		}
		w.write(filepath.Join("stick", filepath.Base(b)[:16]+".json"), string(raw))
	}
	w.must(0, "name            "+shop, "verify", shop+"@"+root.Digest.String(), "--bundles", "stick", "--key", "release.pub")
	w.must(15, "is about", "verify", "registry.example.com/evil/shop@"+root.Digest.String(), "--bundles", "stick", "--key", "release.pub")
	w.must(0, "verified", "verify", "image", "--bundles", "stick", "--key", "release.pub")
	w.must(17, "gone", "verify", "image", "--bundles", "gone", "--key", "release.pub")
	if err := os.Mkdir("empty", 0o700); err != nil {
		t.Fatal(err)
	}
	w.must(16, "nothing is attached", "verify", "image", "--bundles", "empty", "--key", "release.pub")
}

func TestTrustCheckSaysAll(t *testing.T) {
	w := newTrusting(t, "release")
	w.write("bad.yaml", "trust: v1\nsigners:\n  a: {keys: [gone.pub], roles: [release, finding]}\n")
	w.must(10, "gone.pub", "trust", "check", "bad.yaml")
	w.write("warn.yaml", "trust: v1\nsigners:\n  a: {keys: [release.pub], roles: [release], until: 2020-01-01}\n")
	w.must(0, "ended on 2020-01-01", "trust", "check", "warn.yaml")
	w.write("roster.yaml", "roster: v1\nowners:\n  front: {keys: [release.pub]}\n")
	w.must(0, "the owner `front` has a key or identity of `a`", "trust", "check", "roster.yaml", "warn.yaml")
	w.must(0, "1 file, 1 signer or owner", "trust", "check", "roster.yaml")
	out := w.must(10, "", "trust", "check", "bad.yaml", "--json")
	var shape struct {
		SchemaVersion int
		Findings      []struct{ Code string }
	}
	if err := json.Unmarshal([]byte(out), &shape); err != nil || shape.SchemaVersion != 1 || len(shape.Findings) != 2 {
		t.Errorf("%v %s", err, out)
	}
	w.must(10, "needs arguments", "trust", "check")
}
