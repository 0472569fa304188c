package reproducibility

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/selfsame-build/selfsame/provenance/foreign"
	"github.com/selfsame-build/selfsame/rebuild"
	"github.com/selfsame-build/selfsame/registry/local"
)

// TestForeign audits images that stock BuildKit has built and pushed, with the provenance that it attaches by itself (mode=max): what that lacks is
// listed, and with --refetch upstream is asked for what they were made of.
func TestForeign(t *testing.T) {
	var gone atomic.Bool
	back, err := local.Handler(local.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if gone.Load() && strings.HasPrefix(r.URL.Path, "/v2/upstream/") {
			http.NotFound(w, r)
			return
		}
		back.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	host := strings.TrimPrefix(srv.URL, "http://")
	m, socket, base := onMachine(t, "foreign"), stockBuilder(t), host+"/upstream/base:v1"
	stockPush(t, socket, base, "mode=min", "FROM scratch\nCOPY Dockerfile /base\n")
	stockPush(t, socket, host+"/team/above:v1", "mode=max", "FROM "+base+"\nCOPY Dockerfile /app\n")
	stockPush(t, socket, host+"/team/beside:v1", "mode=max", "FROM "+base+" AS base\nFROM scratch\nCOPY Dockerfile /first\nCOPY --from=base /base /base\n")
	audit := func(image string, args ...string) rebuild.ForeignImage {
		t.Helper()
		r := m.must(16, t.TempDir(), append([]string{"audit", "--json", "--untrusted", host + "/team/" + image}, args...)...)
		var got rebuild.Foreign
		if err := json.Unmarshal([]byte(r.out), &got); err != nil || len(got.Images) != 1 || got.Images[0].Platform != "linux/amd64" || len(got.Unreadable) > 0 {
			t.Fatalf("%v: %s", err, r.out)
		}
		return got.Images[0]
	}
	lacks := func(i rebuild.ForeignImage, what string) bool {
		return slices.ContainsFunc(i.Lacks, func(l foreign.Lack) bool { return l.What == what })
	}
	private := []string{"--refetch", "--private", host}

	read := audit("above:v1")
	if !lacks(read, "context") || !lacks(read, "epoch") || lacks(read, "mode") || lacks(read, "upstream") || read.Build.Steps == 0 || len(read.Materials) > 0 {
		t.Errorf("%+v", read)
	}
	for _, c := range []struct {
		image string
		base  bool
	}{{"above:v1", true}, {"beside:v1", false}} {
		got := audit(c.image, private...)
		if len(got.Materials) != 1 || got.Materials[0].State != rebuild.MaterialThere || got.Materials[0].Base != c.base || lacks(got, "upstream") {
			t.Errorf("%s: %+v", c.image, got.Materials)
		}
	}
	// A stranger's word leads to no address that only this machine reaches, unless it is named.
	if got := audit("above:v1", "--refetch"); len(got.Materials) != 1 || got.Materials[0].State != rebuild.MaterialSilent || !strings.Contains(got.Materials[0].Reason, "127.0.0.1") {
		t.Errorf("%+v", got.Materials)
	}
	gone.Store(true)
	if got := audit("above:v1", private...); len(got.Materials) != 1 || got.Materials[0].State != rebuild.MaterialGone || !lacks(got, "upstream") {
		t.Errorf("%+v", got)
	}
	r := m.must(16, t.TempDir(), append([]string{"audit", "--untrusted", host + "/team/above:v1"}, private...)...)
	if !strings.Contains(r.out, "  lacks upstream     it is gone: pkg:docker/") || !strings.Contains(r.out, "\nverdict    the provenance, which nobody signed, lacks") {
		t.Error(r.out)
	}
	m.must(10, t.TempDir(), "audit", "--untrusted", host+"/team/above:v1", "--push", "--key", "k")
}

// TestForeignRepeated builds an image again that stock BuildKit made of a commit, by the recipe that its provenance gives: what that tells comes out
// the same, although branch and tag have moved on since.
func TestForeignRepeated(t *testing.T) {
	s, err := local.Serve(t.Context(), local.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	m, socket, base, ref := onMachine(t, "foreign"), stockBuilder(t), s.Host+"/upstream/base:v1", s.Host+"/team/app:v1"
	stockPush(t, socket, base, "mode=min", "FROM scratch\nCOPY Dockerfile /base\n")
	r := newRepository(t, map[string]string{
		"docker/Dockerfile": "ARG BASE\nFROM " + base + " AS base\nFROM base AS app\nARG WHO\nLABEL who=$WHO\nCOPY hello /hello\nFROM app AS other\nCOPY hello /other\n", "hello": "world\n",
	})
	stock(t, socket, ref, "mode=max", "--opt", "context="+r.url+"#main", "--opt", "filename=docker/Dockerfile", "--opt", "target=app", "--opt", "build-arg:WHO=a \"b\": c",
		"--opt", "build-arg:SOURCE_DATE_EPOCH=1750000000", "--opt", "label:stage=test")
	r.commit("second", map[string]string{"hello": "moon\n"})
	stockPush(t, socket, base, "mode=min", "FROM scratch\nCOPY Dockerfile /another\n")

	dir := t.TempDir()
	got := m.must(16, dir, "audit", "--untrusted", ref, "--recipe", "again", "--private", s.Host, "--private", r.host)
	if !strings.Contains(got.err, "wrote again/recipe.yaml") {
		t.Errorf("%s%s", got.out, got.err)
	}
	if text := read(t, filepath.Join(dir, "again", "recipe.yaml")); !strings.Contains(text, "# Not repeated here: the build was told label:stage=test\n") {
		t.Error(text)
	}
	m.must(10, dir, "audit", "--untrusted", ref, "--recipe", "again")
	m.must(0, dir, "lock", "-q", "again")
	m.must(0, dir, "build", "-q", "again")
	// The layers are equal, with the base of then; what a recipe cannot say, and the time at which the base was built, is all that differs.
	diff := m.must(13, dir, "diff", ref, "selfsame-out/image")
	text := diff.out + diff.err
	if !strings.Contains(text, "layers equal, manifest or config differs") || strings.Count(text, "    $.") != 2 || !strings.Contains(text, "$.config.Labels.stage ") || !strings.Contains(text, "$.history[0].created ") {
		t.Error(text)
	}

	if got := m.must(16, dir, "audit", "--untrusted", base, "--recipe", "base"); !strings.Contains(got.err, "A0812") || !strings.Contains(got.err, "mode=min") {
		t.Error(got.err)
	}
	if _, err := os.Stat(filepath.Join(dir, "base")); err == nil {
		t.Error("a folder without a recipe was left")
	}
	m.must(10, dir, "audit", s.Host+"/team/app:v1", "--recipe", "x", "--release-key", "k")
}

// stockPush builds and pushes as BuildKit does without us, with its own provenance.
func stockPush(t *testing.T, socket, ref, mode, dockerfile string) {
	t.Helper()
	work := t.TempDir()
	write(t, work, map[string]string{"Dockerfile": dockerfile})
	stock(t, socket, ref, mode, "--local", "context="+work, "--local", "dockerfile="+work)
}

func stock(t *testing.T, socket, ref, mode string, args ...string) {
	t.Helper()
	buildctl, err := filepath.Abs("../../bin/buildctl")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(buildctl, append([]string{"--addr", "unix://" + socket, "build", "--progress", "plain", "--frontend", "dockerfile.v0",
		"--opt", "attest:provenance=" + mode, "--output", "type=image,push=true,registry.insecure=true,name=" + ref}, args...)...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("buildctl: %v\n%s", err, text)
	}
}
