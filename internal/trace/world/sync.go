//go:build linux

package world

import (
	"encoding/json"
	"fmt"
	"slices"
)

// syncs are the system calls that wait for a disk. What a step writes is worth nothing until its layer is exported, so a step waits
// for no disk: each of these succeeds at once. dpkg alone makes one for every file that it unpacks. (systemd-nspawn has the same
// as --suppress-sync=, by the same means.)
var syncs = []string{"fsync", "fdatasync", "sync", "syncfs", "sync_file_range", "sync_file_range2", "arm_sync_file_range"}

// withoutSync gives a container's "linux" section a seccomp profile in which syncs do nothing. A container without a profile is left
// as it is. Fields that it does not know are kept.
func withoutSync(linux json.RawMessage) (json.RawMessage, error) {
	section, profile := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if err := json.Unmarshal(linux, &section); err != nil {
		return nil, fmt.Errorf("reading its linux section: %w", err)
	}
	if text := section["seccomp"]; text == nil || string(text) == "null" {
		return linux, nil
	}
	if err := json.Unmarshal(section["seccomp"], &profile); err != nil {
		return nil, fmt.Errorf("reading its seccomp profile: %w", err)
	}
	rules, err := withoutNames(profile["syscalls"], syncs)
	if err != nil {
		return nil, err
	}
	done, err := json.Marshal(map[string]any{"names": syncs, "action": "SCMP_ACT_ERRNO", "errnoRet": 0})
	if err != nil {
		return nil, err
	}
	if profile["syscalls"], err = json.Marshal(append(rules, done)); err != nil {
		return nil, err
	}
	if section["seccomp"], err = json.Marshal(profile); err != nil {
		return nil, err
	}
	return json.Marshal(section)
}

// withoutNames takes names out of every rule: two rules for one call would contradict each other.
func withoutNames(raw json.RawMessage, names []string) ([]json.RawMessage, error) {
	var rules []map[string]json.RawMessage
	if raw != nil {
		if err := json.Unmarshal(raw, &rules); err != nil {
			return nil, fmt.Errorf("reading its system calls: %w", err)
		}
	}
	var out []json.RawMessage
	for _, r := range rules {
		var of []string
		if err := json.Unmarshal(r["names"], &of); err != nil {
			return nil, fmt.Errorf("reading the names of its system calls: %w", err)
		}
		of = slices.DeleteFunc(of, func(n string) bool { return slices.Contains(names, n) })
		if len(of) == 0 {
			continue
		}
		var err error
		if r["names"], err = json.Marshal(of); err != nil {
			return nil, err
		}
		text, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, nil
}
