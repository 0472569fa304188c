// Package admission tries the guard's webhook, and every manifest that it prints, against a real Kubernetes API server (test/kube).
package admission
