package guardcli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDoctor: findings are on stdout, in text and JSON, and the code is 17; what only warns is 0.
func TestDoctor(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	open := write("config.toml", "version = 4\n[plugins.'io.containerd.cri.v1.images']\nuse_local_image_pull = true\n")
	hook := write("hook.yaml", "kind: ValidatingWebhookConfiguration\nmetadata: {name: x}\nwebhooks: [{name: validate.guard.selfsame.build, failurePolicy: Ignore}]\n"+
		"---\nkind: ConfigMap\nmetadata: {name: selfsame-guard, namespace: selfsame-guard}\ndata: {guard.yaml: \"guard: v1\\ntrust: t\\npolicy: {file: p}\\n\"}\n")
	exec := write("kubeconfig", "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: 'https://x'}}]\nusers: [{name: u, user: {exec: {command: aws}}}]\n")
	for name, c := range map[string]struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		"a node":           {[]string{"doctor", "node", "--containerd-config", open, "--containerd-version", "2.4.2"}, 17, open + ":3: with `use_local_image_pull`", ""},
		"its fix":          {[]string{"doctor", "node", "--containerd-config", open, "--containerd-version", "2.4.2"}, 17, "fix: in [plugins.'io.containerd.cri.v1.images']: use_local_image_pull = false", ""},
		"the guard's file": {[]string{"doctor", "node", "--containerd-config", open, "--config", "/does/not/exist"}, 17, "A0975", ""},
		"a cluster":        {[]string{"doctor", "cluster", "--from", hook}, 17, "FAIL     A0982", ""},
		"a missing file":   {[]string{"doctor", "cluster", "--from", "/does/not/exist"}, 17, "A0980", ""},
		"a plugin":         {[]string{"doctor", "cluster", "--kubeconfig", exec}, 17, "", "this command runs none"},
		"nothing to ask":   {[]string{"doctor", "cluster"}, 10, "", "needs --kubeconfig"},
		"without one":      {[]string{"doctor"}, 10, "", "needs a command: cluster, node"},
		"an unknown part":  {[]string{"doctor", "nodes"}, 10, "", "nodes"},
	} {
		code, stdout, stderr := run(t, c.args...)
		if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) || (c.stderr == "" && stderr != "") {
			t.Errorf("%s: exit %d\n%s%s", name, code, stdout, stderr)
		}
	}
	_, stdout, _ := run(t, "doctor", "cluster", "--from", hook, "--json")
	var got struct {
		SchemaVersion int
		OK            bool
		Findings      []struct{ Code, Place, Summary, Why, Fix string }
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || got.SchemaVersion != 1 || got.OK || len(got.Findings) < 2 || got.Findings[0].Code != "A0982" {
		t.Errorf("%v: %s", err, stdout)
	}
}
