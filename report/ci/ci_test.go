package ci_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/report"
	"github.com/selfsame-build/selfsame/report/ci"
	"github.com/selfsame-build/selfsame/report/reporttest"
)

var update = flag.Bool("update", false, "rewrite testdata")

func results() map[string]report.Result {
	oneSided := reporttest.Same()
	oneSided.Reproducible, oneSided.Findings = false, nil
	many := 5100 // more than are written
	if testing.Short() {
		many = 300
	}
	return map[string]report.Result{"rich": reporttest.Rich(), "same": reporttest.Same(), "nothing": {}, "one-sided": oneSided, "hostile": reporttest.Hostile(many)}
}

func render(t *testing.T, f func(report.Result) ([]byte, error), r report.Result) []byte {
	t.Helper()
	out, err := f(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestGolden(t *testing.T) {
	for name, r := range results() {
		for ext, got := range map[string][]byte{".sarif": render(t, ci.SARIF, r), ".junit.xml": render(t, ci.JUnit, r)} {
			if name == "hostile" {
				continue
			}
			path := filepath.Join("testdata", name+ext)
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s (run with -update to accept): %s", path, diff)
			}
		}
	}
}

// log is what the standard (SARIF 2.1.0, OASIS) and GitHub's upload ask of a log, so that a field too many or too few is an error.
type log struct {
	Schema  string `json:"$schema"`
	Version string
	Runs    []struct {
		Tool struct {
			Driver struct {
				Name  string
				Rules []struct {
					ID, Name               string
					ShortDescription, Help struct{ Text string }
				}
			}
		}
		ColumnKind string
		Results    []result
		Properties struct {
			Reproducible bool
			Omitted      int
		}
	}
}

type result struct {
	RuleID    string
	RuleIndex int
	Level     string
	Message   struct{ Text string }
	Locations []struct {
		PhysicalLocation struct {
			ArtifactLocation struct{ URI string }
			Region           struct{ StartLine int }
		}
	}
	PartialFingerprints map[string]string
}

func TestSARIFKeepsTheRules(t *testing.T) {
	for name, r := range results() {
		t.Run(name, func(t *testing.T) {
			var l log
			dec := json.NewDecoder(bytes.NewReader(render(t, ci.SARIF, r)))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&l); err != nil {
				t.Fatal(err)
			}
			if l.Version != "2.1.0" || !strings.HasSuffix(l.Schema, "sarif-2.1.0.json") || len(l.Runs) != 1 || l.Runs[0].Tool.Driver.Name == "" || l.Runs[0].ColumnKind != "unicodeCodePoints" {
				t.Fatalf("%+v", l)
			}
			run := l.Runs[0]
			ids := map[string]bool{}
			for _, rule := range run.Tool.Driver.Rules {
				if rule.ID == "" || rule.Name == "" || rule.ShortDescription.Text == "" || rule.Help.Text == "" || ids[rule.ID] {
					t.Errorf("rule %+v", rule)
				}
				ids[rule.ID] = true
			}
			if len(run.Results) > 5000 || len(ids) > 27 {
				t.Errorf("%d results, %d rules", len(run.Results), len(ids))
			}
			bad := 0
			for _, x := range run.Results {
				check(t, x)
				if x.RuleIndex >= len(run.Tool.Driver.Rules) || run.Tool.Driver.Rules[x.RuleIndex].ID != x.RuleID {
					t.Fatalf("rule %d is not %s", x.RuleIndex, x.RuleID)
				}
				if x.Level == "error" {
					bad++
				}
			}
			if r.Reproducible != (bad == 0) || run.Properties.Reproducible != r.Reproducible {
				t.Errorf("%d errors, reproducible %v", bad, r.Reproducible)
			}
		})
	}
}

func check(t *testing.T, x result) {
	t.Helper()
	if x.Level != "error" && x.Level != "warning" || x.Message.Text == "" || len(x.Locations) != 1 || len(x.PartialFingerprints) != 1 {
		t.Fatalf("%+v", x)
	}
	at := x.Locations[0].PhysicalLocation
	u, err := url.Parse(at.ArtifactLocation.URI)
	if err != nil || u.IsAbs() || u.Host != "" || u.Path == "" || strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "../") || u.RawQuery != "" || u.Fragment != "" || at.Region.StartLine < 1 {
		t.Fatalf("%v: %+v", err, at)
	}
	if strings.ContainsFunc(x.Message.Text, func(r rune) bool { return r < 0x20 || r == 0x202e }) {
		t.Errorf("%q", x.Message.Text)
	}
}

// TestFingerprintsAreStable: the same differences, with other values, offsets and lines, are the same to whoever counts them.
func TestFingerprintsAreStable(t *testing.T) {
	prints := func(r report.Result) (out []string) {
		var l log
		if err := json.Unmarshal(render(t, ci.SARIF, r), &l); err != nil {
			t.Fatal(err)
		}
		for _, x := range l.Runs[0].Results {
			out = append(out, x.PartialFingerprints["selfsame/v1"])
		}
		return out
	}
	first, later := prints(reporttest.Rich()), reporttest.Rich()
	for i := range later.Findings {
		f := &later.Findings[i]
		f.Line, f.Layer, f.Values, f.Hunks, f.Summary, f.Offset = f.Line+3, f.Layer+1, nil, nil, "other", nil
		f.Step = "[build 3/9] " + f.Step
	}
	if diff := cmp.Diff(first, prints(later)); diff != "" {
		t.Error(diff)
	}
	seen := map[string]bool{}
	for _, p := range first {
		if seen[p] {
			t.Error("two findings have one fingerprint")
		}
		seen[p] = true
	}
}

func TestJUnitIsXML(t *testing.T) {
	for name, r := range results() {
		text := render(t, ci.JUnit, r)
		dec, failures := xml.NewDecoder(bytes.NewReader(text)), 0
		for {
			token, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if s, ok := token.(xml.StartElement); ok && s.Name.Local == "failure" {
				failures++
			}
		}
		if r.Reproducible != (failures == 0) {
			t.Errorf("%s: %d failures", name, failures)
		}
		if bytes.ContainsRune(text, '\ufffd') {
			t.Errorf("%s: a character was lost", name)
		}
		if len(text) > 20<<20 {
			t.Errorf("%s: %d MB", name, len(text)>>20)
		}
	}
}
