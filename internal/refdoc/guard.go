package refdoc

import (
	"reflect"
	"strings"

	"github.com/selfsame-build/selfsame/guard/config"
	"github.com/selfsame-build/selfsame/guard/metrics"
)

// guardConfigPage is the configuration of selfsame-guard, from the tags of the struct that it is read into.
func guardConfigPage() string {
	var s strings.Builder
	s.WriteString("# The configuration of selfsame-guard\n\n" +
		"One YAML file, `/etc/selfsame/guard.yaml` unless `--config` says otherwise. It is read strictly: an unknown key is an error, and all errors are reported at once. " +
		"Paths are absolute, or relative to the file. Time spans are written like `90s`, `10m` or `12h`. " +
		"Trust file, policy and deny list are read again while it serves; this file is not.\n\n" +
		block("yaml", "guard: v1\ntrust: trust.yaml\npolicy: {file: policy.yaml}\nmetrics: 127.0.0.1:9464") +
		table("key", "meaning", "default"))
	configRows(&s, "", reflect.TypeFor[config.Config]())
	return s.String()
}

func configRows(s *strings.Builder, path string, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name := path + f.Tag.Get("yaml")
		label := code(name)
		if strings.HasPrefix(f.Tag.Get("check"), "required") {
			label += " (required)"
		}
		def := f.Tag.Get("default")
		if def != "" {
			def = code(def)
		}
		s.WriteString(row(label, f.Tag.Get("doc"), def))
		if f.Type.Kind() == reflect.Struct {
			configRows(s, name+".", f.Type)
		}
	}
}

// guardMetricsPage is what selfsame-guard counts, and the example alerts.
func guardMetricsPage() string {
	var s strings.Builder
	s.WriteString("# Metrics and alerts of selfsame-guard\n\n" +
		"Served at `/metrics` on the address that `metrics:` of the [configuration](guard-config.md) names, beside those of Go and of the process. " +
		"No digest, image or namespace is a label; they are in the log of decisions.\n\n" + table("metric", "kind", "labels", "meaning"))
	for _, m := range metrics.Table {
		meaning := m.Help
		if m.Values != "" {
			meaning += " " + strings.ToUpper(m.Values[:1]) + m.Values[1:] + "."
		}
		var labels []string
		for _, l := range m.Labels {
			labels = append(labels, code(l))
		}
		s.WriteString(row(code(string(m.Name)), string(m.Kind), strings.Join(labels, ", "), meaning))
	}
	s.WriteString("\n## Alerts\n\nEach is a way to have no verdict without noticing. For the Prometheus operator, as an example:\n\n" + block("yaml", metrics.Rules()))
	return s.String()
}
