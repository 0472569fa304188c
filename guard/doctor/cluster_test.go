package doctor_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/guard/doctor"
	"github.com/selfsame-build/selfsame/guard/manifests"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// authority is a certificate that ends so long after now.
func authority(t *testing.T, now time.Time, left time.Duration) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-1000 * time.Hour), NotAfter: now.Add(left), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

const guardImage = "registry.example.com/selfsame/guard@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func options(ca []byte) manifests.Options {
	return manifests.Options{Image: guardImage, CA: ca, URL: "https://10.96.0.50:443",
		Files: map[string]string{"guard.yaml": "guard: v1\ntrust: trust.yaml\npolicy: {file: policy.yaml}\n"}}
}

// checkText judges what a file of kubectl's says.
func checkText(t *testing.T, text string, now time.Time, exempt ...string) []doctor.Finding {
	t.Helper()
	path := filepath.Join(t.TempDir(), "objects.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return doctor.Cluster{Files: []string{path}, Namespace: "selfsame-guard", Exempt: exempt, Now: now}.Check(t.Context())
}

// TestManifests: what selfsame-guard prints for kubectl is clean, but for the warning that it can be deleted; with static files it is clean.
func TestManifests(t *testing.T) {
	now := time.Now()
	ca := authority(t, now, 1000*time.Hour)
	all, err := manifests.Cluster(options(ca))
	if err != nil {
		t.Fatal(err)
	}
	got := checkText(t, all, now)
	if len(got) != 1 || got[0].Code != "A0994" || !got[0].Warning || doctor.Failed(got) {
		t.Errorf("findings: %+v", got)
	}
	static, err := manifests.Static(options(ca))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range static {
		all += "\n---\n" + text
	}
	if got := checkText(t, all, now); len(got) != 0 {
		t.Errorf("findings with static manifests: %+v", got)
	}
	alone := strings.Replace(all, static["validating/selfsame-guard.yaml"], "", 1)
	if got := checkText(t, alone, now); alone == all || len(got) != 1 || got[0].Code != "A0994" {
		t.Errorf("the mutating one alone is static: %+v", got)
	}
}

// part is the piece of all between two marks, so that a change is of one object alone.
func part(t *testing.T, all, kind string) (before, at, after string) {
	t.Helper()
	i := strings.Index(all, "kind: "+kind+"\n")
	if i < 0 {
		t.Fatalf("no %s in the manifests", kind)
	}
	n := strings.Index(all[i:], "\n---\n")
	if n < 0 {
		n = len(all) - i
	}
	return all[:i], all[i : i+n], all[i+n:]
}

// TestOneChangeOfACluster: each leaves something open, and is found alone.
func TestOneChangeOfACluster(t *testing.T) {
	now := time.Now()
	ca := authority(t, now, 1000*time.Hour)
	clean, err := manifests.Cluster(options(ca))
	if err != nil {
		t.Fatal(err)
	}
	bundle := func(left time.Duration) string { return base64.StdEncoding.EncodeToString(authority(t, now, left)) }
	old := base64.StdEncoding.EncodeToString(ca)
	const hooks, first, mutate, pods = "ValidatingWebhookConfiguration", "", "MutatingWebhookConfiguration", "[pods, pods/ephemeralcontainers, replicationcontrollers, podtemplates]"
	const selector = `    namespaceSelector:
      matchExpressions:
        - {key: kubernetes.io/metadata.name, operator: NotIn, values: ["selfsame-guard"]}`
	const namespaces = "\n---\nkind: Namespace\nmetadata: {name: shop, labels: {guard: \"off\"}}\n"
	const config, settings = `policy: {file: policy.yaml}\n`, "ConfigMap/selfsame-guard/selfsame-guard guard.yaml"
	for name, c := range map[string]struct {
		kind, from, to string
		code           diag.Code
		place, want    string
	}{
		"no webhooks":         {"", "guard.selfsame.build", "guard.example.com", "A0981", "validate.", "is not there"},
		"mutating alone":      {hooks, "validate.guard", "validate.other", "A0993", "validate.", "without the validating"},
		"failing open":        {hooks, "failurePolicy: Fail", "failurePolicy: Ignore", "A0982", hooks + "/selfsame-guard", "`Ignore`"},
		"mutating fails open": {mutate, "failurePolicy: Fail", "failurePolicy: Ignore", "A0982", mutate, "`Ignore`"},
		"too long":            {hooks, "timeoutSeconds: 5", "timeoutSeconds: 30", "A0983", hooks, "it is 30"},
		"too short":           {hooks, "timeoutSeconds: 5", "timeoutSeconds: 1", "A0983", hooks, "it is 1;"},
		"no ephemeral ones":   {hooks, pods, strings.Replace(pods, " pods/ephemeralcontainers,", "", 1), "A0984", hooks, "`pods/ephemeralcontainers`"},
		"a star has no subs":  {hooks, pods, `["*"]`, "A0984", hooks, "`pods/ephemeralcontainers`"},
		"no pods":             {hooks, "[pods, ", "[", "A0984", hooks, "`pods`"},
		"no deployments":      {hooks, "[deployments, ", "[", "A0984", hooks, "`apps/deployments`"},
		"no cron jobs":        {hooks, "[jobs, cronjobs]", "[jobs]", "A0984", hooks, "`batch/cronjobs`"},
		"a rule that never holds": {hooks, pods + "\n        scope: Namespaced", strings.Replace(pods, "pods, ", "", 1) + "\n        scope: Namespaced" +
			"\n      - {apiGroups: [\"\"], apiVersions: [v1], operations: [UPDATE], resources: [pods], scope: Cluster}\n      - {apiGroups: [\"\"], apiVersions: [v1], operations: [CREATE], resources: [pods]}",
			"A0985", hooks, "for `pods` they lack UPDATE"},
		"exact versions":          {hooks, "matchPolicy: Equivalent", "matchPolicy: Exact", "A0986", hooks, "`Exact`"},
		"a namespace":             {hooks, `values: ["selfsame-guard"]`, `values: ["selfsame-guard", kube-system, shop]`, "A0987", hooks, "leaves out kube-system, shop"},
		"a label":                 {hooks, selector, "    namespaceSelector: {matchExpressions: [{key: guard, operator: DoesNotExist}]}" + first, "A0987", hooks, "labels that people can change"},
		"one namespace":           {hooks, "operator: NotIn", "operator: In", "A0987", hooks, "labels that people can change"},
		"labels of objects":       {hooks, "    namespaceSelector:", "    objectSelector: {matchLabels: {guard: \"on\"}}\n    namespaceSelector:", "A0987", hooks, "by their labels"},
		"conditions":              {hooks, "    matchPolicy:", "    matchConditions: [{name: x, expression: 'false'}]\n    matchPolicy:", "A0988", hooks, "there are 1"},
		"never again":             {mutate, "reinvocationPolicy: IfNeeded", "reinvocationPolicy: Never", "A0989", mutate, "not `IfNeeded`"},
		"no bundle":               {hooks, old, `""`, "A0991", hooks, "is empty"},
		"an old bundle":           {hooks, old, bundle(-time.Hour), "A0991", hooks, "it ended on"},
		"a bundle that ends":      {hooks, old, bundle(29 * 24 * time.Hour), "A0991", hooks, "it ends on"},
		"no certificate":          {hooks, old, base64.StdEncoding.EncodeToString([]byte("hello")), "A0991", hooks, "no certificate"},
		"the other phase":         {hooks, "path: /validate", "path: /mutate", "A0995", hooks, "at `/mutate`, not at `/validate`"},
		"no path":                 {hooks, ", path: /validate", "", "A0995", hooks, "at ``, not at `/validate`"},
		"mutating validates":      {mutate, "path: /mutate", "path: /validate", "A0995", mutate, "not at `/mutate`"},
		"an address":              {hooks, `service: {name: selfsame-guard, namespace: "selfsame-guard", path: /validate, port: 443}`, `url: "https://10.96.0.50/mutate"`, "A0995", hooks, "at `/mutate`"},
		"another's service":       {hooks, `service: {name: selfsame-guard, namespace: "selfsame-guard", path: /validate, port: 443}`, "service: {name: yes, namespace: shop, path: /validate}", "A0995", hooks, "the namespace shop"},
		"another service of ours": {hooks, "service: {name: selfsame-guard,", "service: {name: selfsame-guard-2,", "A0995", hooks, "the service selfsame-guard-2, not selfsame-guard"},
		"another port":            {hooks, "port: 443", "port: 8443", "A0995", hooks, "the port 8443 of the service"},
		"a path that ends so":     {hooks, "path: /validate", "path: /mutate/validate", "A0995", hooks, "at `/mutate/validate`, not at `/validate`"},
		"an address behind one":   {hooks, `service: {name: selfsame-guard, namespace: "selfsame-guard", path: /validate, port: 443}`, `url: "https://10.96.0.50/any/validate"`, "A0995", hooks, "at `/any/validate`"},
		"others' pods":            {"Service", "selector: {app.kubernetes.io/name: selfsame-guard-webhook}", "selector: {app.kubernetes.io/name: other}", "A0995", "Service/selfsame-guard/selfsame-guard", "its selector is not"},
		"pods of more labels":     {"Service", "selector: {app.kubernetes.io/name: selfsame-guard-webhook}", "selector: {app.kubernetes.io/name: selfsame-guard-webhook, v: two}", "A0995", "Service/", "its selector is not"},
		"no selector":             {"Service", "selector: {app.kubernetes.io/name: selfsame-guard-webhook}", "x: y", "A0995", "Service/", "its selector is not"},
		"a host elsewhere":        {"Service", "spec:", "spec:\n  type: ExternalName\n  externalName: evil.example.com", "A0995", "Service/", "`ExternalName`"},
		"audit mode":              {"ConfigMap", config, config + `admission: {default: audit, enforce: [shop]}\n`, "A0996", settings + " admission.default", "it is `audit`"},
		"audit of namespaces":     {"ConfigMap", config, config + `admission: {audit: [shop, pay, dev], enforce: [pay]}\n`, "A0996", settings + " admission.audit", "it names shop, dev"},
		"no configuration":        {"ConfigMap", "name: selfsame-guard", "name: other", "A0980", "ConfigMap/selfsame-guard/selfsame-guard", "it is not there"},
		"of another namespace":    {"ConfigMap", `namespace: "selfsame-guard"`, "namespace: shop", "A0980", "ConfigMap/", "it is not there"},
		"another file":            {"ConfigMap", "guard.yaml", "other.yaml", "A0980", "ConfigMap/", "no `guard.yaml`"},
		"a misspelt key":          {"ConfigMap", config, config + `admision: {default: enforce}\n`, "A0980", "ConfigMap/", "guard.yaml:4:1: unknown key `admision`"},
		"data that are none":      {"ConfigMap", "data:\n  \"guard.yaml\": \"", "data: [x]\nother:\n  \"guard.yaml\": \"", "A0980", "ConfigMap/", "no files"},
		"one replica":             {"Deployment", "replicas: 2", "replicas: 1", "A0992", "Service/selfsame-guard/selfsame-guard", "1 ready replicas"},
		"endpoints not ready":     {"Deployment", "kind: Deployment", "kind: EndpointSlice\nmetadata: {name: x, namespace: selfsame-guard, labels: {kubernetes.io/service-name: selfsame-guard}}\nendpoints: [{conditions: {ready: true}}, {conditions: {ready: false}}]\n---\nkind: Deployment", "A0992", "Service/", "1 ready replicas"},
		"no service":              {"Service", "kind: Service", "kind: Other", "A0992", "Service/", "is not there"},
		"an unreadable file":      {hooks, "timeoutSeconds: 5", "timeoutSeconds: five", "A0980", "", "cannot be read"},
		"a huge document":         {hooks, "    matchPolicy:", "    # " + strings.Repeat("x", 1<<20) + "\n    matchPolicy:", "A0980", "", "give JSON"},
		"a key that is doubled":   {hooks, "failurePolicy: Fail", "failurePolicy: Ignore\n    failurePolicy: Fail", "A0980", "", "cannot be read"},
		"a namespace's label":     {hooks, selector, "    namespaceSelector: {matchExpressions: [{key: guard, operator: NotIn, values: [\"off\"]}]}" + namespaces, "A0987", hooks, "leaves out: shop"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, at, after := "", clean, ""
			if c.kind != "" {
				before, at, after = part(t, clean, c.kind)
			}
			if !strings.Contains(at, c.from) {
				t.Fatalf("%q is not in\n%s", c.from, at)
			}
			var got []doctor.Finding
			for _, f := range checkText(t, before+strings.ReplaceAll(at, c.from, c.to)+after, now) {
				if !f.Warning {
					got = append(got, f)
				}
			}
			if len(got) != 1 || got[0].Code != c.code || !strings.HasPrefix(got[0].Place, c.place) || !strings.Contains(got[0].Summary, c.want) || got[0].Fix == "" || got[0].Why == "" {
				t.Fatalf("got %+v\nwant %s at %s with %s", got, c.code, c.place, c.want)
			}
			if _, ok := diag.Lookup(got[0].Code); !ok {
				t.Errorf("%s has no page", got[0].Code)
			}
		})
	}
}

// TestOperationsAndScope: a rule is for several resources, and each is said.
func TestOperationsAndScope(t *testing.T) {
	now := time.Now()
	clean, err := manifests.Cluster(options(authority(t, now, 1000*time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	for from, code := range map[string]diag.Code{"operations: [CREATE, UPDATE]|operations: [CREATE]": "A0985", "operations: [CREATE, UPDATE]|operations: [UPDATE]": "A0985", "scope: Namespaced|scope: Cluster": "A0990"} {
		before, at, after := part(t, clean, "ValidatingWebhookConfiguration")
		was, is, _ := strings.Cut(from, "|")
		got := checkText(t, before+strings.ReplaceAll(at, was, is)+after, now)
		if len(got) != 11 { // ten resources and the warning
			t.Errorf("%s: %d findings: %+v", is, len(got), got)
		}
		for _, f := range got[:len(got)-1] {
			if f.Code != code {
				t.Errorf("%s: %+v", is, f)
			}
		}
	}
}

// TestExempt: a namespace that is meant to be left out is no finding.
func TestExempt(t *testing.T) {
	now := time.Now()
	o := options(authority(t, now, 1000*time.Hour))
	o.Exempt = []string{"kube-system"}
	all, err := manifests.Cluster(o)
	if err != nil {
		t.Fatal(err)
	}
	if got := checkText(t, all, now); len(got) != 3 || got[0].Code != "A0987" || got[1].Code != "A0987" {
		t.Errorf("without --exempt: %+v", got)
	}
	if got := checkText(t, all, now, "kube-system"); len(got) != 1 {
		t.Errorf("with --exempt: %+v", got)
	}
}

// TestConfiguration: what is meant is no finding, what merely weakens a gate is a warning, and files may be binary.
func TestConfiguration(t *testing.T) {
	now := time.Now()
	o := options(authority(t, now, 1000*time.Hour))
	base := o.Files["guard.yaml"]
	for _, c := range []struct {
		more, want string
		exempt     []string
	}{
		{"", "", nil},
		{"admission: {audit: [shop]}\n", "", []string{"shop"}},
		{"admission: {audit: [shop], enforce: [shop]}\n", "", nil},
		{"admission: {default: audit}\n", "A0996 admission.default", []string{"shop"}},
		{"nri: {volumes: count}\n", "", nil}, // there is no gate at start
		{"nri: {socket: /var/run/nri/nri.sock, volumes: refuse}\n", "", nil},
		{"nri: {socket: /var/run/nri/nri.sock}\n", "warning A0996 nri.volumes", nil},
		{"refresh: 15m\n", "", nil},
		{"refresh: 16m\n", "warning A0996 refresh", nil},
	} {
		o.Files = map[string]string{"guard.yaml": base + c.more}
		all, err := manifests.Cluster(o)
		if err != nil {
			t.Fatal(err)
		}
		binary := strings.Replace(all, "data:\n  \"guard.yaml\": "+strconv.Quote(base+c.more), "binaryData:\n  guard.yaml: "+base64.StdEncoding.EncodeToString([]byte(base+c.more)), 1)
		if binary == all {
			t.Fatal("no ConfigMap in the manifests")
		}
		for _, text := range []string{all, binary} {
			var got []string
			for _, f := range checkText(t, text, now, c.exempt...) {
				if f.Code == "A0994" || f.Code == "A0987" { // they are of the webhooks
					continue
				}
				line := string(f.Code) + strings.TrimPrefix(f.Place, "ConfigMap/selfsame-guard/selfsame-guard guard.yaml")
				if f.Warning {
					line = "warning " + line
				}
				got = append(got, line)
			}
			if strings.Join(got, "; ") != c.want {
				t.Errorf("%q: %q, want %q", c.more, got, c.want)
			}
		}
	}
}
