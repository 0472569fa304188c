package faults

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/provenance/intoto"
	"github.com/selfsame-build/selfsame/registry/local"
)

// layoutSteps are the steps of TestLayout's layout.
var layoutSteps = []string{"source", "lock", "build-a", "build-b", "compare", "sign", "scan"}

// TestLayout runs a pipeline whose steps have functionaries, verifies its image by the layout, and takes away one step at a time.
func TestLayout(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	dir := scratch(t)
	for _, who := range []string{"owner", "dev", "ci", "release", "signer", "scanner"} {
		m.must(0, dir, []string{"key", "new", "-q", "--out", who})
	}
	m.must(0, dir, words("layout new --functionary source,lock=dev.pub --functionary lock,build-a,build-b,compare=ci.pub --functionary sign=signer.pub "+
		"--functionary scan=scanner.pub --threshold lock=2 --out layout.json"))
	m.must(0, dir, words("layout sign layout.json --key owner.key"))
	if r := m.must(0, dir, words("layout show layout.json")); !strings.Contains(r.out, "MATCH * IN A WITH PRODUCTS IN A FROM build-a") {
		t.Errorf("the rules are not shown:\n%s", r.out)
	}

	// CI locks, a developer checks what was locked and vouches for it and for the source.
	m.must(0, dir, words("lock --link-key ci.key"), "selfsame.links/lock.")
	m.must(0, dir, words("lock --check --link-key source,lock=dev.key"), "selfsame.links/source.")
	if kept, _ := filepath.Glob(filepath.Join(dir, "selfsame.links", "*.sigstore.json")); len(kept) != 3 {
		t.Fatalf("kept are %v, want 3 links", kept)
	}
	registry, err := local.Serve(t.Context(), local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer registry.Close()
	ref := registry.Host + "/team/app:v1"
	m.must(0, dir, words("build -q --key release.key --link-key ci.key --link-key sign=signer.key --push="+ref))
	by := "--key release.pub --layout layout.json --layout-key owner.pub "

	// The scan is still to come.
	m.must(16, dir, words("verify "+by+ref)).says(t, "step scan")
	put(t, filepath.Join(dir, "scan.json"), "{}")
	m.must(0, dir, words("link scan "+ref+" --key scanner.key --product scan.json"))
	m.must(0, dir, words("verify "+by+ref)).says(t, "ok           step scan", "2 of 2 functionaries")
	m.must(0, dir, words("verify --key release.pub "+ref))
	stock(t, dir, ref)

	// The same from a folder, then without the links of one step.
	image := filepath.Join(dir, "selfsame-out", "image")
	m.must(0, dir, words("link scan "+image+" --key scanner.key --product scan.json"))
	m.must(0, dir, words("verify "+by+image))
	for _, step := range layoutSteps {
		spoiled := filepath.Join(t.TempDir(), "image")
		if err := os.CopyFS(spoiled, os.DirFS(image)); err != nil {
			t.Fatal(err)
		}
		unlink(t, spoiled, step)
		m.must(16, dir, words("verify "+by+spoiled)).says(t, "FAIL         step "+step)
	}

	// Another owner, another functionary, no key.
	m.must(15, dir, words("verify --key release.pub --layout layout.json --layout-key dev.pub "+image), "A0571")
	m.must(10, dir, words("verify --key release.pub --layout layout.json "+image), "--layout-key")
	m.must(10, dir, words("verify --key release.pub --layout-key owner.pub "+image), "--layout")
	m.must(0, dir, words("layout new --functionary ci.pub --expires 2020-01-01T00:00:00Z --out old.json"))
	m.must(15, dir, words("verify --key release.pub --layout old.json --layout-key owner.pub "+image), "A0505") // not signed
	m.must(0, dir, words("layout sign old.json --key owner.key"))
	m.must(14, dir, words("verify --key release.pub --layout old.json --layout-key owner.pub "+image), "A0572")
	put(t, filepath.Join(dir, "junk.json"), `{"_type":"layout","inspect":[{"name":"evil"}]}`)
	m.must(15, dir, words("layout sign junk.json --key owner.key"), "A0570", "evil")

	// The source changes: what was vouched for is another source, and the links stay behind.
	put(t, filepath.Join(dir, "hello"), "hello, changed\n")
	again := words("build --key release.key --link-key ci.key --link-key sign=signer.key")
	m.must(0, dir, again, "does not go with the image")
	m.must(0, dir, words("link scan "+image+" --key scanner.key"))
	m.must(16, dir, words("verify "+by+image)).says(t, "FAIL         step source", "FAIL         step lock")
	m.must(0, dir, words("lock --check --link-key source=dev.key --link-key lock=dev.key"))
	m.must(0, dir, words("lock -q --link-key ci.key"))
	m.must(0, dir, again)
	m.must(0, dir, words("link scan "+image+" --key scanner.key"))
	m.must(0, dir, words("verify "+by+image))

	// A functionary of the right step says nothing of what went in.
	unlink(t, image, "build-a")
	m.must(0, dir, words("link build-a "+image+" --key ci.key"))
	m.must(15, dir, words("verify "+by+image)).says(t, "FAIL         step compare")
	m.must(10, dir, words("link scan "+image), "--key")
	m.must(10, dir, words("link ../scan "+image+" --key ci.key"), "no name for a step")
	m.must(10, dir, words("link scan "+image+" --key ci.key --product image=scan.json"), "the image")
	m.must(10, dir, words("lock --link-key compare=ci.key"), "STEP,...=FILE")
	m.must(10, dir, words("build --link-key sign=ci.key"), "--key")
	m.must(10, dir, words("build --key release.key --link-key sign=release.key"), "a key of its own")
}

// says expects words on stdout.
func (r result) says(t *testing.T, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(r.out, w) {
			t.Errorf("stdout lacks %q:\n%s", w, r.out)
		}
	}
}

// unlink removes the links of a step from what a layout on disk lists.
func unlink(t *testing.T, image, step string) {
	t.Helper()
	path := filepath.Join(image, "index.json")
	var index map[string]any
	if err := json.Unmarshal([]byte(read(t, path)), &index); err != nil {
		t.Fatal(err)
	}
	blob := func(digest string, into any) {
		t.Helper()
		if err := json.Unmarshal([]byte(read(t, filepath.Join(image, "blobs", "sha256", strings.TrimPrefix(digest, "sha256:")))), into); err != nil {
			t.Fatal(err)
		}
	}
	all := index["manifests"].([]any)
	kept := slices.DeleteFunc(slices.Clone(all), func(d any) bool {
		var manifest struct {
			Layers []struct{ MediaType, Digest string }
		}
		if blob(d.(map[string]any)["digest"].(string), &manifest); len(manifest.Layers) != 1 || !strings.Contains(manifest.Layers[0].MediaType, "bundle") {
			return false
		}
		var bundle struct {
			DsseEnvelope struct{ Payload string }
		}
		blob(manifest.Layers[0].Digest, &bundle)
		payload, _ := base64.StdEncoding.DecodeString(bundle.DsseEnvelope.Payload)
		l, err := intoto.ReadLink(payload)
		return err == nil && l.Step == step
	})
	if len(kept) == len(all) {
		t.Fatalf("there is no link of %s to remove", step)
	}
	index["manifests"] = kept
	raw, err := json.Marshal(index)
	if err != nil {
		t.Fatal(err)
	}
	put(t, path, string(raw))
}

// stock has cosign verify the links that are about the image.
func stock(t *testing.T, dir, ref string) {
	t.Helper()
	cosign := os.Getenv("SELFSAME_COSIGN")
	if cosign == "" {
		t.Log("SKIPPED: SELFSAME_COSIGN names no cosign")
		return
	}
	for key, good := range map[string]bool{"ci.pub": true, "signer.pub": true, "scanner.pub": true, "release.pub": false, "owner.pub": false} {
		cmd := exec.Command(cosign, "verify-attestation", "--key", key, "--insecure-ignore-tlog", "--allow-insecure-registry", "--type", provenance.PredicateLink, ref)
		cmd.Dir = dir
		if r := finish(t, cmd); (r.code == 0) != good {
			t.Errorf("cosign with %s: exit %d\n%s", key, r.code, r.err)
		}
	}
}
