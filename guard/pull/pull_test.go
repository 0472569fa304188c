package pull_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/guard/agent"
	"github.com/selfsame-build/selfsame/guard/breakglass"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/policy"
)

const (
	ref    = "registry.example.com/team/shop:v1"
	digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	other  = "sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
	media  = "application/vnd.oci.descriptor.v1+json"
)

// asker allows one digest of one name.
type asker struct{}

func (asker) Ask(_ context.Context, q engine.Question) engine.Answer {
	a := engine.Answer{Class: engine.ClassOK}
	a.Image = policy.Image{Name: q.Name, Digest: q.Digest.String()}
	if a.Allow = q.Digest == digest && q.Name == "registry.example.com/team/shop" && q.Who.Gate == engine.GatePull && q.Who.Reference == ref; !a.Allow {
		a.Class, a.Reasons = engine.ClassRule, []string{"signed: nobody signed it"}
	}
	return a
}

func (a asker) AskAll(ctx context.Context, qs []engine.Question) (out []engine.Answer) {
	for _, q := range qs {
		out = append(out, a.Ask(ctx, q))
	}
	return out
}

// program builds the real one, with settings beside it, and serves an agent.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "selfsame-pull")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "github.com/selfsame-build/selfsame/cmd/selfsame-pull")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	socket := filepath.Join(t.TempDir(), "run", "guard.sock")
	l, err := agent.Listen(socket, "")
	if err != nil {
		t.Fatal(err)
	}
	s := &agent.Server{Asker: asker{}, Inventory: agent.NewInventory(asker{}, nil, func(string) {}, time.Now), Grants: func() []breakglass.Grant { return nil }, Edition: func() policy.Edition { return policy.Edition{} }}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { _ = s.Serve(ctx, l); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	write(t, path+".json", `{"socket":"`+socket+`"}`, 0o600)
	return path
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	_ = os.Remove(path)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func call(t *testing.T, path string, stdin io.Reader, args ...string) (code int, stdout string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin, cmd.Env = stdin, []string{"HTTP_PROXY=http://127.0.0.1:1", "http_proxy=x", "SSL_CERT_FILE=/dev/zero", "LD_PRELOAD=/does/not/exist.so", "LD_LIBRARY_PATH=/tmp", "GODEBUG=netdns=go+2", "DBUS_SESSION_BUS_ADDRESS=x", "HOME=/", "PATH="}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	if errs.Len() != 0 {
		t.Errorf("%v wrote to stderr: %s", args, errs.String())
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

func TestVerifier(t *testing.T) {
	path := program(t)
	descriptor := func(d string) string {
		return `{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"` + d + `","size":7}` + "\n"
	}
	args := func(name, d string) []string {
		return []string{"-name", name, "-digest", d, "-stdin-media-type", media}
	}
	for name, c := range map[string]struct {
		stdin string
		args  []string
		code  int
		first string
	}{
		"allowed":            {descriptor(digest), args(ref, digest), 0, ""},
		"not allowed":        {descriptor(other), args(ref, other), 1, "registry.example.com/team/shop@" + other + " is denied: signed: nobody signed it"},
		"another name":       {descriptor(digest), args("registry.example.com/x:v1", digest), 1, "registry.example.com/x@" + digest + " is denied"},
		"another digest":     {descriptor(digest), args(ref, other), 1, "the descriptor is of"},
		"a megabyte":         {descriptor(digest) + strings.Repeat(" ", 1<<20), args(ref, digest), 1, "more than 65536 bytes"},
		"no descriptor":      {"hello", args(ref, digest), 1, "the descriptor is not one"},
		"nothing":            {"", args(ref, digest), 1, "the descriptor is not one"},
		"no digest":          {descriptor("x"), args(ref, "x"), 1, "the descriptor is of"},
		"no name":            {descriptor(digest), args("", digest), 1, "between 1 and 512 bytes"},
		"another type":       {descriptor(digest), []string{"-name", ref, "-digest", digest, "-stdin-media-type", "text/plain"}, 1, "not the call of an image verifier"},
		"no arguments":       {descriptor(digest), nil, 1, "not the call of an image verifier"},
		"unknown arguments":  {descriptor(digest), append(args(ref, digest), "-x"), 1, "flag provided but not defined"},
		"too many arguments": {descriptor(digest), append(args(ref, digest), "x"), 1, "not the call of an image verifier"},
	} {
		code, out := call(t, path, strings.NewReader(c.stdin), c.args...)
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if code != c.code || !strings.Contains(lines[0], c.first) || (c.code == 0) != (out == "") || c.code != 0 && (len(lines) != 3 || !strings.HasPrefix(lines[2], "fix: ")) {
			t.Errorf("%s: exit %d\n%s", name, code, out)
		}
	}
	for name, c := range map[string]struct {
		text  string
		mode  os.FileMode
		first string
	}{
		"no agent":               {`{"socket":"/does/not/exist"}`, 0o600, "reaching the node agent"},
		"a misspelt key":         {`{"sockett":"/x"}`, 0o600, "unknown field"},
		"two documents":          {`{"socket":"/x"}{}`, 0o600, "goes on after its end"},
		"a relative path":        {`{"socket":"x"}`, 0o600, "not an absolute path"},
		"others may write to it": {`{"socket":"/x"}`, 0o666, "no regular file of root's"},
		"large":                  {`{"socket":"/x"}` + strings.Repeat(" ", 5000), 0o600, "more than 4096 bytes"},
	} {
		write(t, path+".json", c.text, c.mode)
		if code, out := call(t, path, strings.NewReader(descriptor(digest)), args(ref, digest)...); code != 1 || !strings.Contains(strings.Split(out, "\n")[0], c.first) {
			t.Errorf("%s: exit %d\n%s", name, code, out)
		}
	}
}

// TestHangingCaller: who never closes stdin waits for no longer than the deadline.
func TestHangingCaller(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: takes 8 s")
	}
	t.Parallel()
	path := program(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	began := time.Now()
	if code, out := call(t, path, r, "-name", ref, "-digest", digest, "-stdin-media-type", media); code != 1 || !strings.Contains(out, "not decided in time") || time.Since(began) > 9500*time.Millisecond {
		t.Errorf("exit %d after %s\n%s", code, time.Since(began), out)
	}
}
