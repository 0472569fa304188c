package manifests

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const image = "registry.example.com/selfsame/guard@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// options are of a cluster that uses everything.
func options(t *testing.T) Options {
	t.Helper()
	ca, err := os.ReadFile(filepath.Join("testdata", "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Image: image, CA: ca, Files: map[string]string{"guard.yaml": "guard: v1\ntrust: trust.yaml\npolicy: {file: policy.yaml}\n", "trust.yaml": "trust: v1\n"},
		Exempt: []string{"kube-system"}, Audit: []string{"trial", "lab"}, Registries: []string{"registry.example.com/", "docker.io/library/"}, PullSecret: "pull",
		URL: "https://10.96.0.50:443/", BreakGlass: "/etc/selfsame-break-glass", SocketGroup: 990,
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != got {
		t.Errorf("%s is not %s any more (%v); go test -update writes it, and then read the difference:\n%s", name, path, err, got)
	}
	for d := yaml.NewDecoder(strings.NewReader(got)); ; {
		var object map[string]any
		if err := d.Decode(&object); err != nil {
			if err.Error() != "EOF" {
				t.Errorf("%s: %v", name, err)
			}
			return
		}
	}
}

func TestGolden(t *testing.T) {
	o := options(t)
	all, err := Cluster(o)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "cluster.yaml", all)
	slices.Reverse(o.Exempt)
	slices.Reverse(o.Audit)
	if again, err := Cluster(o); again != all || err != nil {
		t.Errorf("the order of options matters: %v", err)
	}
	small, err := Cluster(Options{Namespace: "guard", Image: image, CA: o.CA, Files: o.Files, ValidateOnly: true, Timeout: 3})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "validate-only.yaml", small)
	without := o
	without.NoAgent = true
	got, err := Cluster(without)
	if err != nil {
		t.Fatal(err)
	}
	// All the rest is there, and a namespace that demands of pods what the webhook's are.
	begin := strings.Index(all, "apiVersion: apps/v1\nkind: DaemonSet\n")
	end := begin + strings.Index(all[begin:], "---\n") + len("---\n")
	want := strings.Replace(all[:begin]+all[end:], "    # The node agent uses the host's sockets.\n    pod-security.kubernetes.io/enforce: privileged\n", "    pod-security.kubernetes.io/enforce: restricted\n", 1)
	if got != want || strings.Contains(got, "DaemonSet\n") || !strings.Contains(got, "enforce: restricted") || !strings.Contains(got, "kind: Deployment") {
		t.Errorf("without the agent:\n%s", got)
	}
	static, err := Static(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(static)) {
		golden(t, "static-"+strings.ReplaceAll(name, "/", "-"), static[name])
	}
}

func TestWrongOptions(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"namespace":        func(o *Options) { o.Namespace = "a\n  labels: {x: y}" },
		"exempt":           func(o *Options) { o.Exempt = []string{"Kube"} },
		"audit":            func(o *Options) { o.Audit = []string{""} },
		"image by tag":     func(o *Options) { o.Image = "registry.example.com/guard:v1" },
		"image":            func(o *Options) { o.Image = "" },
		"no CA":            func(o *Options) { o.CA = nil },
		"CA and more":      func(o *Options) { o.CA = append(o.CA, "more"...) },
		"a key as CA":      func(o *Options) { o.CA = []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n") },
		"timeout":          func(o *Options) { o.Timeout = 31 },
		"registry":         func(o *Options) { o.Registries = []string{`x") || true || ("`} },
		"pull secret":      func(o *Options) { o.PullSecret = "a b" },
		"static folder":    func(o *Options) { o.StaticDir = "etc" },
		"no configuration": func(o *Options) { o.Files = nil },
		"socket group":     func(o *Options) { o.SocketGroup = -1 },
		"a key":            func(o *Options) { o.Files["x.key"] = "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----" },
		"not text":         func(o *Options) { o.Files["x"] = "\xff" },
		"a path":           func(o *Options) { o.Files["../x"] = "x" },
		"too much":         func(o *Options) { o.Files["x"] = strings.Repeat("x", 1<<20) },
	} {
		o := options(t)
		change(&o)
		if got, err := Cluster(o); err == nil || got != "" {
			t.Errorf("%s: taken", name)
		}
	}
	for _, at := range []string{"/", "/etc", "/etc/selfsame", "/etc/selfsame/glass", "/etc/selfsame-tls", "/var/lib/glass", "/run/selfsame", "glass", "/etc/x/", "/etc/../etc/x"} {
		o := options(t)
		o.BreakGlass = at
		if _, err := Cluster(o); err == nil {
			t.Errorf("break-glass statements are mounted at %q", at)
		}
	}
	for _, u := range []string{"", "http://10.0.0.1", "https://", "https://a@b", "https://10.0.0.1/x", "https://10.0.0.1?x"} {
		o := options(t)
		o.URL = u
		if _, err := Static(o); err == nil {
			t.Errorf("%q is taken for the address of a webhook", u)
		}
	}
}

// TestWhereTheShapeIsRefused: the API server's own rules refuse where the webhook does, and warn where it does.
func TestWhereTheShapeIsRefused(t *testing.T) {
	for _, test := range []struct {
		name           string
		change         func(*Options)
		strict, warned string
	}{
		{"enforce", func(o *Options) { o.Audit = nil }, `NotIn ["guard"]`, ``},
		{"audit here", func(o *Options) {}, `NotIn ["guard","lab"]`, `In ["lab"]`},
		{"in both lists", func(o *Options) { o.Enforce = []string{"lab"} }, `NotIn ["guard"]`, ``},
		{"audit", func(o *Options) { o.AuditDefault = true }, ``, `NotIn ["guard"]`},
		{"audit, enforce here", func(o *Options) { o.AuditDefault, o.Enforce = true, []string{"shop"} }, `In ["shop"]`, `NotIn ["guard","shop"]`},
		{"exempt", func(o *Options) { o.Exempt = []string{"lab"} }, `NotIn ["guard","lab"]`, ``},
	} {
		o := options(t)
		o.Namespace, o.Exempt, o.Audit = "guard", nil, []string{"lab"}
		test.change(&o)
		static, err := Static(o)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for doc := range strings.SplitSeq(static["policies/selfsame-guard.yaml"], "---\n") {
			_, after, found := strings.Cut(doc, "policyName: selfsame-guard-shape.static.k8s.io\n  validationActions: ")
			if !found {
				continue
			}
			action, rest, _ := strings.Cut(after, "\n")
			_, rest, _ = strings.Cut(rest, "operator: ")
			operator, rest, _ := strings.Cut(rest, ", values: ")
			values, _, _ := strings.Cut(rest, "}")
			got[action] = operator + " " + values
		}
		if got["[Deny]"] != test.strict || got["[Warn, Audit]"] != test.warned {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// TestRegistriesAreWhole: the beginning of a name ends at a slash.
func TestRegistriesAreWhole(t *testing.T) {
	o := options(t)
	o.Registries = []string{"registry.example.com"}
	all, err := Cluster(o)
	if err != nil || !strings.Contains(all, `[\"registry.example.com/\"].exists`) {
		t.Errorf("%v\n%s", err, all)
	}
}
