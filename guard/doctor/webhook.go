package doctor

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// hook is one of the guard's webhooks, and where it stands.
type hook struct {
	webhook
	place   string
	mutates bool
}

// The bounds of timeoutSeconds: the guard denies in words before (guard/admission), which needs some time; the API server waits for all webhooks
// in a row, and a client for at most 60 s.
const (
	minTimeout     = 2
	maxTimeout     = 10
	defaultTimeout = 10 // of admissionregistration.k8s.io/v1
)

// soon is how long before its end a certificate is a finding.
const soon = 30 * 24 * time.Hour

func (c Cluster) webhook(s state, h hook) (out []Finding) {
	bad := func(code diag.Code, field, summary, why, fix string) {
		out = append(out, finding(code, h.place+" "+field, summary, why, fix))
	}
	if p := h.FailurePolicy; p != "" && p != "Fail" {
		bad("A0982", "failurePolicy", "it is `"+p+"`", "whatever keeps the webhook from answering lets everything through", "failurePolicy: Fail")
	}
	timeout := defaultTimeout
	if h.TimeoutSeconds != nil {
		timeout = *h.TimeoutSeconds
	}
	if timeout < minTimeout || timeout > maxTimeout {
		bad("A0983", "timeoutSeconds", fmt.Sprintf("it is %d; between %d and %d is right", timeout, minTimeout, maxTimeout),
			"too short refuses what is not known yet, too long holds the API server up; both end with the webhook being removed", "timeoutSeconds: 5")
	}
	if p := h.MatchPolicy; p != "" && p != "Equivalent" {
		bad("A0986", "matchPolicy", "it is `"+p+"`", "the same object in another version of its API passes by", "matchPolicy: Equivalent")
	}
	if n := len(h.MatchConditions); n > 0 {
		bad("A0988", "matchConditions", fmt.Sprintf("there are %d", n), "what they do not match is admitted unjudged", "remove matchConditions")
	}
	if h.mutates && h.ReinvocationPolicy != "IfNeeded" {
		bad("A0989", "reinvocationPolicy", "it is not `IfNeeded`", "containers that a later webhook injects keep their tags, and which image a tag names changes after the verdict", "reinvocationPolicy: IfNeeded")
	}
	out = append(out, c.selectors(s, h)...)
	out = append(out, h.rules()...)
	if why := c.bundle(h.ClientConfig.CABundle); why != "" {
		bad("A0991", "clientConfig.caBundle", why, "the API server does not trust the webhook then, and nothing is admitted", "selfsame-guard certificate --out DIR, and selfsame-guard manifests --ca DIR/ca.crt ... | kubectl apply -f -")
	}
	if why := c.answers(h); why != "" {
		bad("A0995", "clientConfig", why, "the mutating phase refuses nothing, and who is not the guard may let everything through", applyAll)
		return out // who answers there is not the guard's affair
	}
	return append(out, s.service(h)...)
}

// answers says why it is not the guard's right phase that the API server asks; "": it is, as far as its address says. Which host a URL names is the
// operator's affair: there the bundle alone says who may answer.
func (c Cluster) answers(h hook) string {
	want, path := "/validate", ""
	if h.mutates {
		want = "/mutate"
	}
	if svc := h.ClientConfig.Service; svc != nil {
		switch {
		case svc.Namespace != c.Namespace:
			return "it asks a service in the namespace " + svc.Namespace + ", not in " + c.Namespace
		case svc.Name != installed:
			return "it asks the service " + svc.Name + ", not " + installed
		case svc.Port != nil && *svc.Port != servicePort:
			return fmt.Sprintf("it asks at the port %d of the service, not at %d", *svc.Port, servicePort)
		}
		path = svc.Path
	} else if u, err := url.Parse(h.ClientConfig.URL); err == nil {
		path = u.EscapedPath()
	}
	if path != want {
		return fmt.Sprintf("it asks at `%s`, not at `%s`", path, want)
	}
	return ""
}

func (c Cluster) selectors(s state, h hook) (out []Finding) {
	const byName = "namespaceSelector: {matchExpressions: [{key: " + nameLabel + ", operator: NotIn, values: [%s]}]}"
	may := append([]string{c.Namespace}, c.Exempt...)
	if names, loose := h.NamespaceSelector.exempt(may, s.namespaces); loose || len(names) > 0 {
		summary := "it leaves out " + strings.Join(names, ", ")
		if loose {
			summary = "it is more than a list of names, or goes by labels that people can change; it leaves out: " + strings.Join(names, ", ")
			if len(names) == 0 {
				summary = "it is more than a list of names, or goes by labels that people can change"
			}
		}
		out = append(out, finding("A0987", h.place+" namespaceSelector", summary, "what is in such a namespace is admitted unjudged",
			fmt.Sprintf(byName, strings.Join(may, ", "))+"; or, where that is meant, --exempt for each"))
	}
	if !h.ObjectSelector.empty() {
		out = append(out, finding("A0987", h.place+" objectSelector", "it leaves objects out by their labels", "whoever may make a pod may label it", "remove objectSelector"))
	}
	return out
}

// resources are what an image can come in by.
var resources = []struct{ group, name, why string }{
	{"", "pods", "pods are admitted unjudged"},
	{"", "pods/ephemeralcontainers", "`kubectl debug` puts any image into a running pod"},
	{"", "replicationcontrollers", "its owner learns of a refusal only from events"},
	{"", "podtemplates", "its owner learns of a refusal only from events"},
	{"apps", "deployments", "its owner learns of a refusal only from events"},
	{"apps", "replicasets", "its owner learns of a refusal only from events"},
	{"apps", "statefulsets", "its owner learns of a refusal only from events"},
	{"apps", "daemonsets", "its owner learns of a refusal only from events"},
	{"batch", "jobs", "its owner learns of a refusal only from events"},
	{"batch", "cronjobs", "its owner learns of a refusal only from events"},
}

// rules sees that the webhook is asked about all of them, made and changed.
func (h hook) rules() (out []Finding) {
	place := h.place + " rules"
	for _, r := range resources {
		full, ops, scoped := strings.TrimPrefix(r.group+"/"+r.name, "/"), map[string]bool{}, false
		found := false
		for _, rule := range h.Rules {
			if !has(rule.APIGroups, r.group) || !has(rule.APIVersions, "v1") || !hasResource(rule.Resources, r.name) {
				continue
			}
			if found = true; rule.Scope == "Cluster" { // it never holds, and adds no operation
				continue
			}
			scoped = true
			for _, op := range rule.Operations {
				ops[op] = true
			}
		}
		switch {
		case !found:
			out = append(out, finding("A0984", place, "they lack `"+full+"`", r.why, fmt.Sprintf("add to rules: {apiGroups: [%q], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [%s], scope: Namespaced}", r.group, r.name)))
			continue
		case !scoped:
			out = append(out, finding("A0990", place, "for `"+full+"` they are of the scope `Cluster`", "the resource is namespaced, so the rule never holds", "scope: Namespaced"))
			continue
		}
		for _, op := range []string{"CREATE", "UPDATE"} {
			if !ops["*"] && !ops[op] {
				out = append(out, finding("A0985", place, fmt.Sprintf("for `%s` they lack %s", full, op), "an image can be set by making an object and by changing one", "operations: [CREATE, UPDATE]"))
			}
		}
	}
	return out
}

func has(all []string, s string) bool { return slices.Contains(all, s) || slices.Contains(all, "*") }

// hasResource knows the wildcards of rules: * is all resources, */* their subresources as well, and x/* those of one.
func hasResource(all []string, name string) bool {
	parent, sub, isSub := strings.Cut(name, "/")
	return slices.ContainsFunc(all, func(s string) bool {
		switch s {
		case name, "*/*":
			return true
		case "*":
			return !isSub
		}
		return isSub && (s == parent+"/*" || s == "*/"+sub)
	})
}

// bundle says what is wrong with the authorities by which the API server knows the webhook; one that holds for long enough will do.
func (c Cluster) bundle(data []byte) string {
	var last time.Time
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil || block.Type != "CERTIFICATE" {
			return "it holds something that is no certificate"
		}
		if !c.Now.Before(cert.NotBefore) && cert.NotAfter.After(last) {
			last = cert.NotAfter
		}
	}
	switch day := last.UTC().Format(time.DateOnly); {
	case len(data) == 0:
		return "it is empty"
	case last.IsZero():
		return "it holds no certificate that is valid now"
	case c.Now.After(last):
		return "it ended on " + day
	case c.Now.Add(soon).After(last):
		return "it ends on " + day
	}
	return ""
}
