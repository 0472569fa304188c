package kube

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	code := m.Run()
	Stop()
	os.Exit(code)
}

// pinned is a policy that demands digests; %s is the end of its objects' names.
const pinned = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: pinned%[1]s}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [pods, pods/ephemeralcontainers]}
  validations:
  - expression: "object.spec.containers.all(c, c.image.contains('@sha256:')) && object.spec.?ephemeralContainers.orValue([]).all(c, c.image.contains('@sha256:'))"
    message: pin by digest
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: pinned%[1]s}
spec: {policyName: pinned%[1]s, validationActions: [Deny]%[2]s}
`

var digested = "registry.example/app@sha256:" + strings.Repeat("a", 64)

// deadWebhook is asked about pods of some namespaces, and nobody answers.
const deadWebhook = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: dead.static.k8s.io}
webhooks:
- name: dead.selfsame.test
  clientConfig: {url: "https://127.0.0.1:1/validate"}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  namespaceSelector: {matchLabels: {gate: dead}}
  failurePolicy: Fail
  sideEffects: None
  admissionReviewVersions: [v1]
`

// refused says what is wrong with an error that is to be a refusal of code with a text in it, or nil.
func refused(err error, code int, text string) error {
	s, ok := errors.AsType[*Status](err)
	if !ok || s.Code != code || !strings.Contains(s.Message, text) {
		return fmt.Errorf("got %v; want a refusal with %d and %q", err, code, text)
	}
	return nil
}

// TestPolicy: what a ValidatingAdmissionPolicy demands holds for pods and their subresources, in the namespace that it is bound to.
func TestPolicy(t *testing.T) {
	c := Shared(t).Client()
	ns, other := c.Namespace(t, "gate", "closed"), c.Namespace(t)
	selector := `, matchResources: {namespaceSelector: {matchLabels: {gate: closed}}}`
	if err := c.Apply(t.Context(), fmt.Appendf(nil, pinned, "", selector)); err != nil {
		t.Fatal(err)
	}
	Wait(t, "the policy", func() error {
		return refused(c.Create(t.Context(), Pods(ns)+"?dryRun=All", Pod("p", "app:v1"), nil), 422, "pin by digest")
	})
	if err := c.Create(t.Context(), Pods(other), Pod("p", "app:v1"), nil); err != nil {
		t.Errorf("in a namespace that the policy is not bound to: %v", err)
	}
	var stored struct {
		Spec struct{ Containers []struct{ Image string } }
	}
	if err := c.Create(t.Context(), Pods(ns), Pod("p", digested), &stored); err != nil {
		t.Fatal(err)
	}
	if len(stored.Spec.Containers) != 1 || stored.Spec.Containers[0].Image != digested {
		t.Errorf("the server stored %+v", stored)
	}
	debug := map[string]any{"spec": map[string]any{"ephemeralContainers": []any{map[string]any{"name": "debug", "image": "debug:v1"}}}}
	if err := refused(c.Patch(t.Context(), Pods(ns)+"/p/ephemeralcontainers", Strategic, debug, nil), 422, "pin by digest"); err != nil {
		t.Errorf("an ephemeral container: %v", err)
	}
	if err := c.Delete(t.Context(), Pods(ns)+"/p"); err != nil {
		t.Error(err)
	}
	if err := refused(c.Get(t.Context(), Pods(ns)+"/p", nil), 404, "not found"); err != nil {
		t.Errorf("after its deletion: %v", err)
	}
}

// TestAs: another user has RBAC's rights and no more.
func TestAs(t *testing.T) {
	c := Shared(t).Client()
	ns := c.Namespace(t)
	if err := refused(c.As("eve").Get(t.Context(), Pods(ns), nil), 403, `User "eve" cannot list resource "pods"`); err != nil {
		t.Error(err)
	}
	if err := c.As("root", "system:masters").Get(t.Context(), Pods(ns), nil); err != nil {
		t.Error(err)
	}
}

// TestStatic: static manifests hold from the first request on, cannot be deleted through the API, and hold again after a restart
// (KEP-5793; research: runtime §1.5).
func TestStatic(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pinned.yaml"), fmt.Appendf(nil, pinned, ".static.k8s.io", ""), 0o600); err != nil {
		t.Fatal(err)
	}
	webhooks := t.TempDir()
	if err := os.WriteFile(filepath.Join(webhooks, "dead.yaml"), []byte(deadWebhook), 0o600); err != nil {
		t.Fatal(err)
	}
	s := Start(t, Options{StaticPolicies: dir, StaticWebhooks: webhooks})
	c := s.Client()
	holds := func(when string) {
		t.Helper()
		if err := refused(c.Create(t.Context(), Pods("default"), Pod("p", "app:v1"), nil), 422, "pin by digest"); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	holds("at the first request")
	path := Admission("validatingadmissionpolicies") + "/pinned.static.k8s.io"
	if err := refused(c.Delete(t.Context(), path), 404, "not found"); err != nil {
		t.Errorf("deleting a static policy: %v", err)
	}
	holds("after somebody tried to delete it")
	if err := refused(c.Create(t.Context(), Pods(c.Namespace(t, "gate", "dead")), Pod("p", digested), nil), 500, "connection refused"); err != nil {
		t.Errorf("where a webhook is asked that does not answer: %v", err)
	}

	s.Kill()
	if err := c.Get(t.Context(), "/readyz", nil); err == nil {
		t.Error("a killed server answers")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	holds("after a restart")
}
