package graph

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// TestPlant gives each step what it has not chosen for itself, and says what it has. Nothing of it reaches the image's configuration, and
// a step that gets something else is another step to BuildKit's cache.
func TestPlant(t *testing.T) {
	d := compile(t, "FROM base\nRUN one\nENV TZ=UTC\nRUN two\nARG LC_ALL=C\nRUN three\n")
	f := sealed(nil)
	plain := finish(t, d, f)
	f.Env = append(f.Env, Variable{Name: "TZ", Value: "X-14"}, Variable{Name: "LANG", Value: "C.UTF-8", Instead: []string{"LC_ALL"}})
	f.OpenFiles = &Limit{Soft: 65536, Hard: 70000}
	p := finish(t, d, f)
	if !bytes.Equal(p.Config, plain.Config) || bytes.Contains(p.Config, []byte("X-14")) {
		t.Errorf("the configuration %s holds what is planted", p.Config)
	}
	for name, want := range map[string]string{
		"Dockerfile:2": "TZ=X-14 LANG=C.UTF-8", "Dockerfile:4": "TZ=UTC LANG=C.UTF-8", "Dockerfile:6": "TZ=UTC LC_ALL=C",
	} {
		e, _, now := exec(t, p, name)
		var got []string
		for _, env := range e.Meta.Env {
			if strings.HasPrefix(env, "TZ=") || strings.HasPrefix(env, "L") {
				got = append(got, env)
			}
		}
		wanted := strings.Fields(want)
		slices.Sort(got)
		slices.Sort(wanted)
		if !slices.Equal(got, wanted) {
			t.Errorf("%s has %v, want %v", name, got, wanted)
		}
		if l := e.Meta.Ulimit; len(l) != 1 || l[0].Name != "nofile" || l[0].Soft != 65536 || l[0].Hard != 70000 {
			t.Errorf("%s has the limits %v", name, l)
		}
		if before, _, was := exec(t, plain, name); len(before.Meta.Ulimit) != 0 || was == now {
			t.Errorf("%s is the same step with and without: %v", name, before.Meta)
		}
	}
	own := map[string]map[string]string{}
	for _, s := range p.Steps {
		own[s.Name] = s.Own
	}
	if len(own["Dockerfile:2"]) != 0 || own["Dockerfile:4"]["TZ"] != "TZ" || own["Dockerfile:6"]["LANG"] != "LC_ALL" || own["Dockerfile:6"]["TZ"] != "TZ" {
		t.Errorf("chosen: %v", own)
	}
}
