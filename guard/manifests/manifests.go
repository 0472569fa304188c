package manifests

import (
	"bytes"
	"embed"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"text/template"
)

//go:embed templates
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"json": func(v any) (string, error) {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		err := e.Encode(v)
		return strings.TrimSuffix(b.String(), "\n"), err
	},
	// cel is a CEL string or list of strings: JSON's escapes are CEL's, too.
	"cel": func(v any) (string, error) {
		b, err := json.Marshal(v)
		return string(b), err
	},
}).ParseFS(files, "templates/*.yaml"))

// values are what the templates see.
type values struct {
	Options
	CABundle string
	Outside  []string // namespaces that webhooks and shape rules are not about
	Strict   selector // of namespaces where the shape rules refuse; nil: there are none
	Warn     selector // of those where they warn
	End      string   // of the names of objects: static ones have a reserved one
	Static   bool
}

func (o Options) values(static bool) values {
	v := values{Options: o, CABundle: base64.StdEncoding.EncodeToString(o.CA), Static: static}
	v.Outside = sorted(append([]string{o.Namespace}, o.Exempt...))
	v.Strict, v.Warn = o.bindings(v.Outside)
	if static {
		v.End = ".static.k8s.io"
	}
	return v
}

// selector are expressions about a namespace's name, all of which have to hold.
type selector []expression

type expression struct {
	Operator string
	Values   []string
}

// bindings say where the shape rules refuse and where they warn, as the webhook does: each namespace is in one of both, or outside.
func (o Options) bindings(outside []string) (strict, warn selector) {
	within := func(all []string, but ...string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(n string) bool { return slices.Contains(but, n) })
	}
	listed, rest := within(o.Audit, slices.Concat(o.Enforce, outside)...), &warn // Enforce goes first, as in the webhook
	some := &strict
	if o.AuditDefault {
		listed = within(o.Enforce, outside...)
	} else {
		some, rest = &warn, &strict
	}
	if len(listed) > 0 {
		*some = selector{{"In", listed}}
	}
	*rest = selector{{"NotIn", sorted(slices.Concat(outside, listed))}}
	return strict, warn
}

func render(v values, names ...string) (string, error) {
	var b strings.Builder
	for i, n := range names {
		if i > 0 {
			b.WriteString("---\n")
		}
		if err := templates.ExecuteTemplate(&b, n, v); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// Cluster is everything for kubectl apply, in the order in which it is to be applied: what could refuse the guard's own objects comes last.
// A0922: an option is wrong.
func Cluster(o Options) (string, error) {
	if err := o.check(); err != nil {
		return "", err
	}
	if err := o.checkFiles(); err != nil {
		return "", err
	}
	names := []string{"namespace.yaml", "access.yaml", "config.yaml", "webhook.yaml", "agent.yaml", "shape.yaml", "own.yaml", "validating.yaml"}
	if o.NoAgent {
		names = slices.DeleteFunc(names, func(n string) bool { return n == "agent.yaml" })
	}
	if !o.ValidateOnly {
		names = append(names, "mutating.yaml")
	}
	return render(o.values(false), names...)
}

// Static are the files for the API servers' own disks, by path: each of the three folders is for one admission plugin, and
// admission-configuration.yaml is what --admission-control-config-file names. A0922: an option is wrong.
func Static(o Options) (map[string]string, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := o.checkURL(); err != nil {
		return nil, err
	}
	v := o.values(true)
	out := map[string]string{}
	for name, parts := range map[string][]string{
		"admission-configuration.yaml":   {"admission-configuration.yaml"},
		"policies/selfsame-guard.yaml":   {"shape.yaml", "own.yaml"},
		"validating/selfsame-guard.yaml": {"validating.yaml"},
		"mutating/selfsame-guard.yaml":   {"mutating.yaml"},
	} {
		if o.ValidateOnly && parts[0] == "mutating.yaml" {
			continue
		}
		text, err := render(v, parts...)
		if err != nil {
			return nil, err
		}
		out[name] = text
	}
	return out, nil
}
