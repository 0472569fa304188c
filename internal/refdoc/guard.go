package refdoc

import (
	"reflect"
	"strings"

	"github.com/selfsame-build/selfsame/guard/config"
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
