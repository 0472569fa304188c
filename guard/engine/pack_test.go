package engine

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/s2"

	"github.com/selfsame-build/selfsame/policy"
)

// TestPacked: what is read back is what was kept, so that rules see the same.
func TestPacked(t *testing.T) {
	at := time.Date(2026, 11, 28, 12, 0, 0, 123, time.UTC)
	want := policy.Evidence{
		Image:      policy.Image{Name: "registry.example.com/a", Digest: "sha256:aa", Index: true, Platforms: []policy.Platform{{Name: "linux/amd64", Digest: "sha256:bb"}}},
		Signatures: []policy.Signature{{Signer: "release", Roles: []string{"release"}, Time: at}, {Signer: "x"}},
		Provenance: []policy.Provenance{{Builder: "b", Level: 2, Parameters: map[string]any{"n": 1.5, "s": "<&>", "l": []any{"a", true, nil}, "m": map[string]any{}}, Inputs: []policy.Input{{URI: "u"}}}},
		Packages:   []policy.Package{{Name: "bash", Version: "5", PURL: "pkg:deb/debian/bash@5", License: ""}, {}},
		Bases:      []policy.Base{},
		Statements: []policy.Statement{{Type: "t", Predicate: map[string]any{"score": 1e300, "id": "9007199254740993"}}},
		Lists:      []policy.List{{Kind: "deny list", Sequence: 7, Expires: at}},
		Summary:    policy.Summary{Verdict: "verified", Axes: []string{"clock"}},
		Blocks:     []policy.Block{{Verdict: "denied", Reason: "r", ExitCode: 14}},
		NotAfter:   at,
	}
	packed, err := pack(&want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := unpack(packed)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUnpackIsBounded(t *testing.T) {
	frame := func(text string) []byte { return s2.Encode(nil, []byte(text)) }
	for name, packed := range map[string][]byte{
		"nothing": nil, "a bomb": s2.Encode(nil, make([]byte, maxEvidence+1)), "a false length": {0xff, 0xff, 0xff, 0xff, 0x0f, 0}, "no JSON": frame("\x01x"),
		"a head too long": frame("\x09{}"), "no lists": frame("\x02{}"), "half of the lists": frame("\x02{}\x00"), "a list too long": frame("\x02{}\xff\xff\xff\xff\x07\x00"),
		"a text too long": frame("\x02{}\x02\x01a\x05b"), "more than that": frame("\x02{}\x00\x00\x00"), "a number without end": frame("\x02{}\xff\xff\xff\xff\xff\xff"),
	} {
		if _, err := unpack(packed); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := unpack(frame("\x02{}\x00\x00")); err != nil {
		t.Errorf("empty evidence: %v", err)
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add([]byte("\x02{}\x00\x00"))
	f.Add([]byte("\x02{}\x02\x01a\x01b\x01c\x01d\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var e policy.Evidence
		if read(raw, &e) != nil {
			return
		}
		packed, err := pack(&e)
		if err != nil {
			t.Fatal(err)
		}
		again, err := unpack(packed)
		if err != nil || !cmp.Equal(&e, again) {
			t.Errorf("%v\n%s", err, cmp.Diff(&e, again))
		}
	})
}
