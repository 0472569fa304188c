package guardcli_test

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestExport(t *testing.T) {
	w := newWorld(t)
	args := []string{"export", "policy.json", "--config", w.dir + "/guard.yaml"}
	if code, stdout, stderr := run(t, args...); code != 10 || stdout != "" || !strings.Contains(stderr, "A0941") || !strings.Contains(stderr, "give --scope") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	code, stdout, stderr := run(t, append(args, "--scope", "registry.example.com/team")...)
	var got struct {
		Default    []struct{ Type string }
		Transports map[string]map[string][]struct {
			Type    string
			KeyData []byte
		}
	}
	if err := json.Unmarshal([]byte(stdout), &got); code != 0 || err != nil {
		t.Fatalf("exit %d, %v\n%s%s", code, err, stdout, stderr)
	}
	r := got.Transports["docker"]["registry.example.com/team"]
	if got.Default[0].Type != "reject" || len(r) != 1 || r[0].Type != "sigstoreSigned" || string(r[0].KeyData) != read(t, w.dir+"/release.pub") {
		t.Errorf("%s", stdout)
	}
	for _, want := range []string{"not in it: provenance", "the deny list", "simple signing"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is missing:\n%s", want, stderr)
		}
	}
	if code, _, stderr := run(t, append(args, "--scope", "registry.example.com/team:v1")...); code != 10 || !strings.Contains(stderr, "is not a scope") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
}
