package doctor

import (
	"fmt"
	"os"
	"slices"
	"time"

	gate "github.com/selfsame-build/selfsame/guard/nri"
)

// What holds where nothing is written: github.com/containerd/nri v0.12.3, pkg/adaptation.
const (
	defaultNRISocket  = "/var/run/nri/nri.sock"
	defaultNRIPlugins = "/opt/nri/plugins"
	defaultNRITimeout = 2 * time.Second
)

const (
	nriTable       = "[plugins.'" + nri + "']"
	validatorTable = "[plugins.'" + nri + "'.default_validator]"
)

func (n Node) nri(s settings) (out []Finding) {
	out = append(out, s.disabled(nri, "A0967", "containers start without any plugin being asked")...)
	for _, v := range s.all("plugins", nri, "disable") {
		if isTrue(v.any) {
			out = append(out, Finding{Code: "A0967", Place: v.place, Summary: "NRI is switched off",
				Why: "containers start without the guard being asked, also from images that were imported or are on disk", Fix: "in " + nriTable + ": disable = false"})
		}
	}
	out = append(out, n.required(s)...)
	for _, v := range s.all("plugins", nri, "default_validator", "tolerate_missing_plugins_annotation") {
		if name, ok := v.any.(string); !ok || name != "" {
			out = append(out, Finding{Code: "A0969", Place: v.place, Summary: fmt.Sprintf("the annotation `%v` lets a pod start without the guard", v.any),
				Why: "whoever may write a pod may write its annotations (nri, plugins/default-validator)", Fix: "in " + validatorTable + ": tolerate_missing_plugins_annotation = ''"})
		}
	}
	for _, v := range orDefault(s.all("plugins", nri, "plugin_request_timeout"), defaultNRITimeout.String()) {
		if d, ok := duration(v.any); !ok || d <= gate.MaxDecision {
			out = append(out, Finding{Code: "A0970", Place: v.place, Summary: fmt.Sprintf("plugins are dropped after `%v`", v.any),
				Why: fmt.Sprintf("the guard decides within %s; a plugin that is late is disconnected, and with it everything that it watches", gate.MaxDecision), Fix: "in " + nriTable + ": plugin_request_timeout = '2s'"})
		}
	}
	const why = "whoever can connect there, or put a program there, changes containers before they start"
	for _, v := range orDefault(s.all("plugins", nri, "socket_path"), defaultNRISocket) {
		out = append(out, n.absentOrWritable(v, why)...)
	}
	for _, v := range orDefault(s.all("plugins", nri, "plugin_path"), defaultNRIPlugins) {
		out = append(out, n.absentOrWritable(v, why)...)
	}
	return out
}

// absentOrWritable is for what containerd makes when it starts.
func (n Node) absentOrWritable(v value, why string) []Finding {
	path, ok := v.any.(string)
	if _, err := os.Lstat(path); !ok || os.IsNotExist(err) {
		return nil
	}
	return n.writable("A0971", path, why)
}

// required sees that containers are refused where the plugin is not there: without that they start (runtime matrix of issue 6).
func (n Node) required(s settings) (out []Finding) {
	const why = "where the guard's plugin is not connected, containers start; only the default validator's required plugins refuse them (nri, plugins/default-validator)"
	fix := fmt.Sprintf("in %s: enable = true, and required_plugins = ['%s']", validatorTable, n.Plugin)
	for _, v := range orDefault(s.all("plugins", nri, "default_validator", "enable"), false) {
		if isFalse(v.any) {
			out = append(out, Finding{Code: "A0968", Place: v.place, Summary: "NRI's default validator is off", Why: why, Fix: fix})
		}
	}
	for _, v := range orDefault(s.all("plugins", nri, "default_validator", "required_plugins"), []any{}) {
		if list, _ := v.any.([]any); !slices.Contains(list, any(n.Plugin)) {
			out = append(out, Finding{Code: "A0968", Place: v.place, Summary: fmt.Sprintf("`required_plugins` does not name `%s`", n.Plugin), Why: why, Fix: fix})
		}
	}
	return out
}
