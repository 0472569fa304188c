// Package kube runs a real Kubernetes API server with its etcd on loopback for tests of admission: programs built by tools/build
// (`tools/build kube-apiserver`, `tools/build etcd`), found by SELFSAME_KUBE_APISERVER and SELFSAME_ETCD, which `make test` sets. There
// is no kubelet and no controller: what the server stores runs nowhere, and what it refuses is refused as in any cluster.
//
// Most tests share the one server of their test binary, each in a namespace of its own; a server with other flags is Start's:
//
//	func TestMain(m *testing.M) {
//		code := m.Run()
//		kube.Stop()
//		os.Exit(code)
//	}
//
//	func TestDenied(t *testing.T) {
//		c := kube.Shared(t).Client()
//		ns := c.Namespace(t)                                   // deleted at the test's end
//		err := c.Create(t.Context(), kube.Pods(ns), kube.Pod("p", "registry.example/evil:v1"), nil)
//		refusal, ok := errors.AsType[*kube.Status](err)        // Code 403, Reason Forbidden, Message as kubectl shows it
//		...
//	}
//
// A webhook of the test is registered by its URL (clientConfig.url, https://127.0.0.1:PORT/..., with caBundle); Client.Apply takes
// whole manifest files, and Client.As acts as another user. Webhook configurations and policies work a moment after they were
// created: Wait repeats until they do.
package kube
