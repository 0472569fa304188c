package provenance

import (
	"encoding/json"
	"strings"
	"testing"
)

const goodHex = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

// good is a minimal statement; replace parts of it to spoil it.
const good = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"shop","digest":{"sha256":"` + goodHex +
	`"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{"buildDefinition":{}}}`

// TestParseN9 has the inputs on which readers of statements were seen to disagree (CVE class N9): each must be refused, or
// accepted where the specification says so.
func TestParseN9(t *testing.T) {
	swap := func(old, with string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("nothing to replace: %s", old)
		}
		return strings.Replace(good, old, with, 1)
	}
	digestOf := `"sha256":"` + goodHex + `"`
	nine := digestOf
	for _, algorithm := range "abcdefgh" {
		nine += `,"` + string(algorithm) + `":"` + goodHex + `"`
	}
	cases := map[string]struct {
		payload string
		want    string // part of the error; empty: accepted
	}{
		"good":                 {good, ""},
		"type v0.1":            {swap("Statement/v1", "Statement/v0.1"), ""},
		"unknown field":        {swap(`{"_type"`, `{"later":[1],"_type"`), ""},
		"sha512 beside sha256": {swap(digestOf, digestOf+`,"sha512":"`+strings.Repeat("ab", 64)+`"`), ""},
		"type bogus":           {swap("Statement/v1", "Statement/v2"), "_type"},
		"type missing":         {swap(`"_type":"https://in-toto.io/Statement/v1",`, ""), "_type"},
		"type case-variant":    {swap(`"_type"`, `"_Type"`), "letters"},
		"type twice":           {swap(`{"_type"`, `{"_type":"x","_type"`), "twice"},
		"escaped key twice":    {swap(`{"_type"`, `{"\u005ftype":"x","_type"`), "twice"},
		"subject case-variant": {swap(`"subject"`, `"Subject"`), "letters"},
		"no subject":           {swap(`[{"name":"shop","digest":{`+digestOf+`}}]`, "[]"), "subjects"},
		"subject null":         {swap(`[{"name":"shop","digest":{`+digestOf+`}}]`, "null"), "subjects"},
		"65 subjects":          {swap(`{"name":"shop","digest":{`+digestOf+`}}`, strings.Repeat(`{"digest":{`+digestOf+`}},`, 64)+`{"digest":{`+digestOf+`}}`), "subjects"},
		"nine digests":         {swap(digestOf, nine), "9 digests"},
		"no digest":            {swap(digestOf, ""), "sha256"},
		"md5 only":             {swap(digestOf, `"md5":"5d41402abc4b2a76b9719d911017c592"`), "sha256"},
		"sha512 only":          {swap(digestOf, `"sha512":"`+strings.Repeat("ab", 64)+`"`), "sha256"},
		"upper-case hex":       {swap(goodHex, strings.ToUpper(goodHex)), "lower-case"},
		"upper-case algorithm": {swap("sha256", "SHA256"), "lower-case"},
		"prefixed hex":         {swap(goodHex, "sha256:"+goodHex), "lower-case"},
		"short hex":            {swap(goodHex, goodHex[:62]), "sha256"},
		"long hex":             {swap(goodHex, goodHex+"00"), "sha256"},
		"digest twice":         {swap(digestOf, digestOf+","+digestOf), "twice"},
		"predicate type none":  {swap(`"https://slsa.dev/provenance/v1"`, `""`), "predicateType"},
		"predicate missing":    {swap(`,"predicate":{"buildDefinition":{}}`, ""), "predicate"},
		"predicate null":       {swap(`{"buildDefinition":{}}`, "null"), "predicate"},
		"predicate array":      {swap(`{"buildDefinition":{}}`, "[]"), "predicate"},
		"key twice within":     {swap(`"buildDefinition":{}`, `"buildDefinition":{},"buildDefinition":{}`), "twice"},
		"trailing":             {good + "{}", "after the end"},
		"depth":                {swap(`{"buildDefinition":{}}`, `{"a":`+strings.Repeat("[", 9000)+strings.Repeat("]", 9000)+`}`), "deeper"},
		"not UTF-8":            {swap("shop", "sh\xffop"), "UTF-8"},
		"65 MiB":               {swap("shop", strings.Repeat("a", 65<<20)), "limit"},
		"17 MiB of SPDX":       {strings.Replace(swap("shop", strings.Repeat("a", 17<<20)), PredicateProvenance, PredicateSPDX, 1), "limit"},
		"empty":                {"", ""},
		"array":                {"[]", "not an object"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.payload))
			accepted := c.want == "" && c.payload != ""
			switch {
			case accepted && err != nil:
				t.Errorf("refused: %v", err)
			case !accepted && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestProvenanceDemandsWhatSLSARequires(t *testing.T) {
	whole := `{"buildDefinition":{"buildType":"` + BuildType + `","externalParameters":{"source":{},"recipe":{"path":"r","digest":{}},"platforms":[]}},"runDetails":{"builder":{"id":"b"}}}`
	read := func(predicate string) (Provenance, error) {
		return Statement{PredicateType: PredicateProvenance, Predicate: json.RawMessage(predicate)}.Provenance()
	}
	p, err := read(whole)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.External(); err != nil {
		t.Error(err)
	}
	for _, missing := range []string{`"buildType":"` + BuildType + `",`, `{"builder":{"id":"b"}}`} {
		if _, err := read(strings.Replace(whole, missing, map[bool]string{true: "{}"}[missing[0] == '{'], 1)); err == nil {
			t.Errorf("read without %s", missing)
		}
	}
	// An external parameter that we do not know might have moved the build: SLSA says to refuse it.
	p, err = read(strings.Replace(whole, `"platforms":[]`, `"platforms":[],"hook":"x"`, 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.External(); err == nil || !strings.Contains(err.Error(), "unknown field") {
		t.Errorf("unknown external parameter: %v", err)
	}
	p.BuildDefinition.BuildType = "https://example.com/other"
	if _, err := p.External(); err == nil {
		t.Error("external parameters of another build type were read as ours")
	}
	if _, err := (Statement{PredicateType: PredicateRebuild, Predicate: json.RawMessage(whole)}).Provenance(); err == nil {
		t.Error("another predicate was read as provenance")
	}
}

// Numbers above 2^53 must come back digit by digit; sigstore-go's structpb loses them.
func TestLargeNumbersSurvive(t *testing.T) {
	b := fixture()
	b.Settings.Epoch = 9007199254740993
	s, err := Parse(statements(t, b)[0].Payload)
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Provenance()
	if err != nil {
		t.Fatal(err)
	}
	i, err := p.Internal()
	if err != nil || i.Epoch != 9007199254740993 {
		t.Errorf("epoch %d, error %v", i.Epoch, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	all, err := Statements(fixture())
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range all {
		f.Add(s.Payload)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		s, err := Parse(payload)
		if err != nil {
			return
		}
		for _, x := range s.Subject {
			if x.SHA256().Validate() != nil {
				t.Errorf("accepted the digest %q", x.SHA256())
			}
		}
		if p, err := s.Provenance(); err == nil {
			if p.Builder() == "" {
				t.Error("accepted provenance without builder")
			}
			_, _ = p.External()
		}
		if r, err := s.Rebuild(); err == nil {
			if r.Check(s.Subject[0].SHA256()) == nil && len(r.Measured()) == 0 {
				t.Error("a rebuild without a measured axis passed")
			}
		}
	})
}
