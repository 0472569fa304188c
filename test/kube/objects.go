package kube

import (
	"fmt"
	"testing"
	"time"
)

// Pods is the path of a namespace's pods; add "/NAME", and "/ephemeralcontainers" for that subresource.
func Pods(namespace string) string { return "/api/v1/namespaces/" + namespace + "/pods" }

// Admission is the path of all objects of one kind that govern admission, as in Admission("validatingwebhookconfigurations").
func Admission(plural string) string { return "/apis/admissionregistration.k8s.io/v1/" + plural }

// Pod is a pod whose containers c0, c1, ... run the images; more can be set in its map.
func Pod(name string, images ...string) map[string]any {
	return map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": name}, "spec": PodSpec(images...)}
}

// PodSpec is a pod's spec, for the templates of its owners.
func PodSpec(images ...string) map[string]any {
	var containers []any
	for i, image := range images {
		containers = append(containers, map[string]any{"name": fmt.Sprintf("c%d", i), "image": image})
	}
	return map[string]any{"containers": containers}
}

// Wait repeats try until it gives nil; after ten seconds the test fails with its last error.
func Wait(tb testing.TB, what string, try func() error) {
	tb.Helper()
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	tb.Fatalf("%s: not within 10 s: %v", what, err)
}

// pairs reads labels as NAME, VALUE, NAME, VALUE, ...
func pairs(labels []string) map[string]string {
	out := map[string]string{}
	for i := 0; i+1 < len(labels); i += 2 {
		out[labels[i]] = labels[i+1]
	}
	return out
}
