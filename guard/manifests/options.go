package manifests

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
	"github.com/selfsame-build/selfsame/registry"
)

const codeManifests diag.Code = "A0922"

// Options say what a cluster's guard is like. Image, CA and Files are required for the cluster's manifests; CA, Image and URL for static ones.
type Options struct {
	Namespace string // of the guard; empty: selfsame-guard
	Image     string // of the guard, by digest
	CA        []byte // PEM: who vouches for the webhook's certificate
	// Files is the content of the ConfigMap: guard.yaml and what it names, by file name.
	Files map[string]string
	// ValidateOnly leaves the mutating phase out: nothing is rewritten, and every object has to name digests itself (GitOps).
	ValidateOnly bool
	// NoAgent leaves the DaemonSet out, where agents come to the nodes by other means (as a service of the host): no pod of the guard's then
	// needs anything of its host.
	NoAgent      bool
	Timeout      int      // seconds that the API server waits; 0: 5
	Exempt       []string // namespaces beside the guard's own that no webhook and no policy is about
	Audit        []string // namespaces where the shape rules warn, unless they are in Enforce
	Enforce      []string // namespaces where they refuse
	AuditDefault bool     // they warn in all others
	Registries   []string // prefixes that images have to begin with; none: any
	// PullSecret is a Secret of the type kubernetes.io/dockerconfigjson in the guard's namespace, to read private registries; empty: none.
	PullSecret string
	// BreakGlass is the folder of break-glass statements as the guard's pods see it: a ConfigMap of its own is mounted there, so that a
	// statement is applied without touching the configuration; empty: there is none.
	BreakGlass string
	// SocketGroup is the number of the group that may use the agent's socket, which the agent has to be in; 0: there is none.
	SocketGroup int
	URL         string // of the webhook as an API server reaches it without the cluster's names; for static manifests
	StaticDir   string // where the static files will lie on each control plane; empty: /etc/kubernetes/selfsame
}

var (
	label  = lazyregexp.New(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)                  // RFC 1123, as namespaces are
	file   = lazyregexp.New(`^[A-Za-z0-9][-._A-Za-z0-9]{0,252}$`)                    // a ConfigMap's key
	prefix = lazyregexp.New(`^[a-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9][a-z0-9._-]*)*/?$`) // of images
)

// The bounds of a ConfigMap (the API's own is 1 MiB) and of the API's timeoutSeconds.
const (
	maxFiles   = 1<<20 - 1<<14
	maxTimeout = 30
)

// check fills in defaults and says what is wrong. A0922 for each.
func (o *Options) check() error {
	if o.Namespace == "" {
		o.Namespace = "selfsame-guard"
	}
	if o.Timeout == 0 {
		o.Timeout = 5
	}
	if o.StaticDir == "" {
		o.StaticDir = "/etc/kubernetes/selfsame"
	}
	o.Exempt, o.Audit, o.Enforce, o.Registries = sorted(o.Exempt), sorted(o.Audit), sorted(o.Enforce), sorted(o.Registries)
	var all diag.List
	wrong := func(format string, args ...any) { all = append(all, diag.Errorf(codeManifests, format, args...)) }
	for _, ns := range slices.Concat([]string{o.Namespace}, o.Exempt, o.Audit, o.Enforce) {
		if !label.MatchString(ns) {
			wrong("`%.100s` is not the name of a namespace", ns)
		}
	}
	if ref, err := registry.ParseReference(o.Image); err != nil || ref.Digest == "" {
		all = append(all, diag.Errorf(codeManifests, "the guard's own image is `%.200s`, which is no reference with a digest", o.Image).
			WithHelp("--image registry.example.com/selfsame/guard@sha256:..."))
	}
	for i, p := range o.Registries {
		if !prefix.MatchString(p) {
			wrong("`%.100s` is not the beginning of an image's name", p)
		}
		o.Registries[i] = strings.TrimSuffix(p, "/") + "/" // or registry.example.com.evil.org would begin so, too
	}
	if o.PullSecret != "" && !label.MatchString(o.PullSecret) {
		wrong("`%.100s` is not the name of a Secret", o.PullSecret)
	}
	if o.Timeout < 1 || o.Timeout > maxTimeout {
		wrong("a timeout of %d s; the API server takes 1 to %d", o.Timeout, maxTimeout)
	}
	if o.BreakGlass != "" && !o.apart() {
		all = append(all, diag.Errorf(codeManifests, "break-glass statements cannot be mounted at `%.100s` in the guard's pods", o.BreakGlass).
			WithHelp("write `breakGlass: /etc/selfsame-break-glass` into the configuration"))
	}
	if o.SocketGroup < 0 {
		wrong("%d is not a group", o.SocketGroup)
	}
	if err := checkCA(o.CA); err != nil {
		all = append(all, diag.Errorf(codeManifests, "the certificate of --ca: %w", err).WithHelp("make one with: selfsame-guard certificate --out DIR"))
	}
	if !path.IsAbs(o.StaticDir) || path.Clean(o.StaticDir) != o.StaticDir {
		wrong("`%.100s` is not an absolute path", o.StaticDir)
	}
	return all.Err()
}

// apart says whether the folder of break-glass statements is beside everything else that the pods mount, and lies deep enough to hide nothing.
func (o *Options) apart() bool {
	at := o.BreakGlass
	if !path.IsAbs(at) || path.Clean(at) != at || strings.Count(at, "/") < 2 || strings.ContainsAny(at, ":\n") {
		return false
	}
	for _, other := range []string{"/etc/selfsame", "/etc/selfsame-tls", "/etc/selfsame-registry", "/var/lib", "/var/run", "/run"} {
		if at == other || strings.HasPrefix(at, other+"/") || strings.HasPrefix(other, at+"/") {
			return false
		}
	}
	return true
}

// checkFiles is of the ConfigMap alone.
func (o *Options) checkFiles() error {
	var all diag.List
	total := 0
	for name, data := range o.Files {
		total += len(data)
		switch {
		case !file.MatchString(name):
			all = append(all, diag.Errorf(codeManifests, "`%.100s` cannot be a file of a ConfigMap", name))
		case !utf8.ValidString(data):
			all = append(all, diag.Errorf(codeManifests, "`%s` is not text", name))
		case strings.Contains(data, "PRIVATE KEY"):
			all = append(all, diag.Errorf(codeManifests, "`%s` holds a private key, and everybody can read a ConfigMap", name).WithHelp("take it out of the folder"))
		}
	}
	if o.Files["guard.yaml"] == "" {
		all = append(all, diag.Errorf(codeManifests, "there is no `guard.yaml` in the configuration's folder"))
	}
	if total > maxFiles {
		all = append(all, diag.Errorf(codeManifests, "the configuration has %d bytes; a ConfigMap takes %d", total, maxFiles))
	}
	return all.Err()
}

// checkURL is of static manifests alone: an API server calls those webhooks before the cluster has names.
func (o *Options) checkURL() error {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return diag.Errorf(codeManifests, "`%.200s` is not the address of a webhook", o.URL).WithHelp("--static-url https://10.96.0.50:443")
	}
	o.URL = strings.TrimRight(o.URL, "/")
	return nil
}

func checkCA(data []byte) error {
	n := 0
	for rest := data; ; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if n == 0 || len(bytes.TrimSpace(rest)) > 0 {
				return fmt.Errorf("it is no certificate in PEM")
			}
			return nil
		}
		if block.Type != "CERTIFICATE" {
			return fmt.Errorf("it holds a %.40s", block.Type)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return err
		}
	}
}

func sorted(all []string) []string {
	all = slices.Clone(all)
	slices.Sort(all)
	return slices.Compact(all)
}
