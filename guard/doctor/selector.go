package doctor

import (
	"maps"
	"slices"
)

// nameLabel is set by the API server itself, so nobody can give a namespace another one.
const nameLabel = "kubernetes.io/metadata.name"

func (s selector) empty() bool { return len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 0 }

// matches is how the API server judges labels. An operator that it does not know matches nothing, so that it is reported.
func (s selector) matches(labels map[string]string) bool {
	for k, v := range s.MatchLabels {
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	for _, e := range s.MatchExpressions {
		v, there := labels[e.Key]
		ok := false
		switch e.Operator {
		case "In":
			ok = there && slices.Contains(e.Values, v)
		case "NotIn":
			ok = !there || !slices.Contains(e.Values, v)
		case "Exists":
			ok = there
		case "DoesNotExist":
			ok = !there
		}
		if !ok {
			return false
		}
	}
	return true
}

// exempt is what s leaves out beside the namespaces of may: names, and whether it goes by anything but names, which people can change.
func (s selector) exempt(may []string, namespaces map[string]map[string]string) (names []string, loose bool) {
	out := map[string]bool{}
	loose = len(s.MatchLabels) > 0
	for _, e := range s.MatchExpressions {
		if e.Key != nameLabel || e.Operator != "NotIn" {
			loose = true
			continue
		}
		for _, name := range e.Values {
			out[name] = true
		}
	}
	for name, labels := range namespaces {
		if labels = maps.Clone(labels); labels == nil {
			labels = map[string]string{}
		}
		labels[nameLabel] = name
		if !s.matches(labels) {
			out[name] = true
		}
	}
	for _, name := range may {
		delete(out, name)
	}
	return slices.Sorted(maps.Keys(out)), loose
}
