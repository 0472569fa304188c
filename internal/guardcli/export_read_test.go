package guardcli_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/test/containerd"
)

// reader copies an image if a policy.json lets it.
type reader func(reference string) (string, error)

// TestExportIsRead: the programs that the export is for read it, and it lets no more through than what a release key signed for that name.
func TestExportIsRead(t *testing.T) {
	cosign, library := os.Getenv("SELFSAME_COSIGN"), os.Getenv("SELFSAME_CONTAINERS_IMAGE")
	if cosign == "" || library == "" {
		t.Skip("SKIPPED: policy.json was read by none of those whom it is for: set SELFSAME_COSIGN and SELFSAME_CONTAINERS_IMAGE to what tools/build prints")
	}
	w := newWorld(t)
	exe := func(name string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), name, args...) //nolint:gosec // built by tools/build, or Debian's
		cmd.Env, cmd.Dir = append(os.Environ(), "COSIGN_PASSWORD=x", "HOME="+w.dir), w.dir
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		return out.String(), err
	}
	sign := func(key, reference string, more ...string) {
		t.Helper()
		args := append([]string{"sign", "--yes", "--key", key, "--use-signing-config=false", "--tlog-upload=false", "--allow-insecure-registry", "--recursive"}, more...)
		if out, err := exe(cosign, append(args, reference)...); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	for _, key := range []string{"ours", "theirs"} {
		if out, err := exe(cosign, "generate-key-pair", "--output-key-prefix", key); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	w.write("trust.yaml", "trust: v1\nsigners:\n  release: {keys: [ours.pub], roles: [release], names: ["+w.host+"/team/*]}\n")
	const old = "--new-bundle-format=false"
	copied := true
	// --recursive: an index is copied as the image for this machine, and it is that one's own signatures which count.
	for i, name := range []string{"team/good", "team/unsigned", "team/theirs", "team/bundle", "foreign/good", "team/moved"} {
		image := containerd.NewImage(t, fmt.Sprint(i))
		if name == "team/moved" { // the image that is signed as team/good, and its signature, under another name
			image = containerd.NewImage(t, "0")
		}
		w.must(image.Push(t.Context(), w.host, name, "v1"))
		reference := w.host + "/" + name + "@" + image.Index.String()
		switch name {
		case "team/good", "foreign/good":
			sign("ours.key", reference, old)
		case "team/theirs":
			sign("theirs.key", reference, old)
		case "team/bundle":
			sign("ours.key", reference, "--new-bundle-format=true")
		case "team/moved":
			tag := ":sha256-" + image.Manifest.Encoded() + ".sig"
			if out, err := exe("skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", "--dest-tls-verify=false", "docker://"+w.host+"/team/good"+tag, "docker://"+w.host+"/team/moved"+tag); err != nil {
				copied = false
				t.Logf("SKIPPED: a signature under another name was not tried: %v\n%s", err, out)
			}
		}
	}
	config := []string{"--config", w.dir + "/guard.yaml"}
	for file, what := range map[string]string{"policy.json": "policy.json", "registries.d/selfsame.yaml": "registries.d"} {
		code, stdout, stderr := run(t, append([]string{"export", what}, config...)...)
		if code != 0 {
			t.Fatalf("exit %d\n%s", code, stderr)
		}
		w.must(os.MkdirAll(filepath.Dir(filepath.Join(w.dir, file)), 0o700))
		w.write(file, stdout)
	}
	w.must(os.Mkdir(w.dir+"/nothing.d", 0o700))

	readers := map[string]reader{"containers/image": func(r string) (string, error) { return exe(library, "policy.json", "registries.d", r, t.TempDir()) }}
	nowhere := func(r string) (string, error) { return exe(library, "policy.json", "nothing.d", r, t.TempDir()) }
	if _, err := exec.LookPath("skopeo"); err == nil {
		readers["skopeo"] = func(r string) (string, error) {
			return exe("skopeo", "--policy", "policy.json", "--registries.d", "registries.d", "copy", "--src-tls-verify=false", "docker://"+r, "dir:"+t.TempDir())
		}
	} else {
		t.Log("SKIPPED: no skopeo here, so it read no policy.json; tools/deps installs it")
	}
	const missing, other = "A signature was required, but no signature exists", "is rejected by policy"
	for name, read := range readers {
		t.Run(name, func(t *testing.T) {
			// Debian 12 builds this library with sigstore switched off: what is right is rejected there, and nothing else differs.
			out, err := read(w.host + "/team/good:v1")
			off := strings.Contains(out, "Debian-local change: sigstore disabled")
			if err != nil && (!off || name == "containers/image") {
				t.Errorf("signed: %v\n%s", err, out)
			}
			theirs, moved := "cryptographic signature verification failed", `Signature for identity "`+w.host+`/team/good" is not accepted`
			if off {
				theirs, moved = "sigstore disabled", "sigstore disabled"
			}
			if !copied {
				moved = missing
			}
			for image, want := range map[string]string{"team/unsigned": missing, "team/bundle": missing, "foreign/good": other, "team/theirs": theirs, "team/moved": moved} {
				out, err := read(w.host + "/" + image + ":v1")
				if out = strings.ReplaceAll(out, `\"`, `"`); err == nil || !strings.Contains(out, want) { // a terminal's words come quoted
					t.Errorf("%s: want %q, have %v\n%s", image, want, err, out)
				}
			}
		})
	}
	if out, err := nowhere(w.host + "/team/good:v1"); err == nil || !strings.Contains(out, missing) {
		t.Errorf("without registries.d: %v\n%s", err, out)
	}
	podmanReads(t, w, exe)
}

// podmanReads: podman reads the file, too, when it pulls and when it loads; Debian's has no flag for another registries.d.
func podmanReads(t *testing.T, w *world, exe func(string, ...string) (string, error)) {
	t.Helper()
	if _, err := exec.LookPath("podman"); err != nil || os.Geteuid() != 0 {
		t.Log("SKIPPED: no podman, or no root, so it read no policy.json; tools/deps installs it")
		return
	}
	// Locks in shared memory are one set for all podmans of the machine, and one that finds new folders frees them all.
	t.Setenv("CONTAINERS_CONF", filepath.Join(w.dir, "containers.conf"))
	w.write("containers.conf", "[engine]\nlock_type = \"file\"\n")
	podman := func(args ...string) (string, error) {
		return exe("podman", append([]string{"--root", w.dir + "/storage", "--runroot", w.dir + "/podman", "--tmpdir", w.dir + "/tmp", "--storage-driver", "vfs", "--events-backend", "file"}, args...)...)
	}
	if out, err := podman("info"); err != nil {
		t.Logf("SKIPPED: podman does not work here, so it read no policy.json: %v\n%s", err, out)
		return
	}
	w.must(os.WriteFile(w.dir+"/image.tar", containerd.NewImage(t, "0").Archive(w.host+"/team/good:v1"), 0o600))
	for _, args := range [][]string{
		{"pull", "--signature-policy", "policy.json", "--tls-verify=false", w.host + "/team/unsigned:v1"},
		{"pull", "--signature-policy", "policy.json", "--tls-verify=false", w.host + "/foreign/good:v1"},
		{"load", "--signature-policy", "policy.json", "--input", "image.tar"},
	} {
		if out, err := podman(args...); err == nil || !strings.Contains(out, "rejected") {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
	}
}
