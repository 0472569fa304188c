// Package ci writes a report.Result in the formats in which services show what a job found: SARIF beside the lines of the recipe,
// JUnit as a list of tests. Both are functions of the Result alone, and what came out of an image is escaped in them.
package ci

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/selfsame-build/selfsame/report"
)

// maxResults is how many results the file has: GitHub takes 5,000 and shows those that weigh most.
const maxResults = 5000

// maxMessage bounds a message, in runes.
const maxMessage = 1000

// SARIF is r as a log of SARIF 2.1.0. Every result stands on a line of the recipe or the Dockerfile, because services drop those that
// stand nowhere; where the line is not known it is the first.
func SARIF(r report.Result) ([]byte, error) {
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "selfsame", Rules: []sarifRule{}}
	rules, otherwise := map[string]int{}, fallback(r)
	for i, f := range complete(r) {
		if i == maxResults {
			break
		}
		id := ruleID(f)
		at, ok := rules[id]
		if !ok {
			at = len(rules)
			rules[id] = at
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, rule(id))
		}
		run.Results = append(run.Results, result(f, id, at, otherwise))
	}
	run.Properties = sarifRunProperties{Reproducible: r.Reproducible, Omitted: r.Omitted + max(0, len(r.Findings)-maxResults)}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}}); err != nil {
		return nil, fmt.Errorf("encoding SARIF: %w", err)
	}
	return buf.Bytes(), nil
}

const notCompared = "not reproducible: not every image of A has one of B that was compared with it"

// complete is r's findings, and one more where the verdict is bad and no finding says why: a log without results would read as a success.
func complete(r report.Result) []report.Finding {
	if !r.Reproducible && !slices.ContainsFunc(r.Findings, func(f report.Finding) bool { return f.Severity != "warning" }) {
		return append([]report.Finding{{Severity: "error", Path: firstText(r.Name, "images"), Summary: notCompared}}, r.Findings...)
	}
	return r.Findings
}

// fallback is the file of a result whose own is not known: one that another finding or step names.
func fallback(r report.Result) string {
	for _, f := range r.Findings {
		if f.File != "" {
			return f.File
		}
	}
	for _, s := range r.Timeline {
		if s.File != "" {
			return s.File
		}
	}
	return "recipe.yaml"
}

func result(f report.Finding, id string, at int, otherwise string) sarifResult {
	file, line := f.File, f.Line
	if file == "" {
		file, line = otherwise, 1
	}
	out := sarifResult{RuleID: id, RuleIndex: at, Level: level(f.Severity), Message: sarifText{Text: message(f)},
		PartialFingerprints: map[string]string{"selfsame/v1": fingerprint(f)}}
	where := sarifLocation{}
	where.PhysicalLocation.ArtifactLocation.URI = relative(file)
	where.PhysicalLocation.Region.StartLine = max(1, line)
	out.Locations = []sarifLocation{where}
	return out
}

func level(severity string) string {
	if severity == "warning" {
		return "warning"
	}
	return "error"
}

func message(f report.Finding) string {
	where := f.Path
	if f.Within != "" {
		where += " > " + f.Within
	}
	parts := []string{fmt.Sprintf("%s (%s): %s", where, layerName(f.Layer), f.Summary)}
	if f.Evidence != "" {
		parts = append(parts, "Evidence: "+f.Evidence)
	}
	if f.Fix != "" {
		parts = append(parts, "Fix: "+f.Fix)
	}
	if f.More > 0 {
		parts = append(parts, fmt.Sprintf("%d more like this one.", f.More))
	}
	return bounded(strings.Join(parts, ". "))
}

func layerName(n int) string {
	if n == 0 {
		return "manifest or config"
	}
	return fmt.Sprintf("layer %d", n)
}

func bounded(s string) string {
	if len(s) > 8*maxMessage { // no use in looking at what is cut; half a rune at the end is cut too
		s = s[:8*maxMessage]
	}
	s = report.Visible(s)
	if r := []rune(s); len(r) > maxMessage {
		return string(r[:maxMessage]) + "..."
	}
	return s
}

// relative is a file's name as a relative URI reference, in which no name can be taken for a scheme, a host or a parent.
func relative(file string) string {
	clean := strings.TrimPrefix(path.Clean("/"+file), "/")
	parts := strings.Split(clean, "/")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(url.PathEscape(p), ":", "%3A")
	}
	return strings.Join(parts, "/")
}
