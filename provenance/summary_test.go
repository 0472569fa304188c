package provenance

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

var subjectOfSummary = ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromString("index"), Size: 5}

func goodVSA() VSA {
	return VSA{
		Verifier: Verifier{ID: "https://v.example"}, TimeVerified: time.Unix(1000, 0), ResourceURI: "r.example/shop@sha256:1",
		Policy: Reference{URI: "https://v.example/p"}, VerificationResult: VSAPassed, VerifiedLevels: []string{"SLSA_BUILD_LEVEL_2"}, SLSAVersion: "1.2",
		InputAttestations: []Reference{SHA256Reference("r.example/shop@sha256:2", digest.FromString("bundle"))},
	}
}

// TestVSAChecks goes through the checks that SLSA v1.2 makes mandatory, one wrong at a time.
func TestVSAChecks(t *testing.T) {
	made, err := VSAStatement("r.example/shop", subjectOfSummary, goodVSA())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, with, want string }{
		"all hold":             {"PASSED", "PASSED", ""},
		"3 predicate type":     {"verification_summary/v1", "verification_summary/v0.2", "predicate type"},
		"4 another verifier":   {`"id":"https://v.example"`, `"id":"https://evil.example"`, "verifier"},
		"4 no verifier":        {`"id":"https://v.example"`, `"id":""`, "verifier.id"},
		"5 N12 another target": {`"resourceUri":"r.example/shop`, `"resourceUri":"r.example/evil`, "resource"},
		"5 no target":          {`"resourceUri":"r.example/shop@sha256:1"`, `"resourceUri":""`, "resourceUri"},
		"6 failed":             {"PASSED", "FAILED", "result"},
		"6 neither":            {"PASSED", "passed", "neither"},
		"6 twice":              {`"verificationResult":"PASSED"`, `"verificationResult":"FAILED","verificationResult":"PASSED"`, "twice"},
		"6 folded":             {`"verificationResult":"PASSED"`, `"verificationresult":"PASSED"`, "letters"},
		"7 another level":      {"SLSA_BUILD_LEVEL_2", "SLSA_BUILD_LEVEL_1", "lack"},
		"7 level of a longer":  {`"SLSA_BUILD_LEVEL_2"`, `"SLSA_BUILD_LEVEL_20"`, "lack"},
		"no level":             {`["SLSA_BUILD_LEVEL_2"]`, `[]`, "verifiedLevels"},
		"no policy":            {"https://v.example/p", "", "policy"},
		"input without digest": {`"digest":{"sha256":"` + digest.FromString("bundle").Encoded() + `"}}]`, `"digest":{}}]`, "no digest"},
		"fields of others":     {`"slsaVersion"`, `"https://x.example/f":1,"slsaVersion"`, ""},
	} {
		text := strings.Replace(string(made.Payload), c.old, c.with, 1)
		if text == string(made.Payload) && name != "all hold" {
			t.Fatalf("%s: nothing replaced", name)
		}
		err := passes([]byte(text))
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func passes(payload []byte) error {
	s, err := Parse(payload)
	if err != nil {
		return err
	}
	v, err := s.VSA()
	if err != nil {
		return err
	}
	return v.Passes("https://v.example", "r.example/shop@sha256:1", BuildLevel(2))
}

// TestVSAOfOthers reads a summary that Google publishes: slsa-verifier's own test data.
func TestVSAOfOthers(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "shared", "vectors", "slsa-verifier", "cli", "slsa-verifier", "testdata", "vsa", "gce", "v1", "gke-gce-pre.bcid-vsa.jsonl"))
	if err != nil {
		t.Skipf("SKIPPED: no test vectors of other programs: %v", err)
	}
	var envelope struct{ Payload []byte }
	if err := json.Unmarshal(raw, &envelope); err != nil {
		t.Fatal(err)
	}
	var s Statement // its subject has no sha256, so that Parse would refuse it
	if err := json.Unmarshal(envelope.Payload, &s); err != nil {
		t.Fatal(base64.StdEncoding.EncodeToString(envelope.Payload), err)
	}
	v, err := s.VSA()
	if err != nil {
		t.Fatal(err)
	}
	const verifier, resource = "https://bcid.corp.google.com/verifier/bcid_package_enforcer/v0.1", "gce_image://gke-node-images:gke-12615-gke1418000-cos-101-17162-463-29-c-cgpv1-pre"
	for _, level := range []string{"", "BCID_L1", "SLSA_BUILD_LEVEL_2"} {
		if err := v.Passes(verifier, resource, level); err != nil {
			t.Error(err)
		}
	}
	for _, c := range [][3]string{{"x", resource, ""}, {verifier, resource + "x", ""}, {verifier, resource, "SLSA_BUILD_LEVEL_3"}} {
		if v.Passes(c[0], c[1], c[2]) == nil {
			t.Errorf("%v passes", c)
		}
	}
}

func TestWaiverForm(t *testing.T) {
	good := Waiver{Finding: SHA256Reference("", digest.FromString("finding")), Owner: "head@example.com", Reason: "broken disk", Expires: time.Unix(2000, 0)}
	made, err := WaiverStatement("r.example/shop", subjectOfSummary, good)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(made.Payload)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Waiver()
	if err != nil || got.Finding.SHA256() != digest.FromString("finding") || got.Owner != good.Owner || got.Reason != good.Reason || !got.Expires.Equal(good.Expires) {
		t.Errorf("%+v, %v", got, err)
	}
	for name, change := range map[string]func(*Waiver){
		"no finding": func(w *Waiver) { w.Finding = Reference{} }, "no owner": func(w *Waiver) { w.Owner = " " }, "no reason": func(w *Waiver) { w.Reason = "" },
		"no end": func(w *Waiver) { w.Expires = time.Time{} }, "a long reason": func(w *Waiver) { w.Reason = strings.Repeat("x", maxReason+1) },
	} {
		w := good
		change(&w)
		if _, err := WaiverStatement("r.example/shop", subjectOfSummary, w); err == nil {
			t.Errorf("%s: a waiver all the same", name)
		}
	}
}
