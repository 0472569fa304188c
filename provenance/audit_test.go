package provenance

import (
	"encoding/json"
	"strings"
	"testing"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// audited is a rebuild by an auditor, of which nothing is wrong.
func audited() (ocispec.Descriptor, Rebuild) {
	d := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromString("index"), Size: 5}
	same := RebuildArtifact{Digest: digestSet(d.Digest)}
	return d, Rebuild{
		Result: ResultMatch, Level: LevelManifest, Original: same, Rebuilt: same, Independence: OtherHost,
		Axes:     []Axis{{Name: "audit: time", State: AxisMeasured, A: "1", B: "2"}},
		Builders: []RebuildPlace{{Name: "R", ID: BuilderID(ModeAudit)}},
		Images:   []RebuildImage{{Platform: "linux/amd64", Original: same, Rebuilt: same}},
		Inputs:   InputsRefetched, Locked: &Locked{Total: 2, FirstSeen: 1, Refetched: 2},
		Observed:  &Observed{Host: "abc", Differs: []string{"host"}, Same: []string{"kernel"}},
		Challenge: &Challenge{Nonce: "0123456789abcdef", Intermediates: map[string]string{"linux/amd64 Dockerfile:3#0": Answer("0123456789abcdef", "x", "y", nil)}},
	}
}

// TestWhatAnAuditorAdds: nothing that contradicts itself is stated, match or not.
func TestWhatAnAuditorAdds(t *testing.T) {
	d, good := audited()
	st, err := RebuildStatement("registry.example.com/team/shop", d, good)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := Parse(st.Payload)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := parsed.Rebuild(); err != nil || back.Inputs != InputsRefetched || back.Locked.FirstSeen != 1 || back.Observed.Host != "abc" || len(back.Challenge.Intermediates) != 1 {
		t.Errorf("%+v, %v", back, err)
	}
	for want, change := range map[string]func(*Rebuild){
		"not all of them were":          func(r *Rebuild) { r.Locked.Vanished = 1 },
		"not all":                       func(r *Rebuild) { r.Locked.Refetched = 1 },
		"refetched, but":                func(r *Rebuild) { r.Locked = nil },
		"which is not known":            func(r *Rebuild) { r.Inputs = "cache" },
		"the machine is the original":   func(r *Rebuild) { r.Observed.Same = []string{"host"} },
		"a challenge is":                func(r *Rebuild) { r.Challenge.Nonce = "short" },
		"without spaces":                func(r *Rebuild) { r.Challenge.Nonce = "0123456789 abcdef" },
		"no HMAC-SHA256":                func(r *Rebuild) { r.Challenge.Intermediates["x"] = "00" },
		"the level of equality is \"\"": func(r *Rebuild) { r.Level = "" },
	} {
		_, r := audited()
		change(&r)
		if _, err := RebuildStatement("registry.example.com/team/shop", d, r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestFindingStatement: a finding is a difference and nothing else, so that no key for findings can be made to approve.
func TestFindingStatement(t *testing.T) {
	d, r := audited()
	other := RebuildArtifact{Digest: digestSet(digest.FromString("other"))}
	r.Result, r.Level, r.Rebuilt = ResultMismatch, "", other
	if _, err := FindingStatement("registry.example.com/team/shop", d, r); err != nil {
		t.Error(err)
	}
	if _, err := RebuildStatement("registry.example.com/team/shop", d, r); err == nil {
		t.Error("a rebuild statement says mismatch")
	}
	for want, change := range map[string]func(*Rebuild){
		"the result is":       func(r *Rebuild) { r.Result = ResultMatch },
		"that is no mismatch": func(r *Rebuild) { r.Rebuilt = r.Original },
		"not the subject":     func(r *Rebuild) { r.Original = other },
		"no sha256":           func(r *Rebuild) { r.Rebuilt = RebuildArtifact{} },
		"no builder":          func(r *Rebuild) { r.Builders = nil },
	} {
		x := r
		change(&x)
		if _, err := FindingStatement("registry.example.com/team/shop", d, x); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestAnswer: an answer is bound to nonce, rebuilder, place, contents and their order, and the golden one is what docs/reference/buildtype.md says.
func TestAnswer(t *testing.T) {
	a, b := digest.FromString("a"), digest.FromString("b")
	base := Answer("0123456789abcdef", "https://a.example", "linux/amd64 Dockerfile:5#0", []digest.Digest{a, b})
	// printf '35:https://selfsame.build/challenge/v1\n17:https://a.example\n26:linux/amd64 Dockerfile:5#0\n%s\n%s\n' $A $B | openssl dgst -sha256 -hmac 0123456789abcdef
	if want := "e439a55e8688b82b6c3579189abb9ea6726470d290f3dbb37a98acc5bd3f38aa"; base != want {
		t.Errorf("%s, want %s", base, want)
	}
	for name, other := range map[string]string{
		"nonce":     Answer("0123456789abcdeg", "https://a.example", "linux/amd64 Dockerfile:5#0", []digest.Digest{a, b}),
		"rebuilder": Answer("0123456789abcdef", "https://b.example", "linux/amd64 Dockerfile:5#0", []digest.Digest{a, b}),
		"place":     Answer("0123456789abcdef", "https://a.example", "linux/amd64 Dockerfile:5#1", []digest.Digest{a, b}),
		"order":     Answer("0123456789abcdef", "https://a.example", "linux/amd64 Dockerfile:5#0", []digest.Digest{b, a}),
		"contents":  Answer("0123456789abcdef", "https://a.example", "linux/amd64 Dockerfile:5#0", []digest.Digest{a}),
		"border":    Answer("0123456789abcdef", "https://a.examplel", "inux/amd64 Dockerfile:5#0", []digest.Digest{a, b}),
	} {
		if other == base {
			t.Errorf("the %s is not in the answer", name)
		}
	}
}

// TestLocked: no more inputs are counted than there are, and "refetched" is said of all or not at all.
func TestLocked(t *testing.T) {
	for name, c := range map[string]struct {
		from InputsFrom
		l    *Locked
		good bool
	}{
		"all of them":         {InputsRefetched, &Locked{Total: 2, FirstSeen: 2, Refetched: 2}, true},
		"none there":          {InputsRefetched, &Locked{}, true},
		"some of them":        {InputsSeal, &Locked{Total: 3, Refetched: 1, Changed: 1, Vanished: 1}, true},
		"not all of them":     {InputsRefetched, &Locked{Total: 2, Refetched: 1}, false},
		"not counted":         {InputsRefetched, nil, false},
		"more than there are": {InputsSeal, &Locked{Total: 1, Refetched: 1, Changed: 1}, false},
		"first seen of none":  {InputsSeal, &Locked{FirstSeen: 1}, false},
		"negative":            {InputsSeal, &Locked{Total: 1, Refetched: 2, Changed: -1}, false},
	} {
		if err := (Rebuild{Inputs: c.from, Locked: c.l}).checkAudit(); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHostName: a name means one machine for one recipe, and does not show the machine's id.
func TestHostName(t *testing.T) {
	one, two := digest.FromString("1"), digest.FromString("2")
	if HostName("", one) != "" || HostName("m", one) == HostName("m", two) || HostName("m", one) == HostName("n", one) {
		t.Error("a host's name is not one machine's and one recipe's")
	}
	raw, err := json.Marshal(Observed{Host: HostName("0123456789abcdef0123456789abcdef", one)})
	if err != nil || strings.Contains(string(raw), "0123456789abcdef") {
		t.Errorf("%s, %v", raw, err)
	}
}
