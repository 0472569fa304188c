package kube

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

func etcdFlags(dir, client, peer string) []string {
	c, p := "http://127.0.0.1:"+client, "http://127.0.0.1:"+peer
	return []string{
		"--data-dir", filepath.Join(dir, "etcd"), "--listen-client-urls", c, "--advertise-client-urls", c, "--listen-peer-urls", p,
		"--initial-advertise-peer-urls", p, "--initial-cluster", "default=" + p, "--unsafe-no-fsync",
	}
}

// apiFlags switch ServiceAccount admission off: no controller makes the accounts that it would demand of every pod.
func (s *Server) apiFlags(opts Options, etcd, port string) []string {
	in := func(name string) string { return filepath.Join(s.Dir, name) }
	flags := []string{
		"--etcd-servers=http://127.0.0.1:" + etcd, "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port=" + port,
		"--cert-dir=" + in("certs"), "--service-account-key-file=" + in("sa.key"), "--service-account-signing-key-file=" + in("sa.key"),
		"--service-account-issuer=https://kubernetes.default.svc", "--service-cluster-ip-range=10.96.0.0/24",
		"--token-auth-file=" + in("tokens.csv"), "--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount", "--profiling=false",
	}
	gates := opts.FeatureGates
	if opts.StaticPolicies+opts.StaticWebhooks+opts.StaticMutatingWebhooks != "" {
		gates = append([]string{"ManifestBasedAdmissionControlConfig"}, gates...)
		flags = append(flags, "--admission-control-config-file="+in("admission.yaml"))
	}
	if len(gates) > 0 {
		flags = append(flags, "--feature-gates="+strings.Join(gates, "=true,")+"=true")
	}
	return append(flags, opts.Flags...)
}

// writeStatic writes the AdmissionConfiguration that names the folders of manifests, each for the plugin that reads its kind.
func writeStatic(w io.Writer, opts Options) {
	fmt.Fprint(w, "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n")
	for _, p := range []struct{ plugin, kind, folder string }{
		{"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyConfiguration", opts.StaticPolicies},
		{"ValidatingAdmissionWebhook", "WebhookAdmissionConfiguration", opts.StaticWebhooks},
		{"MutatingAdmissionWebhook", "WebhookAdmissionConfiguration", opts.StaticMutatingWebhooks},
	} {
		if p.folder != "" {
			fmt.Fprintf(w, "- name: %s\n  configuration: {apiVersion: apiserver.config.k8s.io/v1, kind: %s, staticManifestsDir: %q}\n", p.plugin, p.kind, p.folder)
		}
	}
}
