package builder

import (
	"bytes"
	"maps"
	"slices"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// MaxSecret is the largest secret, in bytes.
const MaxSecret = solver.MaxSecret

// minHidden is the shortest value that is looked for where no secret may be: a shorter one is found by accident everywhere.
const minHidden = 8

// Credentials are what steps may use while recording. Nothing of them but the ids is kept.
type Credentials struct {
	Secrets map[string][]byte // values by id
	Agents  map[string]string // sockets of ssh agents by id
}

// values are the secrets that are looked for in all that is kept or shown.
func (c Credentials) values() [][]byte {
	var out [][]byte
	for _, id := range slices.Sorted(maps.Keys(c.Secrets)) {
		if v := bytes.TrimSpace(c.Secrets[id]); len(v) >= minHidden {
			out = append(out, v)
		}
	}
	return out
}

// check holds what was given against what the steps of all platforms ask for.
func (c Credentials) check(drafts map[string]*graph.Draft) error {
	asked := map[string]bool{}
	var list diag.List
	for _, platform := range sortedKeys(drafts) {
		for _, s := range drafts[platform].Steps {
			for _, id := range s.Secrets {
				asked["--secret "+id] = true
				if _, ok := c.Secrets[id]; !ok && slices.Contains(s.Required, id) {
					list = append(list, wanted(s, "secret", id, "--secret id="+id+",src=FILE"))
				}
			}
			for _, id := range s.SSH {
				asked["--ssh "+id] = true
				if _, ok := c.Agents[id]; !ok && slices.Contains(s.Required, id) {
					list = append(list, wanted(s, "ssh agent", id, "--ssh "+id))
				}
			}
		}
	}
	for _, given := range append(prefixed("--secret ", c.Secrets), prefixed("--ssh ", c.Agents)...) {
		if !asked[given] {
			list = append(list, diag.Errorf("A0343", "no step asks for what `%s` gives", given).
				WithWhy("an id that nobody uses is most often a misspelling").
				WithHelp("compare it with `id=` in the Dockerfile's `--mount`"))
		}
	}
	return list.Err()
}

func wanted(s graph.Step, what, id, flag string) *diag.Diagnostic {
	return diag.Errorf("A0342", "the step needs %s `%s`", what, id).WithAt(diag.Position{File: s.File, Line: s.Line}, "").
		WithWhy("its mount says `required`, and nothing was given").WithHelp("run `selfsame lock " + flag + "`")
}

func prefixed[V any](flag string, m map[string]V) []string {
	out := sortedKeys(m)
	for i := range out {
		out[i] = flag + out[i]
	}
	return out
}

// recordingSecrets are the ids of what steps could use while recording, for the evidence.
func recordingSecrets(drafts map[string]*graph.Draft) []string {
	var out []string
	for _, d := range drafts {
		for _, s := range d.Steps {
			out = append(out, s.Secrets...)
			for _, id := range s.SSH {
				out = append(out, "ssh:"+id)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
