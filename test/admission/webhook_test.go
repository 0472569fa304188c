package admission

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/test/kube"
)

// denial is what a user reads of the bad image.
const denial = `admission webhook "validate.guard.selfsame.build" denied the request: container %s: ` + shop + `@%s is denied: nobody has rebuilt it
by policy shop, version 3, rule reproduced
fix: selfsame audit ` + shop

type stored struct {
	Spec struct {
		Containers []struct{ Name, Image string }
	}
}

func object(api, kind, name string, spec any) map[string]any {
	return map[string]any{"apiVersion": api, "kind": kind, "metadata": map[string]any{"name": name}, "spec": spec}
}

func TestPods(t *testing.T) {
	c, h := world(t)
	ns, ctx := c.Namespace(t), t.Context()
	allowed, denied := shop+"@"+good.String(), shop+"@"+bad.String()
	if err := refused(c.Create(ctx, kube.Pods(ns), kube.Pod("p", denied), nil), 403, fmt.Sprintf(denial, "c0", bad)); err != nil {
		t.Error("unsigned:", err)
	}
	if err := c.Create(ctx, kube.Pods(ns), kube.Pod("running", allowed), nil); err != nil {
		t.Fatal("allowed:", err)
	}
	h.tags.set(shop+":v1", good)
	var got stored
	if err := c.Create(ctx, kube.Pods(ns), kube.Pod("pinned", shop+":v1"), &got); err != nil || got.Spec.Containers[0].Image != shop+":v1@"+good.String() {
		t.Errorf("a tag: %v, %+v", err, got)
	}
	h.tags.set(shop+":v1", bad) // what was pinned stays; who asks again gets what the tag leads to now
	if err := c.Get(ctx, kube.Pods(ns)+"/pinned", &got); err != nil || got.Spec.Containers[0].Image != shop+":v1@"+good.String() {
		t.Errorf("after the tag moved: %v, %+v", err, got)
	}
	if err := refused(c.Create(ctx, kube.Pods(ns), kube.Pod("p", shop+":v1"), nil), 403, "is denied: nobody has rebuilt it"); err != nil {
		t.Error("a moved tag:", err)
	}
	if err := refused(c.Create(ctx, kube.Pods(ns), kube.Pod("p", shop+":nosuch"), nil), 403, "image "+shop+":nosuch has no digest"); err != nil {
		t.Error("a tag that leads nowhere:", err)
	}
	image := map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "c0", "image": denied}}}}
	if err := refused(c.Patch(ctx, kube.Pods(ns)+"/running", kube.Strategic, image, nil), 403, "container c0: "+denied); err != nil {
		t.Error("another image for a running pod:", err)
	}
	debug := map[string]any{"spec": map[string]any{"ephemeralContainers": []any{map[string]any{"name": "debug", "image": denied}}}}
	if err := refused(c.Patch(ctx, kube.Pods(ns)+"/running/ephemeralcontainers", kube.Strategic, debug, nil), 403, "ephemeral container debug: "+denied); err != nil {
		t.Error("an ephemeral container:", err)
	}
	volume := kube.Pod("p", allowed)
	volume["spec"].(map[string]any)["volumes"] = []any{map[string]any{"name": "data", "image": map[string]any{"reference": denied}}}
	if err := refused(c.Create(ctx, kube.Pods(ns), volume, nil), 403, "volume data: "+denied); err != nil {
		t.Error("an image volume:", err)
	}
	forged := kube.Pod("p", denied)
	forged["metadata"].(map[string]any)["annotations"] = map[string]any{"mutate.guard.selfsame.build/verdict": "allow", "selfsame.build/verified": string(bad)}
	if err := refused(c.Create(ctx, kube.Pods(ns), forged, nil), 403, denied); err != nil {
		t.Error("a forged annotation:", err)
	}
	if err := c.Patch(ctx, kube.Pods(ns)+"/running", kube.Merge, map[string]any{"metadata": map[string]any{"labels": map[string]any{"a": "b"}}}, nil); err != nil {
		t.Error("a label:", err)
	}
	if err := c.Delete(ctx, kube.Pods(ns)+"/running"); err != nil {
		t.Error("a deletion:", err)
	}
}

func TestOwners(t *testing.T) {
	c, h := world(t)
	ns, ctx := c.Namespace(t), t.Context()
	h.tags.set(shop+":owned", good)
	for _, test := range []struct{ api, kind, path string }{
		{"apps/v1", "Deployment", "/apis/apps/v1/namespaces/%s/deployments"},
		{"apps/v1", "ReplicaSet", "/apis/apps/v1/namespaces/%s/replicasets"},
		{"apps/v1", "StatefulSet", "/apis/apps/v1/namespaces/%s/statefulsets"},
		{"apps/v1", "DaemonSet", "/apis/apps/v1/namespaces/%s/daemonsets"},
		{"v1", "ReplicationController", "/api/v1/namespaces/%s/replicationcontrollers"},
		{"batch/v1", "Job", "/apis/batch/v1/namespaces/%s/jobs"},
		{"batch/v1", "CronJob", "/apis/batch/v1/namespaces/%s/cronjobs"},
	} {
		of := func(image string) map[string]any {
			pod := kube.PodSpec(image)
			spec := map[string]any{"template": map[string]any{"metadata": map[string]any{"labels": map[string]any{"app": "x"}}, "spec": pod}}
			switch test.kind {
			case "Job":
				pod["restartPolicy"] = "Never"
			case "CronJob":
				pod["restartPolicy"] = "Never"
				spec = map[string]any{"schedule": "* * * * *", "jobTemplate": map[string]any{"spec": spec}}
			case "ReplicationController":
				spec["selector"] = map[string]any{"app": "x"}
			default:
				spec["selector"] = map[string]any{"matchLabels": map[string]any{"app": "x"}}
			}
			return object(test.api, test.kind, "x", spec)
		}
		path := fmt.Sprintf(test.path, ns)
		if err := refused(c.Create(ctx, path, of(shop+"@"+bad.String()), nil), 403, "is denied: nobody has rebuilt it"); err != nil {
			t.Errorf("%s: %v", test.kind, err)
		}
		a, err := c.Do(ctx, "POST", path, "application/json", of(shop+":owned"))
		if err != nil || !strings.Contains(string(a.Body), shop+":owned@"+good.String()) {
			t.Errorf("%s by tag: %v", test.kind, err)
		}
	}
}

// TestALaterWebhook: what somebody else's mutating webhook adds after ours is judged, too.
func TestALaterWebhook(t *testing.T) {
	c, _ := world(t)
	ns := c.Namespace(t, "inject", "yes")
	config := strings.Replace(single(t, injector(t), "MutatingWebhookConfiguration", "zz-injector", "none", 5), "matchLabels: {gate: none}", "matchLabels: {inject: yes-please}", 1)
	config = strings.NewReplacer("inject: yes-please", `inject: "yes"`, "reinvocationPolicy: IfNeeded", "reinvocationPolicy: Never", "pods/ephemeralcontainers, replicationcontrollers, podtemplates", "pods/ephemeralcontainers",
		"mutate.guard.selfsame.build", "injector.example.com").Replace(config)
	if err := c.Apply(t.Context(), []byte(config)); err != nil {
		t.Fatal(err)
	}
	kube.Wait(t, "the injector", func() error {
		return refused(c.Create(t.Context(), kube.Pods(ns), kube.Pod("p", shop+"@"+good.String()), nil), 403, "container sidecar: "+shop+"@"+bad.String()+" is denied")
	})
}

func TestAuditMode(t *testing.T) {
	c, h := world(t)
	h.tags.set(shop+":audited", bad)
	a, err := c.Do(t.Context(), "POST", kube.Pods("trial"), "application/json", kube.Pod("p", shop+":audited"))
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(a.Warnings, "\n")
	if !strings.Contains(all, "selfsame (audit): "+shop+":audited would be denied: nobody has rebuilt it") || strings.Contains(string(a.Body), bad.String()) {
		t.Errorf("warnings %q\n%s", all, a.Body)
	}
}

func TestEachDigestOnce(t *testing.T) {
	c, h := world(t)
	ns := c.Namespace(t)
	var images []string
	for i := range 50 {
		images = append(images, shop+fmt.Sprintf(":v%d@", i)+digest.FromString(fmt.Sprint("one of five ", i%5)).String())
	}
	for i := range 5 {
		h.table.mu.Lock()
		h.table.allow[digest.FromString(fmt.Sprint("one of five ", i))] = true
		h.table.mu.Unlock()
	}
	if err := c.Create(t.Context(), kube.Pods(ns), kube.Pod("p", images...), nil); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if n := h.table.asked[digest.FromString(fmt.Sprint("one of five ", i))]; n != 1 {
			t.Errorf("digest %d: asked %d times", i, n)
		}
	}
}

// TestHungAndGone: an engine that hangs is a denial in words before the API server gives up, and a webhook that is gone a refusal.
func TestHungAndGone(t *testing.T) {
	c, _ := world(t)
	hung := serve(t, true)
	for _, gate := range []struct{ name, url string }{{"hung", hung.url}, {"gone", "https://127.0.0.1:1"}, {"ended", ended(t)}} {
		if err := c.Apply(t.Context(), []byte(single(t, gate.url, "ValidatingWebhookConfiguration", "test-"+gate.name, gate.name, 2))); err != nil {
			t.Fatal(err)
		}
	}
	allowed := kube.Pod("p", shop+"@"+good.String())
	ns := c.Namespace(t, "gate", "hung")
	kube.Wait(t, "the hung engine", func() error {
		start := time.Now()
		err := refused(c.Create(t.Context(), kube.Pods(ns), allowed, nil), 403, "is denied: verdict pending, try again")
		if took := time.Since(start); err == nil && (took < time.Second || took > 1950*time.Millisecond) {
			t.Errorf("denied after %s; the API server waits for 2 s", took)
		}
		return err
	})
	ns = c.Namespace(t, "gate", "gone")
	kube.Wait(t, "the webhook that is gone", func() error {
		return refused(c.Create(t.Context(), kube.Pods(ns), allowed, nil), 500, "connection refused")
	})
	ns = c.Namespace(t, "gate", "ended")
	kube.Wait(t, "the webhook whose certificate ended", func() error {
		return refused(c.Create(t.Context(), kube.Pods(ns), allowed, nil), 500, "certificate has expired")
	})
}

// TestMutatingPhaseSkipped: nothing made a tag a digest, and the pod says that it was verified (kyverno issue 16336).
func TestMutatingPhaseSkipped(t *testing.T) {
	c, h := world(t)
	const ns = "kube-system" // which the guard was told to leave alone: this webhook alone looks at it
	config := strings.Replace(single(t, h.url, "ValidatingWebhookConfiguration", "test-validate-only", "none", 2), "{gate: none}", "{kubernetes.io/metadata.name: "+ns+"}", 1)
	if err := c.Apply(t.Context(), []byte(config)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Delete(context.WithoutCancel(t.Context()), kube.Admission("validatingwebhookconfigurations")+"/test-validate-only")
	})
	h.tags.set(shop+":skipped", good)
	forged := kube.Pod("p", shop+":skipped")
	forged["metadata"].(map[string]any)["annotations"] = map[string]any{"mutate.guard.selfsame.build/digest": good.String(), "selfsame.build/verified": "true"}
	kube.Wait(t, "the webhook", func() error {
		return refused(c.Create(t.Context(), kube.Pods(ns)+"?dryRun=All", forged, nil), 403, "it has no digest")
	})
	if err := c.Create(t.Context(), kube.Pods(ns)+"?dryRun=All", kube.Pod("p", shop+":skipped@"+good.String()), nil); err != nil {
		t.Error("with a digest of its own:", err)
	}
}

// TestOddReferences: what an API server lets through as an image's name is refused in words, and never a reason to fail.
func TestOddReferences(t *testing.T) {
	c, _ := world(t)
	ns := c.Namespace(t)
	sha512 := "@sha512:" + strings.Repeat("a", 128)
	for _, image := range []string{"", "shop", "library/shop", shop, shop + ":", shop + "@", shop + "@sha256:", shop + "@sha256:abc", shop + "@" + strings.ToUpper(good.String()), shop + sha512, shop + "@" + good.String() + "@" + good.String(),
		shop + ":v1:v2@" + good.String(), "Registry.example.com/Team/Shop@" + good.String(), "https://" + shop + "@" + good.String(), "/team/shop@" + good.String(), "registry.example.com//shop@" + good.String(), "../" + shop + "@" + good.String(),
		shop + "@" + good.String() + "\n", shop + " @" + good.String(), "\u202e" + shop + "@" + good.String(), shop + ":" + strings.Repeat("v", 129) + "@" + good.String(), strings.Repeat("a", 300) + "/" + strings.Repeat("b/", 2000) + "c@" + good.String(),
		"[::1]:5000/shop@" + bad.String(), "sha256:" + good.Encoded(), good.Encoded(), "oci-layout://shop@" + good.String(), "registry.example.com:99999/team/shop@" + bad.String(), "@" + good.String()} {
		err := c.Create(t.Context(), kube.Pods(ns)+"?dryRun=All", kube.Pod("p", image), nil)
		s, ok := errors.AsType[*kube.Status](err)
		if !ok || s.Code != 403 && s.Code != 422 { // 422: the API server's own
			t.Errorf("%.80q: %v", image, err)
		}
	}
}
