//go:build linux

package world

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWithoutSync(t *testing.T) {
	const rule = `{"names":["fsync","fdatasync","sync","syncfs","sync_file_range","sync_file_range2","arm_sync_file_range"],"action":"SCMP_ACT_ERRNO","errnoRet":0}`
	for _, c := range []struct{ name, config, want string }{
		{"the calls leave the rule that allows them", `{"resources":{},"seccomp":{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
			{"names":["fork","fsync"],"action":"SCMP_ACT_ALLOW"},{"names":["sync"],"action":"SCMP_ACT_ALLOW"}]}}`,
			`{"resources":{},"seccomp":{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["fork"],"action":"SCMP_ACT_ALLOW"},` + rule + `]}}`},
		{"a profile without rules", `{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW"}}`, `{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[` + rule + `]}}`},
		{"no profile", `{"namespaces":[]}`, `{"namespaces":[]}`},
		{"null", `{"seccomp":null}`, `{"seccomp":null}`},
	} {
		text, err := withoutSync([]byte(c.config))
		if err != nil {
			t.Fatal(err)
		}
		var got, want any
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		_ = json.Unmarshal([]byte(c.want), &want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	for _, bad := range []string{"", "[]", `{"seccomp":[]}`, `{"seccomp":{"syscalls":{}}}`, `{"seccomp":{"syscalls":[{"names":"fsync"}]}}`} {
		if _, err := withoutSync([]byte(bad)); err == nil {
			t.Errorf("%q is no linux section", bad)
		}
	}
}
