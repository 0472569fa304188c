package admission

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/selfsame-build/selfsame/guard/manifests"
	"github.com/selfsame-build/selfsame/test/kube"
)

// TestOwnObjects: the guard's objects are changed by its administrators alone, and nothing but its image runs in its namespace.
func TestOwnObjects(t *testing.T) {
	c, _ := world(t)
	ctx := t.Context()
	label := map[string]any{"metadata": map[string]any{"labels": map[string]any{"a": "b"}}}
	admin := c.As("ann", "selfsame-guard:admins")
	const only = "by members of the group selfsame-guard:admins alone"
	for _, path := range []string{
		kube.Admission("validatingwebhookconfigurations") + "/selfsame-guard", kube.Admission("mutatingwebhookconfigurations") + "/selfsame-guard",
		"/api/v1/namespaces/selfsame-guard", "/api/v1/namespaces/selfsame-guard/services/selfsame-guard", "/api/v1/namespaces/selfsame-guard/configmaps/selfsame-guard",
		"/apis/apps/v1/namespaces/selfsame-guard/deployments/selfsame-guard-webhook", "/apis/apps/v1/namespaces/selfsame-guard/daemonsets/selfsame-guard-agent",
		"/apis/networking.k8s.io/v1/namespaces/selfsame-guard/networkpolicies/selfsame-guard-webhook",
	} {
		if err := refused(c.Patch(ctx, path, kube.Merge, label, nil), 403, only); err != nil {
			t.Errorf("changing %s: %v", path, err)
		}
		if err := refused(c.Delete(ctx, path), 403, only); err != nil {
			t.Errorf("deleting %s: %v", path, err)
		}
		if err := admin.Patch(ctx, path, kube.Merge, label, nil); err != nil {
			t.Errorf("an administrator of the guard: %v", err)
		}
	}
	if err := refused(admin.Get(ctx, kube.Pods("default"), nil), 403, "cannot list"); err != nil {
		t.Error("the group has other rights:", err)
	}
	own := kube.Pods("selfsame-guard")
	if err := refused(c.Create(ctx, own, kube.Pod("p", shop+"@"+good.String()), nil), 403, "only the guard's own image runs in its namespace"); err != nil {
		t.Error(err)
	}
	if err := c.Create(ctx, own, kube.Pod("p", options().Image), nil); err != nil {
		t.Error(err)
	}
	debug := map[string]any{"spec": map[string]any{"ephemeralContainers": []any{map[string]any{"name": "debug", "image": options().Image}}}}
	if err := refused(c.Patch(ctx, own+"/p/ephemeralcontainers", kube.Strategic, debug, nil), 403, "only the guard's own image"); err != nil {
		t.Error("an ephemeral container:", err)
	}
	if err := c.Patch(ctx, own+"/p", kube.Merge, label, nil); err != nil {
		t.Error("a label:", err)
	}
}

// TestOwnSubresources: what would stop the guard without changing its objects is its administrators' alone, too.
func TestOwnSubresources(t *testing.T) {
	c, _ := world(t)
	ctx := t.Context()
	const only = "by members of the group selfsame-guard:admins alone"
	deployment := "/apis/apps/v1/namespaces/selfsame-guard/deployments/selfsame-guard-webhook"
	none := map[string]any{"spec": map[string]any{"replicas": 0}}
	for who, as := range map[string]*kube.Client{
		"an administrator of the cluster": c, "an add-on": c.As("system:serviceaccount:kube-system:add-on", "system:serviceaccounts:kube-system", "system:masters"),
	} {
		if err := refused(as.Patch(ctx, deployment+"/scale", kube.Merge, none, nil), 403, only); err != nil {
			t.Errorf("%s scales to nothing: %v", who, err)
		}
		if err := refused(as.Patch(ctx, deployment, kube.Merge, none, nil), 403, only); err != nil {
			t.Errorf("%s changes the deployment: %v", who, err)
		}
		if err := refused(as.Patch(ctx, deployment+"/status", kube.Merge, map[string]any{"status": map[string]any{"observedGeneration": 99}}, nil), 403, only); err != nil {
			t.Errorf("%s changes its status: %v", who, err)
		}
	}
	controller := c.As("system:serviceaccount:kube-system:deployment-controller", "system:serviceaccounts:kube-system", "system:masters")
	if err := controller.Patch(ctx, deployment+"/status", kube.Merge, map[string]any{"status": map[string]any{"observedGeneration": 1}}, nil); err != nil {
		t.Error("the controller:", err)
	}
	admin := c.As("ann", "selfsame-guard:admins")
	if err := admin.Patch(ctx, deployment+"/scale", kube.Merge, map[string]any{"spec": map[string]any{"replicas": 3}}, nil); err != nil {
		t.Error("an administrator of the guard scales:", err)
	}
	pod := kube.Pods("selfsame-guard") + "/selfsame-guard-webhook-1"
	if err := c.Create(ctx, kube.Pods("selfsame-guard"), kube.Pod("selfsame-guard-webhook-1", options().Image), nil); err != nil {
		t.Fatal(err)
	}
	if err := refused(c.Delete(ctx, pod), 403, only); err != nil {
		t.Error("deleting a pod:", err)
	}
	if err := c.As("system:kube-scheduler", "system:masters").Delete(ctx, pod); err != nil {
		t.Error("the scheduler makes room:", err)
	}
}

// TestRestrictedNamespace: what --no-agent leaves is let in by the strictest of Kubernetes' own standards, and the agent is not.
func TestRestrictedNamespace(t *testing.T) {
	c, _ := world(t)
	ctx := t.Context()
	admin := c.As("ann", "selfsame-guard:admins")
	level := func(level string) {
		t.Helper()
		err := admin.Patch(ctx, "/api/v1/namespaces/selfsame-guard", kube.Merge, map[string]any{"metadata": map[string]any{"labels": map[string]any{"pod-security.kubernetes.io/enforce": level}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	level("restricted")
	defer level("privileged")
	pod := func(of string) error {
		t.Helper()
		var owner struct {
			Spec struct{ Template map[string]any }
		}
		if err := c.Get(ctx, "/apis/apps/v1/namespaces/selfsame-guard/"+of, &owner); err != nil {
			t.Fatal(err)
		}
		return c.Create(ctx, kube.Pods("selfsame-guard")+"?dryRun=All", map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "by-hand"}, "spec": owner.Spec.Template["spec"]}, nil)
	}
	if err := refused(pod("daemonsets/selfsame-guard-agent"), 403, `violates PodSecurity "restricted`); err != nil {
		t.Error("the agent:", err)
	}
	if err := pod("deployments/selfsame-guard-webhook"); err != nil {
		t.Error("the webhook:", err)
	}
}

// TestStaticManifests: what is read from the API server's disk judges from the first request on, and nobody can delete or change it or
// the objects beside it (KEP-5793).
func TestStaticManifests(t *testing.T) {
	h := serve(t, false)
	o := options()
	o.URL, o.StaticDir = h.url, t.TempDir()
	static, err := manifests.Static(o)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range static {
		path := filepath.Join(o.StaticDir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The server is given the very file that is printed.
	s := kube.Start(t, kube.Options{FeatureGates: []string{"ManifestBasedAdmissionControlConfig"},
		Flags: []string{"--admission-control-config-file=" + filepath.Join(o.StaticDir, "admission-configuration.yaml")}})
	c, ctx := s.Client(), t.Context()
	holds := func(when string) {
		t.Helper()
		if err := refused(c.Create(ctx, kube.Pods("default"), kube.Pod("p", shop+"@"+bad.String()), nil), 403, "is denied: nobody has rebuilt it"); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	holds("at the first request")
	h.tags.set(shop+":v1", good)
	var got stored
	if err := c.Create(ctx, kube.Pods("default")+"?dryRun=All", kube.Pod("p", shop+":v1"), &got); err != nil || got.Spec.Containers[0].Image != shop+":v1@"+good.String() {
		t.Errorf("a tag: %v %+v", err, got)
	}
	for _, plural := range []string{"validatingwebhookconfigurations", "mutatingwebhookconfigurations"} {
		if err := refused(c.Delete(ctx, kube.Admission(plural)+"/selfsame-guard.static.k8s.io"), 404, "not found"); err != nil {
			t.Errorf("deleting %s: %v", plural, err)
		}
	}
	if err := apply(ctx, c, cluster(t, h.url)); err != nil {
		t.Fatal("the rest, beside static manifests:", err)
	}
	for _, path := range []string{"validatingadmissionpolicies/selfsame-guard-own", "validatingadmissionpolicies/selfsame-guard-shape", "validatingadmissionpolicybindings/selfsame-guard-own",
		"validatingwebhookconfigurations/selfsame-guard"} {
		if err := refused(c.Delete(ctx, kube.Admission("")+path), 403, "by members of the group selfsame-guard:admins alone"); err != nil {
			t.Errorf("deleting %s: %v", path, err)
		}
	}
	holds("after all that")
}
