package chain

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/test/containerd"
	"github.com/selfsame-build/selfsame/test/fixture"
	"github.com/selfsame-build/selfsame/test/kube"
)

// serveRegistry is `selfsame registry`, as small teams would have it.
func (w *world) serveRegistry() {
	w.t.Helper()
	s := w.serve("selfsame", "registry", "serve", "--dir", "registry")
	w.soon("the registry serves", func() bool { return strings.Contains(s.Out.String(), "\n") })
	w.host = strings.TrimSpace(s.Out.String())
}

// guard writes a configuration and what it names: whose word counts, what may run, where the deny list is.
func (w *world) guard() {
	w.t.Helper()
	w.ok("selfsame", "key", "new", "--out", "release")
	w.ok("selfsame", "key", "new", "--out", "revoker")
	w.ok("selfsame", "deny", "new", "--list", w.host+"/ops/denylist", "--key", "revoker.key")
	w.ok("selfsame", "policy", "new", "reproduced-here", "--out", "policy.yaml")
	policy := strings.Replace(w.read("policy.yaml"), "registry.example.com/team/**", w.host+"/team/**", 1)
	w.write("policy.yaml", policy)
	w.write("trust.yaml", "trust: v1\nsigners:\n  us: {keys: [release.pub], roles: [release]}\n  ops: {keys: [revoker.pub], roles: [revoker]}\ndenylist: {list: "+w.host+"/ops/denylist}\n")
	const config = "guard: v1\ntrust: trust.yaml\npolicy: {file: policy.yaml}\nrefresh: 1s\nwatch: 1s\nkeep: {refused: 1s}\n"
	w.write("webhook.yaml", config+"state: webhook\n")
	w.write("agent.yaml", config+"state: agent\nsocket: {path: run/guard.sock}\n")
}

// cluster starts the webhook and an API server that read the guard's manifests from its own disk.
func (w *world) cluster() {
	w.t.Helper()
	w.ok("selfsame-guard", "certificate", "--out", "tls", "--name", "127.0.0.1")
	at := fixture.Free(w.t, 2)
	hook, health := at[0], at[1]
	w.hook = w.serve("selfsame-guard", "webhook", "--config", "webhook.yaml", "--tls-cert", "tls/tls.crt", "--tls-key", "tls/tls.key", "--listen", hook, "--health-listen", health, "--drain", "10ms")
	static := w.path("static")
	w.ok("selfsame-guard", "manifests", "--config", "webhook.yaml", "--static", static, "--static-dir", static, "--static-url", "https://"+hook, "--ca", "tls/ca.crt", "--image", "registry.example.com/guard@sha256:"+strings.Repeat("a", 64))
	w.api = kube.Start(w.t, kube.Options{FeatureGates: []string{"ManifestBasedAdmissionControlConfig"}, Flags: []string{"--admission-control-config-file=" + static + "/admission-configuration.yaml"}}).Client()
}

// gates sets up a node as docs/how-to/node-gates.md says: a verifier, an NRI plugin that is required, and the agent that answers both.
func (w *world) gates() {
	w.t.Helper()
	program, err := os.ReadFile(filepath.Join(w.bin, "selfsame-pull"))
	w.must(err)
	w.write("lib/selfsame-pull", string(program))
	w.must(os.Chmod(w.path("lib/selfsame-pull"), 0o755)) //nolint:gosec // a program
	w.write("lib/selfsame-pull.json", fmt.Sprintf(`{"socket": %q}`, w.path("run/guard.sock")))
	w.must(os.Mkdir(w.path("verifiers"), 0o755)) //nolint:gosec // containerd's
	w.must(os.Symlink(w.path("lib/selfsame-pull"), w.path("verifiers/10-selfsame")))
	w.node = containerd.Start(w.t, containerd.Options{Verifiers: w.path("verifiers"), VerifierTimeout: 20 * time.Second, NRI: &containerd.NRI{Required: []string{"selfsame"}, RequestTimeout: 5 * time.Second}})
	w.node.PlainHTTP(w.t, w.host)
	w.write("agent.yaml", w.read("agent.yaml")+"nri: {socket: "+w.node.NRISocket+"}\n")
	w.agent = w.serve("selfsame-guard", "agent", "--config", "agent.yaml")
	w.soon("the agent is the gate", func() bool { return strings.Contains(w.agent.Err.String(), "the start gate is connected") })
}

// build has `selfsame` lock, build twice, sign and push a project, while others set up the rest. What it gives waits for the end, and then
// says what was pushed: REPOSITORY@DIGEST.
func (w *world) build(project, to string) (wait func() string) {
	var ref, failed string
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, args := range [][]string{{"lock", "-q", project}, {"build", "-q", project, "--out", "out", "--key", "release.key", "--push=" + to}} {
			code, out, said := w.run("selfsame", args...)
			if code != 0 {
				failed = fmt.Sprintf("selfsame %s: exit %d\n%s%s", strings.Join(args, " "), code, said, out)
				return
			}
			ref = strings.TrimSpace(out)
		}
	}()
	w.t.Cleanup(func() { <-done })
	return func() string {
		w.t.Helper()
		if <-done; failed != "" {
			w.t.Fatal(failed)
		}
		return ref
	}
}
