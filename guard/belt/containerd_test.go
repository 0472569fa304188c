package belt

import (
	"strings"
	"testing"
)

// TestPulledFrom: the labels are those that containerd 2.4 writes (core/remotes/docker/handler_test.go).
func TestPulledFrom(t *testing.T) {
	full := strings.TrimSuffix(strings.Repeat("a/repository/with/a/long/name,", 120), ",")
	for name, want := range map[string]bool{
		"docker.io/library/busybox": true, "docker.io/team/busybox": true, "docker.io/busybox": false, "docker.io/evil/busybox": false,
		"quay.io/team/busybox": false, "127.0.0.1:5000/team/shop": true, "127.0.0.1:5000/team/sho": false, "[::1]:5000/team/six": true,
		"full.example.com/what/ever": true, "none.example.com/team/shop": false,
	} {
		is := pulledFrom(map[string]string{
			sourceLabel + "docker.io": "library/busybox,team/busybox", sourceLabel + "127.0.0.1": "team/shop", sourceLabel + "::1": "team/six",
			sourceLabel + "full.example.com": full, "containerd.io/uncompressed": "team/shop"})
		if got := is(name); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
