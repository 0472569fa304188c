package faults

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestJSON runs every command that has a result with --json: stdout is one JSON value with its version, and nothing else.
func TestJSON(t *testing.T) {
	m := newMachine(t)
	dir := scratch(t)
	m.must(0, dir, words("key new --out k"))
	for _, line := range []string{
		"check", "lock", "lock --check", "build --key k.key", "build --key k.key --progress plain", "verify selfsame-out/image --key k.pub",
		"diff selfsame-out/image selfsame-out/image", "show selfsame-out/image", "show selfsame-out/image provenance", "builders ls",
		"version", "explain A0201", "doctor", "store gc", "key new --out k2", "init new", "schema recipe",
	} {
		t.Run(line, func(t *testing.T) {
			m := m.on(t)
			if strings.HasPrefix(line, "init") {
				put(t, dir+"/new/keep", "")
			}
			r := m.run(dir, append(words(line), "--json")...)
			if r.code != 0 && line != "diff selfsame-out/image selfsame-out/image" {
				t.Fatalf("exit %d\n%s%s", r.code, r.err, r.out)
			}
			var v map[string]any
			if err := json.Unmarshal([]byte(r.out), &v); err != nil {
				t.Fatalf("stdout is not one JSON object: %v\n%s", err, r.out)
			}
			if v["schemaVersion"] == nil && !strings.HasPrefix(line, "schema") && !strings.HasSuffix(line, "provenance") {
				t.Errorf("it has no schemaVersion:\n%s", r.out)
			}
			if strings.Contains(r.out+r.err, "\x1b") {
				t.Error("it has escape codes")
			}
		})
	}
}

// TestNoEscapeCodes looks for colour and cursor movements where nobody sees them.
func TestNoEscapeCodes(t *testing.T) {
	home := newMachine(t)
	dir := scratch(t)
	m := home.on(t, "NO_COLOR=1", "TERM=xterm-256color", "CLICOLOR_FORCE=1")
	for _, line := range []string{"--help", "build --help", "lock", "check", "build", "build --progress plain", "diff selfsame-out/image selfsame-out/image",
		"show selfsame-out/image", "builders ls", "explain A0201", "doctor", "nonsense", "build --nonsense"} {
		r := m.run(dir, words(line)...)
		if strings.Contains(r.out+r.err, "\x1b") {
			t.Errorf("%s has escape codes:\n%q", line, r.out+r.err)
		}
		if r.out+r.err == "" {
			t.Errorf("%s says nothing", line)
		}
	}
	plain := home.on(t, "TERM=xterm-256color")
	if r := plain.run(dir, "nonsense"); strings.Contains(r.err, "\x1b") {
		t.Errorf("escape codes in a pipe: %q", r.err)
	}
	forced := home.on(t, "TERM=xterm-256color", "CLICOLOR_FORCE=1")
	if r := forced.run(dir, "nonsense"); !strings.Contains(r.err, "\x1b") {
		t.Errorf("this test would not see escape codes: %q", r.err)
	}
}
