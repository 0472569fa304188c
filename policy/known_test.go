package policy

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// TestN22RulesReachNothing: a rule sees evidence and the time. What would ask a network, a file or the environment does not load (CVE-2026-4789:
// policy code that calls out leaks tokens), and the package could not do it.
func TestN22RulesReachNothing(t *testing.T) {
	for _, require := range []string{
		`http.get("https://example.com/").body == "yes"`, `http.Get("https://example.com/allow")`, `http.send({"url": "https://example.com/"}).status == 200`,
		`Get("http://169.254.169.254/latest/meta-data").size() > 0`, `resource.Get("v1", "secrets", "kube-system", "token") != null`,
		`net.lookup("example.com").size() > 0`, `image.name.fetch() == ""`, `imageData.get(image.name).size() > 0`, `globalContext.Get("x") == 1`,
		`file.read("/etc/passwd") != ""`, `env("AWS_SECRET_ACCESS_KEY") != ""`, `exec("true") == 0`, `rand() > 0`,
	} {
		_, err := Parse("p.yaml", []byte(oneRule(require)))
		if list := diag.All(err); len(list) == 0 || list[0].Code != "A0625" {
			t.Errorf("%s: %v", require, err)
		}
	}
	out, err := exec.Command("go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, no := range []string{"net", "net/http", "os/exec", "plugin"} {
		if slices.Contains(strings.Fields(string(out)), no) {
			t.Errorf("deciding needs %s", no)
		}
	}
}
