package doctor_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/guard/doctor"
)

// TestServer: lists come in pages, the token goes along, and a redirect is not followed.
func TestServer(t *testing.T) {
	var moved bool
	configMap := `{"kind":"ConfigMap","metadata":{"name":"selfsame-guard","namespace":"selfsame-guard"},"data":{"guard.yaml":"guard: v1\ntrust: t.yaml\npolicy: {file: p.yaml}\nadmission: {default: audit}\n"}}`
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet || r.Header.Get("Authorization") != "Bearer secret":
			http.Error(w, "no", http.StatusForbidden)
		case moved:
			http.Redirect(w, r, "https://other.example.com/", http.StatusFound)
		case strings.HasSuffix(r.URL.Path, "/validatingwebhookconfigurations") && r.URL.Query().Get("continue") == "":
			fmt.Fprint(w, `{"kind":"ValidatingWebhookConfigurationList","metadata":{"continue":"next"},"items":[]}`)
		case strings.HasSuffix(r.URL.Path, "/validatingwebhookconfigurations"):
			fmt.Fprint(w, `{"kind":"ValidatingWebhookConfigurationList","items":[{"metadata":{"name":"x.static.k8s.io"},"webhooks":[{"name":"validate.guard.selfsame.build","failurePolicy":"Ignore"}]}]}`)
		case r.URL.Path == "/api/v1/namespaces/selfsame-guard/configmaps/selfsame-guard" && configMap == "":
			http.Error(w, "no", http.StatusForbidden)
		case r.URL.Path == "/api/v1/namespaces/selfsame-guard/configmaps/selfsame-guard":
			fmt.Fprint(w, configMap)
		default:
			fmt.Fprint(w, `{"kind":"NamespaceList","items":[]}`)
		}
	}))
	defer s.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	server, err := doctor.FromKubeconfig(kubeconfig(t, s.URL, ca, "{token: secret}"))
	if err != nil {
		t.Fatal(err)
	}
	c := doctor.Cluster{Server: server, Namespace: "selfsame-guard", Now: time.Now()}
	if got := c.Check(t.Context()); len(got) < 2 || got[0].Code != "A0982" {
		t.Errorf("the second page is not judged: %+v", got)
	} else if last := got[len(got)-1]; last.Code != "A0996" || !strings.HasSuffix(last.Place, "admission.default") {
		t.Errorf("the configuration is not judged: %+v", got)
	}
	if !slices.ContainsFunc(c.Check(t.Context()), func(f doctor.Finding) bool { return f.Code == "A0994" }) {
		t.Error("an object of the API counts as a static manifest for its name")
	}
	for answer, want := range map[string]string{"": "403 Forbidden", `{"kind":"Secret"}`: "something else", strings.Replace(configMap, `"name":"selfsame-guard"`, `"name":"other"`, 1): "something else"} {
		configMap = answer
		got := c.Check(t.Context())
		if len(got) < 2 || got[0].Code != "A0980" || got[0].Warning || !strings.Contains(got[0].Summary, want) || got[1].Code != "A0982" {
			t.Errorf("%s: %+v", want, got)
		}
	}
	moved = true
	if got := c.Check(t.Context()); len(got) != 1 || got[0].Code != "A0980" || !strings.Contains(got[0].Summary, "redirects") {
		t.Errorf("a redirect: %+v", got)
	}
}

// TestKubeconfig: what is not supported, or leaves a check out, is refused in words.
func TestKubeconfig(t *testing.T) {
	const good = `current-context: here
contexts: [{name: here, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://kube.example.com"}}]
users: [{name: u, user: {token: secret}}]
`
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if s, err := doctor.FromKubeconfig(write(good)); err != nil || s.URL != "https://kube.example.com" {
		t.Fatalf("%+v, %v", s, err)
	}
	for name, c := range map[string]struct{ from, to, want string }{
		"a plugin":            {"token: secret", "exec: {command: aws}", "has a program fetch credentials"},
		"an old plugin":       {"token: secret", "auth-provider: {name: gcp}", "has a program fetch credentials"},
		"a password":          {"token: secret", "username: me", "passwords and impersonation"},
		"no checks":           {"{server:", "{insecure-skip-tls-verify: true, server:", "insecure-skip-tls-verify"},
		"a proxy":             {"{server:", "{proxy-url: 'http://p', server:", "proxy-url"},
		"plain HTTP":          {"https://kube", "http://kube", "not https"},
		"another context":     {"current-context: here", "current-context: there", "`there` is not in it"},
		"another cluster":     {"cluster: c,", "cluster: d,", "the cluster `d`"},
		"another user":        {"user: u}", "user: v}", "the user `v`"},
		"no authority":        {"{server:", "{certificate-authority-data: aGVsbG8=, server:", "no certificate in PEM"},
		"a missing file":      {"token: secret", "tokenFile: gone", "no such file"},
		"a certificate alone": {"token: secret", "client-certificate-data: aGVsbG8=", "tls:"},
		"something else":      {"contexts: [", "contexts: [secret, ", "not a kubeconfig"},
		"a doubled key":       {"users:", "users: []\nusers:", "twice"},
		"no YAML":             {"users:", "\tusers:", "tab"},
	} {
		if !strings.Contains(good, c.from) {
			t.Fatalf("%s: no %q", name, c.from)
		}
		_, err := doctor.FromKubeconfig(write(strings.Replace(good, c.from, c.to, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v\nwant %s", name, err, c.want)
		}
	}
}
