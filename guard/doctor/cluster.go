package doctor

import (
	"context"
	"io"
	"os"
	"strings"
	"time"
)

// The names of the guard's webhooks; guard/manifests gives them.
const (
	validating = "validate.guard.selfsame.build"
	mutating   = "mutate.guard.selfsame.build"
	staticEnd  = ".static.k8s.io" // KEP-5793: of objects that the API server reads from its own disk
)

// applyAll is how what is missing comes back.
const applyAll = "selfsame-guard manifests ... | kubectl apply -f -"

// Cluster says what is looked at: files, an API server, or both together.
type Cluster struct {
	Files  []string  // as kubectl prints objects; "-" is In
	In     io.Reader // read for "-"
	Server *Server   // nil: files alone
	// Namespace is the guard's own; it and those of Exempt may be left out by the webhooks' selectors, and be in audit mode.
	Namespace string
	Exempt    []string
	Now       time.Time
}

// state is what the cluster has.
type state struct {
	objects    []object
	namespaces map[string]map[string]string // labels, by name
	// unread is why the API server does not give the guard's configuration; nil: it does, or was not asked.
	unread error
}

// Check finds every way around the guard that the cluster's objects leave open.
func (c Cluster) Check(ctx context.Context) []Finding {
	s, f := c.read(ctx)
	if f != nil {
		return []Finding{*f}
	}
	var out []Finding
	seen, static := map[string]bool{}, false
	for _, o := range s.objects {
		if o.Kind != "ValidatingWebhookConfiguration" && o.Kind != "MutatingWebhookConfiguration" {
			continue
		}
		for _, w := range o.Webhooks {
			want := validating
			if strings.HasPrefix(o.Kind, "Mutating") {
				want = mutating
			}
			if w.Name != want {
				continue
			}
			seen[want] = true
			static = static || want == validating && o.static() // without the mutating one, what has no digest is refused
			out = append(out, c.webhook(s, hook{w, o.Kind + "/" + o.Metadata.Name + " " + w.Name, want == mutating})...)
		}
	}
	switch {
	case seen[mutating] && !seen[validating]:
		out = append(out, finding("A0993", validating, "the mutating webhook is there without the validating one", "what comes after the mutating phase is admitted unjudged, and nothing is refused", applyAll))
	case !seen[validating]:
		out = append(out, finding("A0981", validating, "the guard's webhook is not there", "everything is admitted", applyAll))
	}
	if !static {
		f := finding("A0994", validating, "the webhook is not a static manifest", "whoever may delete webhook configurations can switch the guard off (static ones do not show in the API: give their files with --from)",
			"selfsame-guard manifests --static DIR, and copy DIR to each control plane")
		f.Warning = true
		out = append(out, f)
	}
	return sorted(append(out, c.configuration(s)...))
}

// read gathers objects; a finding where that is impossible, because what is not seen cannot be judged.
func (c Cluster) read(ctx context.Context) (state, *Finding) {
	s := state{namespaces: map[string]map[string]string{}}
	fail := func(place string, err error) *Finding {
		f := finding("A0980", place, "the cluster's objects cannot be read: "+firstLine(err), "what is not seen cannot be judged", "give a kubeconfig whose user may list them, or files with --from")
		return &f
	}
	for _, name := range c.Files {
		all, err := c.readFile(name)
		if err != nil {
			return s, fail(name, err)
		}
		s.objects = append(s.objects, all...)
	}
	if c.Server != nil {
		defer c.Server.http.CloseIdleConnections()
		all, err := c.Server.objects(ctx, c.Namespace)
		if err != nil {
			return s, fail(c.Server.URL, err)
		}
		for i := range all {
			all[i].live = true
		}
		s.objects = append(s.objects, all...)
		// Whoever may not read this one has all others judged.
		if o, err := c.Server.configMap(ctx, c.Namespace); err != nil {
			s.unread = err
		} else {
			s.objects = append(s.objects, o)
		}
	}
	for _, o := range s.objects {
		if o.Kind == "Namespace" {
			s.namespaces[o.Metadata.Name] = o.Metadata.Labels
		}
	}
	return s, nil
}

func (c Cluster) readFile(name string) ([]object, error) {
	if name == "-" {
		return decodeObjects("stdin", c.In)
	}
	f, err := os.Open(name) //nolint:gosec // the operator names it
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	return decodeObjects(name, f)
}
