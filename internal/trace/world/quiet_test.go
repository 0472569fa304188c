//go:build linux

package world

import (
	"encoding/json"
	"testing"
)

// TestQuietened takes BuildKit's tracing out of a container, gives it /sys where that is wanted, and keeps the rest.
func TestQuietened(t *testing.T) {
	const config = `{"ociVersion":"1","process":{"cwd":"/","env":["A=1","TRACEPARENT=00-x","OTEL_TRACES_EXPORTER=mine"]},` +
		`"mounts":[{"destination":"/proc","type":"proc"},{"destination":"/dev/otel-grpc.sock","type":"bind"}]}`
	for sys, want := range map[bool]string{
		false: `[{"destination":"/proc","type":"proc"}]`,
		true:  `[{"destination":"/proc","type":"proc"},` + sysMount + `]`,
	} {
		out, err := quietened([]byte(config), sys)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			OCIVersion string `json:"ociVersion"`
			Process    struct {
				Cwd string   `json:"cwd"`
				Env []string `json:"env"`
			} `json:"process"`
			Mounts json.RawMessage `json:"mounts"`
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		if string(got.Mounts) != want {
			t.Errorf("sys %v: mounts %s", sys, got.Mounts)
		}
		if len(got.Process.Env) != 2 || got.Process.Cwd != "/" || got.OCIVersion != "1" {
			t.Errorf("sys %v: %s", sys, out)
		}
	}
}
