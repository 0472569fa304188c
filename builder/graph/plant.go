package graph

import (
	"strings"

	"github.com/moby/buildkit/solver/pb"
)

// Variable is what a builder plants in the environment of its steps.
type Variable struct {
	Name, Value string
	// Instead are other variables by which a step chooses the same thing: LC_ALL for LANG.
	Instead []string
}

// plant sets each variable that the step, or the image it runs in, has not chosen for itself. own says which it has, by the name of the
// planted one: TZ is "TZ", LANG may be "LC_ALL".
func plant(m *pb.Meta, vars []Variable) (own map[string]string) {
	for _, v := range vars {
		by := ""
		for _, name := range append([]string{v.Name}, v.Instead...) {
			if by == "" && hasEnv(m, name) {
				by = name
			}
		}
		if by == "" {
			setEnv(m, v.Name+"="+v.Value)
			continue
		}
		if own == nil {
			own = map[string]string{}
		}
		own[v.Name] = by
	}
	return own
}

// setEnv leaves alone what the author has set.
func setEnv(m *pb.Meta, kv string) {
	if name, _, _ := strings.Cut(kv, "="); !hasEnv(m, name) {
		m.Env = append(m.Env, kv)
	}
}

func hasEnv(m *pb.Meta, name string) bool {
	for _, have := range m.Env {
		if strings.HasPrefix(have, name+"=") {
			return true
		}
	}
	return false
}

// Limit is a limit of open files (RLIMIT_NOFILE).
type Limit struct{ Soft, Hard int64 }

// set gives a step the limit, unless it has its own. BuildKit has it in the step's cache key, as it has the environment.
func (l *Limit) set(m *pb.Meta, md *pb.OpMetadata) {
	if l == nil || len(m.Ulimit) > 0 {
		return
	}
	m.Ulimit = []*pb.Ulimit{{Name: "nofile", Soft: l.Soft, Hard: l.Hard}}
	if md == nil {
		return
	}
	if md.Caps == nil {
		md.Caps = map[string]bool{}
	}
	md.Caps[string(pb.CapExecMetaUlimit)] = true
}
