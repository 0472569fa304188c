package graph

import (
	"maps"
	"slices"
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/recipes"
)

// imageConfig lays the recipe's config over that of the stage's base.
func (s *stageCompiler) imageConfig(base ocispecs.Image, c recipes.Config) ocispecs.Image {
	img := base
	img.Created = &s.in.Epoch
	img.OS, img.Architecture, img.Variant = s.platform.OS, s.platform.Architecture, s.platform.Variant
	img.History = nil
	img.RootFS = ocispecs.RootFS{Type: "layers"}
	out := &img.Config
	out.Env = mergeEnv(out.Env, c.Env)
	setStrings(&out.Entrypoint, c.Entrypoint)
	if c.Entrypoint != nil || c.Cmd != nil {
		out.Cmd = c.Cmd
	}
	setString(&out.WorkingDir, c.Workdir)
	setString(&out.User, c.User)
	setString(&out.StopSignal, c.StopSignal)
	out.ExposedPorts = set(out.ExposedPorts, c.Expose)
	out.Volumes = set(out.Volumes, c.Volumes)
	if len(c.Labels) > 0 {
		labels := maps.Clone(out.Labels)
		if labels == nil {
			labels = map[string]string{}
		}
		maps.Copy(labels, c.Labels)
		out.Labels = labels
	}
	return img
}

func setString(to *string, v string) {
	if v != "" {
		*to = v
	}
}

func setStrings(to *[]string, v []string) {
	if v != nil {
		*to = v
	}
}

func set(to map[string]struct{}, keys []string) map[string]struct{} {
	if len(keys) == 0 {
		return to
	}
	out := maps.Clone(to)
	if out == nil {
		out = map[string]struct{}{}
	}
	for _, k := range keys {
		out[k] = struct{}{}
	}
	return out
}

// mergeEnv replaces variables in place and appends new ones in order of name.
func mergeEnv(base []string, add map[string]string) []string {
	out := slices.Clone(base)
	for _, k := range slices.Sorted(maps.Keys(add)) {
		i := slices.IndexFunc(out, func(e string) bool { return strings.HasPrefix(e, k+"=") })
		if i >= 0 {
			out[i] = k + "=" + add[k]
		} else {
			out = append(out, k+"="+add[k])
		}
	}
	return out
}
