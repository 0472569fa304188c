package doctor

import (
	"fmt"
	"slices"
)

// The tables that matter, by their names from version 3 on; and where version 2 had what is about images.
const (
	images    = "io.containerd.cri.v1.images"
	oldCRI    = "io.containerd.grpc.v1.cri"
	verifiers = "io.containerd.image-verifier.v1.bindir"
	nri       = "io.containerd.nri.v1.nri"
)

// fallback is a setting with which the CRI plugin pulls by itself, and asks no image verifier: CheckLocalImagePullConfigs in containerd v2.4.2,
// internal/cri/config/config.go. containerd says so in one line of its log, "Falling back to local image pull mode."
type fallback struct {
	path []string // below the table of images
	old  []string // below the table of version 2; nil: as path
	bad  func(any) bool
	// reason is containerd's own, from the same list.
	reason, fix string
}

func isTrue(v any) bool   { b, ok := v.(bool); return !ok || b }
func isFalse(v any) bool  { b, ok := v.(bool); return !ok || !b }
func isFilled(v any) bool { m, ok := v.(map[string]any); return !ok || len(m) > 0 }

const useHosts = `remove it, and give that registry a hosts.toml below "config_path" of registry`

var fallbacks = []fallback{
	{[]string{"use_local_image_pull"}, nil, isTrue, "it is the fall-back itself", "use_local_image_pull = false"},
	{[]string{"disable_snapshot_annotations"}, []string{"containerd", "disable_snapshot_annotations"}, isFalse, "moved to snapshotter plugin when using transfer service", "disable_snapshot_annotations = true"},
	{[]string{"discard_unpacked_layers"}, []string{"containerd", "discard_unpacked_layers"}, isTrue, "not supported with transfer service", "discard_unpacked_layers = false"},
	{[]string{"registry", "mirrors"}, nil, isFilled, "not supported with transfer service (also deprecated)", useHosts},
	{[]string{"registry", "configs"}, nil, isFilled, "not supported with transfer service (also deprecated)", useHosts},
	{[]string{"registry", "auths"}, nil, isFilled, "not supported with transfer service (also deprecated)", useHosts},
	{[]string{"max_concurrent_downloads"}, nil, func(v any) bool { n, ok := v.(int64); return !ok || n != 3 },
		"must be configured in transfer service plugin", "remove it, and write max_concurrent_downloads into [plugins.'io.containerd.transfer.v1.local']"},
	{[]string{"image_pull_with_sync_fs"}, nil, isTrue, "not supported with transfer service", "image_pull_with_sync_fs = false"},
}

func (s settings) fallbacks() (out []Finding) {
	for _, fb := range fallbacks {
		for i := range s {
			old := fb.path
			if fb.old != nil {
				old = fb.old
			}
			tables := [][]string{slices.Concat([]string{"plugins", images}, fb.path)}
			if s[i].version < 4 { // containerd migrates it
				tables = append(tables, slices.Concat([]string{"plugins", oldCRI}, old))
			}
			for _, path := range tables {
				if v, ok := s[i].at(path...); ok && fb.bad(v.any) {
					out = append(out, Finding{Code: "A0960", Place: v.place,
						Summary: fmt.Sprintf("with `%s` containerd pulls without asking any image verifier", dotted(path[2:])),
						Why:     fmt.Sprintf("containerd falls back to pulling by itself (%s: CheckLocalImagePullConfigs)", fb.reason),
						Fix:     fmt.Sprintf("in [plugins.'%s']: %s", path[1], fb.fix)})
				}
			}
		}
	}
	return out
}
