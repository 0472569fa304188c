package faults

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/rebuild"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/registry/seal"
	"github.com/selfsame-build/selfsame/signing"
)

// release builds a project, publishes it with its seal, and gives its reference and the folder that holds k.pub.
func (m *machine) release(dir, to string) string {
	m.t.Helper()
	put(m.t, filepath.Join(dir, ".dockerignore"), "*.key\n*.pub\n")
	m.must(0, dir, words("lock -q"))
	m.must(0, dir, words("key new --out k"))
	return strings.TrimSpace(m.must(0, dir, []string{"build", "-q", "--key", "k.key", "--seal", "same", "--push=" + to}).out)
}

// audit audits an image and gives the result.
func (m *machine) audit(code int, dir string, args ...string) rebuild.Result {
	m.t.Helper()
	r := m.must(code, dir, append([]string{"audit", "-q", "--json"}, args...))
	var res rebuild.Result
	if err := json.Unmarshal([]byte(r.out), &res); err != nil {
		m.t.Fatalf("reading the result: %v\n%s", err, r.out)
	}
	return res
}

// swept fails where an audit has left anything: a sandbox, a builder, a process, something in the machine's own store.
func (m *machine) swept() {
	m.t.Helper()
	entries, _ := os.ReadDir(filepath.Join(m.home, "state", "selfsame", "audits"))
	for _, e := range entries {
		m.t.Errorf("an audit left %s", e.Name())
	}
	if left := m.strays(); len(left) > 0 {
		m.t.Errorf("orphans: %v", left)
	}
	absent(m.t, filepath.Join(m.home, "cache", "selfsame", "store"))
}

// TestAudit publishes images on one machine, and audits them on another.
func TestAudit(t *testing.T) {
	t.Parallel()
	first, second := newMachine(t), newMachine(t)
	for name, test := range map[string]func(t *testing.T, first, second *machine){
		"from the registry alone": auditAlone, "different": auditDifferent, "interrupted": auditInterrupted, "watched": auditWatched,
		"secrets in the seal": sealSecrets, "without keys": auditKeyless,
	} {
		t.Run(name, func(t *testing.T) { test(t, first.on(t), second.on(t)) })
	}
}

// auditAlone audits an image on a machine that has only the registry, and finds out who has signed without building.
func auditAlone(t *testing.T, first, second *machine) {
	up := newUpstream(t, "sealed\n")
	reg := newRegistry(t, nil)
	dir := withStep(t, dockerfile(t, "FROM scratch AS work\nCOPY step /step\n"+`RUN ["/step", "get", "http://`+up.host+`/one", "/one"]`+
		"\nFROM scratch\nCOPY --from=work /one /one\n", up.host))
	ref := first.release(dir, reg.host+"/team/audited:v1")
	pub := filepath.Join(dir, "k.pub")

	here := t.TempDir()
	second.must(0, here, words("key new --out rebuilder"))
	up.stop()
	asked := up.asked()
	got := second.audit(0, here, ref, "--release-key", pub, "--key", second.late(filepath.Join(here, "rebuilder.key")), "--push", "--challenge", "0123456789abcdef-of-the-first")
	if got.Verdict != rebuild.Reproduced || got.Level != provenance.LevelManifest || got.Rebuilt.Digest != got.Digest || got.Inputs != provenance.InputsSeal {
		t.Errorf("%+v", got)
	}
	if len(got.Statements) != 2 || got.Statements[0].Referrer == "" || len(got.Challenge.Intermediates) != 1 || got.Locked.FirstSeen != 1 {
		t.Errorf("statements %+v, challenge %+v, locked %+v", got.Statements, got.Challenge, got.Locked)
	}
	second.must(0, here, []string{"verify", ref, "--key", pub, "--key", "rebuilder.pub"})
	second.swept()
	if up.asked() != asked {
		t.Error("upstream was asked")
	}
	up.start()

	copied := copyAnswers(t, ref, got.Statements[0].Referrer, "https://copies.example/v1", "fedcba9876543210-of-another")
	got = second.audit(0, here, ref, "--release-key", pub, "--challenge", "0123456789abcdef-of-the-roster", "--twice", "--refetch", "--private", up.host)
	if len(got.Peers) != 2 || len(got.Axes) < 10 || got.Inputs != provenance.InputsRefetched || got.Locked.Refetched != 1 {
		t.Fatalf("%d axes, peers %+v, inputs %s %+v %v", len(got.Axes), got.Peers, got.Inputs, got.Locked, got.Gone)
	}
	for _, p := range got.Peers {
		if forged := p.Referrer == copied; forged != (len(p.Wrong) == 1) || forged != (p.Agrees == 0) {
			t.Errorf("%+v, forged: %v", p, forged)
		}
	}
	up.set("other\n")
	got = second.audit(0, here, ref, "--release-key", pub, "--refetch", "--private", up.host)
	if got.Inputs != provenance.InputsSeal || got.Locked.Changed != 1 || len(got.Gone) != 1 {
		t.Errorf("changed upstream: %s %+v, %v", got.Inputs, got.Locked, got.Gone)
	}
	got = second.audit(0, here, ref, "--release-key", pub, "--refetch") // a private address that the evidence names
	if got.Inputs != provenance.InputsSeal || got.Locked.Vanished != 1 {
		t.Errorf("a private address: %s %+v, %v", got.Inputs, got.Locked, got.Gone)
	}
	second.swept()
}

// late is a pipe that a key comes out of when somebody opens it: by then no builder may be left, nor the place that it was in.
func (m *machine) late(key string) string {
	m.t.Helper()
	data, path := read(m.t, key), key+".pipe"
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		m.t.Fatal(err)
	}
	go func() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0) // until somebody reads
		if err != nil {
			return
		}
		defer f.Close()
		if entries, err := os.ReadDir(filepath.Join(m.home, "state", "selfsame", "audits")); err != nil || len(entries) > 0 {
			m.t.Errorf("the key is opened, and the sandbox is there: %v, %v", entries, err)
		}
		if left := m.processes(); len(left) > 0 {
			m.t.Errorf("the key is opened beside a builder: %v", left)
		}
		_, _ = f.WriteString(data)
	}()
	return path
}

// copyAnswers attaches a statement of somebody who has not built: another's answers, under a name and a nonce of its own.
func copyAnswers(t *testing.T, ref string, of digest.Digest, id, nonce string) digest.Digest {
	t.Helper()
	got, err := registry.New(registry.Options{}).Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	listing, err := got.Repository.Referrers(t.Context(), got.Descriptor.Digest, artifact.Budget{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range listing.Referrers {
		if r.Descriptor.Digest != of {
			continue
		}
		st := statementOf(t, got.Repository, r)
		reb, err := st.Rebuild()
		if err != nil {
			t.Fatal(err)
		}
		reb.Challenge.Nonce, reb.Builders[0].ID = nonce, id
		made, err := provenance.RebuildStatement(st.Subject[0].Name, got.Descriptor, reb)
		if err != nil {
			t.Fatal(err)
		}
		return attachSigned(t, got.Repository, made, newKey(t))
	}
	t.Fatal("the statement is not attached")
	return ""
}

func newKey(t *testing.T) *signing.Signer {
	t.Helper()
	private, _, err := signing.NewKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := signing.LoadSigner(private, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func attachSigned(t *testing.T, repo *registry.Repository, st provenance.Subjected, s *signing.Signer) digest.Digest {
	t.Helper()
	bundle, err := signing.SignUnchecked(t.Context(), s, st.Payload)
	if err != nil {
		t.Fatal(err)
	}
	made, err := repo.Attach(t.Context(), st.Subject, artifact.Bundle(signing.BundleMediaType, bundle, st.PredicateType))
	if err != nil {
		t.Fatal(err)
	}
	return made[0].Digest
}

// statementOf is what a bundle says, whoever signed it.
func statementOf(t *testing.T, repo *registry.Repository, r artifact.Referrer) provenance.Statement {
	t.Helper()
	data, err := repo.Blob(t.Context(), r.Layers[0], signing.MaxBundle)
	if err != nil {
		t.Fatal(err)
	}
	var b struct {
		Envelope struct {
			Payload []byte `json:"payload"`
		} `json:"dsseEnvelope"`
	}
	if err := json.Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	st, err := provenance.Parse(b.Envelope.Payload)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// auditDifferent audits images that are not what their evidence says, though the release's own key has signed it: with another file, packed
// otherwise, with another configuration. A key for findings says so, and no other.
func auditDifferent(t *testing.T, first, second *machine) {
	reg := newRegistry(t, nil)
	dir := write(t, map[string]string{"recipe.yaml": scratchRecipe + "output: {compression: none}\n", "hello": "hello\n"})
	ref := first.release(dir, reg.host+"/team/true:v1")
	key, err := signing.LoadSigner([]byte(read(t, filepath.Join(dir, "k.key"))), []byte("test"))
	if err != nil {
		t.Fatal(err)
	}
	pub := filepath.Join(dir, "k.pub")
	here := t.TempDir()
	for _, k := range []string{"rebuilder", "finding"} {
		second.must(0, here, words("key new --out "+k))
	}
	for name, c := range map[string]struct {
		change func(config, layer []byte) (newConfig, newLayer []byte, layerType string)
		level  provenance.Level
	}{
		"another file": {func(config, layer []byte) ([]byte, []byte, string) {
			other := bytes.Replace(layer, []byte("hello\n\x00"), []byte("jello\n\x00"), 1)
			return bytes.Replace(config, []byte(digest.FromBytes(layer)), []byte(digest.FromBytes(other)), 1), other, v1.MediaTypeImageLayer
		}, ""},
		"packed otherwise": {func(config, layer []byte) ([]byte, []byte, string) {
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			_, _ = w.Write(layer)
			_ = w.Close()
			return config, b.Bytes(), v1.MediaTypeImageLayerGzip
		}, provenance.LevelConfig},
		"another configuration": {func(config, layer []byte) ([]byte, []byte, string) {
			return bytes.Replace(config, []byte(`{`), []byte(`{"author":"evil",`), 1), layer, v1.MediaTypeImageLayer
		}, provenance.LevelDiffIDs},
	} {
		t.Run(name, func(t *testing.T) {
			m := second.on(t)
			fake := republish(t, first, ref, reg.host+"/team/true:"+strings.ReplaceAll(name, " ", "-"), key, c.change)
			// Only in the name of the folder of the first: the second has no key of it.
			m.must(0, here, []string{"verify", fake, "--key", pub})
			out := filepath.Join(t.TempDir(), "out")
			got := m.audit(13, here, fake, "--release-key", pub, "--key", "rebuilder.key", "--push", "--out", out, "--report", out)
			if got.Verdict != rebuild.Different || got.Level != c.level || got.NotSigned == "" || got.Statements[0].SignedBy != "" {
				t.Errorf("verdict %s, level %q, not signed %q, statements %+v", got.Verdict, got.Level, got.NotSigned, got.Statements)
			}
			for _, f := range []string{"report.html", "rebuilt/index.json"} {
				if !exists(filepath.Join(out, f)) {
					t.Errorf("%s was not written", f)
				}
			}
			m.must(0, here, []string{"verify", fake, "--key", pub, "--key", "rebuilder.pub"}) // nothing of it was signed
			if c.level != "" {
				m.audit(0, here, fake, "--release-key", pub, "--level", string(c.level))
				return
			}
			m.audit(13, here, fake, "--release-key", pub, "--key", "rebuilder.key", "--finding-key", "finding.key", "--push")
			m.must(14, here, []string{"verify", fake, "--key", pub, "--key", "finding.pub"}) // a veto
			m.must(0, here, []string{"verify", fake, "--key", pub, "--key", "rebuilder.pub"})
			m.swept()
		})
	}
}

// republish makes another image of a published one, and has all evidence of the first say that it is about this one, signed by the release's key.
func republish(t *testing.T, m *machine, ref, to string, key *signing.Signer, change func(config, layer []byte) ([]byte, []byte, string)) string {
	t.Helper()
	ctx := t.Context()
	client := registry.New(registry.Options{})
	got, err := client.Resolve(ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	repo := got.Repository
	child := got.Parsed.Index.Manifests[0]
	_, raw, err := repo.Manifest(ctx, child.Digest)
	if err != nil {
		t.Fatal(err)
	}
	var manifest v1.Manifest
	if err := json.Unmarshal(raw, &manifest); err != nil {
		t.Fatal(err)
	}
	config, err1 := repo.Blob(ctx, manifest.Config, 1<<20)
	layer, err2 := repo.Blob(ctx, manifest.Layers[0], 1<<20)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	newConfig, newLayer, kind := change(config, layer)
	if bytes.Equal(newConfig, config) && bytes.Equal(newLayer, layer) {
		t.Fatal("nothing was changed")
	}
	dir := t.TempDir()
	out, err := layout.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	put := func(kind string, data []byte) v1.Descriptor {
		d := v1.Descriptor{MediaType: kind, Digest: digest.FromBytes(data), Size: int64(len(data))}
		if err := out.PutBlob(ctx, d, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		return d
	}
	manifest.Config, manifest.Layers[0] = put(v1.MediaTypeImageConfig, newConfig), put(kind, newLayer)
	made := put(v1.MediaTypeImageManifest, marshal(t, manifest))
	made.Platform = child.Platform
	index := *got.Parsed.Index
	index.Manifests = []v1.Descriptor{made}
	rawIndex := marshal(t, index)
	root := v1.Descriptor{MediaType: v1.MediaTypeImageIndex, Digest: digest.FromBytes(rawIndex), Size: int64(len(rawIndex))}
	if err := out.Add(ctx, root, rawIndex); err != nil {
		t.Fatal(err)
	}
	pushed, err := client.Push(ctx, dir, root.Digest, to, nil)
	if err != nil {
		t.Fatal(err)
	}
	swap := strings.NewReplacer(got.Descriptor.Digest.Encoded(), root.Digest.Encoded(), child.Digest.Encoded(), made.Digest.Encoded())
	for old, now := range map[digest.Digest]v1.Descriptor{got.Descriptor.Digest: root, child.Digest: made} {
		listing, err := repo.Referrers(ctx, old, artifact.Budget{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range listing.Referrers {
			if r.ArtifactType == seal.ArtifactType {
				reseal(t, m, pushed.Repository, r, now)
				continue
			}
			st := statementOf(t, repo, r)
			text := marshal(t, st)
			attachSigned(t, pushed.Repository, provenance.Subjected{Subject: now, Payload: []byte(swap.Replace(string(text))), PredicateType: st.PredicateType}, key)
		}
	}
	return pushed.Pinned()
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// reseal attaches a seal's blobs to another image.
func reseal(t *testing.T, m *machine, repo *registry.Repository, r artifact.Referrer, to v1.Descriptor) {
	t.Helper()
	_, raw, err := repo.Manifest(t.Context(), r.Descriptor.Digest)
	if err != nil {
		t.Fatal(err)
	}
	var manifest v1.Manifest
	var list struct{ Blobs []seal.Blob }
	if err := json.Unmarshal(raw, &manifest); err != nil {
		t.Fatal(err)
	}
	config, err := repo.Blob(t.Context(), manifest.Config, 1<<20)
	if err == nil {
		err = json.Unmarshal(config, &list)
	}
	if err != nil {
		t.Fatal(err)
	}
	store, err := inputs.Open(filepath.Join(m.home, "cache", "selfsame", "store"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := seal.Push(t.Context(), repo, to, list.Blobs, store); err != nil {
		t.Fatal(err)
	}
}

// auditInterrupted ends audits while their steps run: by a signal, by their own limit, and by the kernel, after which the next one clears up.
func auditInterrupted(t *testing.T, first, second *machine) {
	reg := newRegistry(t, nil)
	dir := withStep(t, dockerfile(t, "FROM scratch\nCOPY step seconds /\n"+`RUN ["/step", "wait", "/seconds", "long enough"]`+"\n"))
	put(t, filepath.Join(dir, "seconds"), "3")
	ref := first.release(dir, reg.host+"/team/slow:v1")
	pub := filepath.Join(dir, "k.pub")
	m := second
	here := t.TempDir()
	args := []string{"audit", "--progress", "plain", ref, "--release-key", pub}
	for sig, code := range stops {
		if r := m.interrupt(here, sig, 0, "sleeping long enough", args...); r.code != code || r.out != "" {
			t.Errorf("%s: exit %d, want %d\n%s%s", sig, r.code, code, r.err, r.out)
		}
		m.swept()
	}
	m.must(17, here, append(args, "--timeout", "2s"), "A0805")
	m.swept()
	if r := m.interrupt(here, syscall.SIGKILL, 0, "sleeping long enough", args...); r.code != -1 {
		t.Errorf("exit %d", r.code)
	}
	if entries, err := os.ReadDir(filepath.Join(m.home, "state", "selfsame", "audits")); err != nil || len(entries) != 1 {
		t.Errorf("a killed audit leaves its sandbox for the next one to remove: %v, %v", entries, err)
	}
	m.must(10, here, []string{"audit", "-q", reg.host + "/team/slow@" + string(childOf(t, ref)), "--release-key", pub}, "the image of one platform")
	got := m.audit(0, here, ref, "--release-key", pub)
	if got.Verdict != rebuild.Reproduced {
		t.Errorf("%+v", got)
	}
	m.swept()
}

// childOf is the manifest of an index's only platform, which is not the whole that is audited.
func childOf(t *testing.T, ref string) digest.Digest {
	t.Helper()
	got, err := registry.New(registry.Options{}).Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return got.Parsed.Index.Manifests[0].Digest
}

// auditWatched watches an image whose seal goes away and comes back.
func auditWatched(t *testing.T, first, second *machine) {
	gone := false
	reg := newRegistry(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if gone && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/seals/") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		next.ServeHTTP(w, r)
	})
	dir := scratch(t)
	put(t, filepath.Join(dir, ".dockerignore"), "*.key\n*.pub\n")
	first.must(0, dir, words("lock -q"))
	first.must(0, dir, words("key new --out k"))
	ref := strings.TrimSpace(first.must(0, dir, []string{"build", "-q", "--key", "k.key", "--seal", reg.host + "/seals/x", "--push=" + reg.host + "/team/x:v1"}).out)
	m := second
	here := write(t, map[string]string{"watched": "# ours\n" + ref + "\n\n" + ref + " # twice\n", "tags": reg.host + "/team/x:v1\n"})
	watch := func(code int, want string, args ...string) {
		t.Helper()
		r := m.must(code, here, append([]string{"audit", "-q", "--watch", "watched", "--once", "--release-key", filepath.Join(dir, "k.pub")}, args...))
		if want == "" {
			if r.out != "" {
				t.Errorf("it was audited though its result stands: %s", r.out)
			}
			return
		}
		var l rebuild.Line
		if err := json.Unmarshal([]byte(r.out), &l); err != nil || string(l.Change) != want || l.ExitCode != code || l.Reference != ref || l.Since.IsZero() {
			t.Errorf("%v: %s", err, r.out)
		}
	}
	watch(0, "first")
	watch(0, "")
	gone = true
	watch(16, "rotted", "--every", "0s")
	watch(16, "unchanged", "--every", "0s")
	watch(16, "") // what stands decides
	gone = false
	watch(0, "recovered", "--every", "0s")
	m.must(10, here, words("audit --watch tags --release-key "+filepath.Join(dir, "k.pub")), "tags:1")
	r := m.interrupt(here, syscall.SIGINT, 2*time.Second, "", "audit", "-q", "--watch", "watched", "--release-key", filepath.Join(dir, "k.pub"))
	if r.code != 130 {
		t.Errorf("exit %d\n%s", r.code, r.err)
	}
	m.swept()
}

// sealSecrets: what looks like a secret, in the source or in what was fetched, keeps an image with its seal from being pushed.
func sealSecrets(t *testing.T, m, _ *machine) {
	reg := newRegistry(t, nil)
	secret := "ghp_" + strings.Repeat("aB3dE5gH7jK9", 3)
	up := newUpstream(t, "plain\n")
	dir := withStep(t, dockerfile(t, "FROM scratch\nCOPY step /step\n"+`RUN ["/step", "get", "http://`+up.host+`/one", "/one"]`+"\n", up.host))
	m.must(0, dir, words("key new --out k"))
	push := []string{"build", "-q", "--key", "k.key", "--seal", "same", "--push=" + reg.host + "/team/x:v1"}
	put(t, filepath.Join(dir, ".dockerignore"), "*.key\n")
	put(t, filepath.Join(dir, "app.env"), "A=1\nTOKEN="+secret+"\n")
	m.must(0, dir, words("lock -q"))
	r := m.must(10, dir, push, "A0346", "GitHub token", "app.env:2")
	if strings.Contains(r.err+r.out, secret) {
		t.Error("the secret is shown")
	}
	if err := os.Remove(filepath.Join(dir, "app.env")); err != nil {
		t.Fatal(err)
	}
	up.set("your token is " + secret + "\n")
	m.must(0, dir, words("lock -q --upgrade"))
	m.must(10, dir, push, "A0346", up.host+"/one")
	reg.untagged("team/x")
	m.must(0, dir, append(push, "--seal-with-secrets"))
	up.set("plain again\n")
	m.must(0, dir, words("lock -q --upgrade"))
	m.must(0, dir, push)
}
