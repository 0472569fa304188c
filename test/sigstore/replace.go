package sigstore

import (
	"encoding/json"
	"os"
	"testing"
	"time"
)

// Replace ends the instance's certificate authority, timestamp authority and log, and starts others in their place: other keys, other
// addresses, a log with a history of its own. The identity providers stay, as the users do. From now on Start gives the new instance,
// whose files describe it alone; i keeps its addresses and issuers, and nobody answers there any more.
func (i *Instance) Replace(tb testing.TB) *Instance {
	tb.Helper()
	mu.Lock()
	defer mu.Unlock()
	if shared != i {
		tb.Fatal("this instance was replaced already")
	}
	i.end()
	next := &Instance{Issuer: i.Issuer, Other: i.Other, turn: i.turn}
	var err error
	for range 3 { // as in Start
		if err = next.serve(); err == nil {
			break
		}
		next.end()
	}
	if err != nil {
		tb.Fatalf("replacing a private sigstore: %v", err)
	}
	shared = next
	return next
}

// The three parts of a trusted root, as its JSON names them.
const (
	CAs  = "certificateAuthorities"
	TSAs = "timestampAuthorities"
	Logs = "tlogs"
)

// Rotated is a trusted root in which those of old are believed until end, and those of next from then on, for each of the parts; the other
// parts have those of old alone, for as long as old says.
func Rotated(tb testing.TB, old, next []byte, end time.Time, parts ...string) []byte {
	tb.Helper()
	read := func(raw []byte) map[string]any {
		var m map[string]any
		if err := json.Unmarshal(raw, &m); err != nil {
			tb.Fatal(err)
		}
		return m
	}
	out, other := read(old), map[string]any{}
	if next != nil {
		other = read(next)
	}
	for _, part := range parts {
		list := out[part].([]any)
		for _, e := range list {
			valid(e, part)["end"] = end.UTC().Format(time.RFC3339)
		}
		if more, ok := other[part].([]any); ok {
			for _, e := range more {
				valid(e, part)["start"] = end.UTC().Format(time.RFC3339)
			}
			list = append(list, more...)
		}
		out[part] = list
	}
	raw, err := json.Marshal(out)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// valid is where an entry says how long it may be believed.
func valid(entry any, part string) map[string]any {
	e := entry.(map[string]any)
	if part == Logs {
		e = e["publicKey"].(map[string]any)
	}
	return e["validFor"].(map[string]any)
}

// Root reads the file that describes the instance.
func (i *Instance) Root(tb testing.TB) []byte {
	tb.Helper()
	raw, err := os.ReadFile(i.TrustedRoot)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}
