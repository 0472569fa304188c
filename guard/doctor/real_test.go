package doctor_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/guard/doctor"
	"github.com/selfsame-build/selfsame/guard/manifests"
	"github.com/selfsame-build/selfsame/test/containerd"
	"github.com/selfsame-build/selfsame/test/kube"
)

func TestMain(m *testing.M) {
	code := m.Run()
	kube.Stop()
	os.Exit(code)
}

// TestRealContainerd: a containerd that runs with a clean configuration is judged clean, its version asked for at its own socket; with the
// setting by which test/containerd's TestFallback has an image pulled unasked, it is not.
func TestRealContainerd(t *testing.T) {
	w := newWorld(t)
	images := containerd.Tables{containerd.TableImages: {"discard_unpacked_layers": "true"}}
	for _, c := range []struct {
		config containerd.Tables
		want   string
	}{{nil, ""}, {images, "A0960"}} {
		n := containerd.Start(t, containerd.Options{Verifiers: w.bin, NRI: &containerd.NRI{Required: []string{"selfsame"}}, Config: c.config})
		w.Containerd, w.Version = n.ConfigFile, ""
		var got []string
		for _, f := range w.Check(t.Context()) {
			got = append(got, string(f.Code))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("with %v: %v, want %q: %+v", c.config, got, c.want, w.Check(t.Context()))
		}
	}
}

// kubeconfig writes one for s.
func kubeconfig(t *testing.T, url string, ca []byte, user string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: %q, certificate-authority-data: %s}}]
users: [{name: u, user: %s}]
`, url, base64.StdEncoding.EncodeToString(ca), user)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRealAPIServer: what an API server has made of the manifests, with its defaults filled in, is clean once somebody answers.
func TestRealAPIServer(t *testing.T) {
	s := kube.Shared(t)
	client := s.Client()
	now := time.Now()
	all, err := manifests.Cluster(options(authority(t, now, 1000*time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Apply(t.Context(), []byte(all)); err != nil {
		t.Fatal(err)
	}
	server, err := doctor.FromKubeconfig(kubeconfig(t, s.URL, s.CA, fmt.Sprintf("{token: %q}", s.Token)))
	if err != nil {
		t.Fatal(err)
	}
	codes := func() string {
		var out []string
		for _, f := range (doctor.Cluster{Server: server, Namespace: "selfsame-guard", Now: now}).Check(t.Context()) {
			out = append(out, string(f.Code))
		}
		return strings.Join(out, " ")
	}
	if got := codes(); got != "A0992 A0994" { // nothing runs pods here
		t.Errorf("without endpoints: %q", got)
	}
	ready := map[string]any{"conditions": map[string]any{"ready": true}, "addresses": []string{"10.0.0.1"}}
	other := map[string]any{"conditions": map[string]any{"ready": true}, "addresses": []string{"10.0.0.2"}}
	slice := map[string]any{"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
		"metadata":  map[string]any{"name": "guard", "labels": map[string]string{"kubernetes.io/service-name": "selfsame-guard"}},
		"endpoints": []any{ready, other}}
	if err := client.Create(t.Context(), "/apis/discovery.k8s.io/v1/namespaces/selfsame-guard/endpointslices", slice, nil); err != nil {
		t.Fatal(err)
	}
	if got := codes(); got != "A0994" {
		t.Errorf("with endpoints: %q", got)
	}
	path := "/api/v1/namespaces/selfsame-guard/configmaps/selfsame-guard"
	if err := client.As("ann", "selfsame-guard:admins").Delete(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if got := codes(); got != "A0980 A0994" {
		t.Errorf("without a configuration: %q", got)
	}
	wrong, err := doctor.FromKubeconfig(kubeconfig(t, s.URL, s.CA, "{token: wrong}"))
	if err != nil {
		t.Fatal(err)
	}
	if got := (doctor.Cluster{Server: wrong, Namespace: "selfsame-guard", Now: now}).Check(t.Context()); len(got) != 1 || got[0].Code != "A0980" || !strings.Contains(got[0].Summary, "401") {
		t.Errorf("with a wrong token: %+v", got)
	}
}
