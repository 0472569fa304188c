package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/internal/diag"
)

const (
	verdictCol  = 52 // column of "exit 13"
	maxFindings = 6  // findings of the first differing layer that the text shows
	maxColumn   = 40 // runes of the path column
	maxPath     = 200
)

// JSON writes r as indented JSON with a final newline. Lists are never null.
func JSON(w io.Writer, r Result) error {
	r.SchemaVersion = SchemaVersion
	if r.Platforms == nil {
		r.Platforms = map[string]string{}
	}
	if r.Axes == nil {
		r.Axes = []string{}
	}
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("encoding the report: %w", err)
	}
	_, err := w.Write(buf.Bytes())
	return err
}

// Text writes the verdict for people: the warnings, then Summary or Mismatch.
func Text(w io.Writer, r Result) error {
	if err := Warnings(w, r); err != nil {
		return err
	}
	if r.Reproducible {
		return Summary(w, r)
	}
	return Mismatch(w, r)
}

// Mismatch writes why r is not reproducible: the first layer that differs in each platform with its step, files and both
// values, the later layers by their counts, where both results are, and what to do next.
func Mismatch(w io.Writer, r Result) error {
	t := &text{}
	t.line("%-*s  exit %d", verdictCol-2, "not reproducible: "+headline(r), diag.ExitNotReproducible)
	for _, c := range r.Compared {
		if c.Level == string(compare.LevelManifest) {
			continue
		}
		if len(r.Compared) > 1 {
			t.line("  %s: %s", Escape(c.Platform), differs(c))
		}
		t.platform(r, c)
	}
	if r.Omitted > 0 {
		t.line("  %s not listed", plural(r.Omitted, "more difference"))
	}
	t.experiment(r.Experiment)
	t.patches(r.Patches)
	t.line("  = help: %s", help(r))
	t.files(r.Files)
	return t.to(w)
}

// experiment says what running the step again has shown.
func (t *text) experiment(e *Experiment) {
	if e == nil {
		return
	}
	t.line("  experiment  %s", e.Verdict)
	for i, r := range e.Runs {
		varied, same := "nothing", "equal"
		if i == 0 {
			same = "first"
		}
		if len(r.Varied) > 0 {
			varied = strings.Join(r.Varied, ", ")
		}
		if !r.Equal {
			same = "differs"
		}
		t.line("    %-8s %5.1f s  varied: %s", same, r.Seconds, varied)
	}
}

// patches shows the remedies that were tried, as unified diffs.
func (t *text) patches(list []Patch) {
	for _, p := range list {
		state := "not verified"
		if p.Verified {
			state = "verified: the step was built twice with it and came out the same"
		}
		t.line("  fix (%s): %s", state, p.Note)
		for _, l := range strings.Split(strings.TrimSuffix(p.Diff, "\n"), "\n") {
			t.line("    %s", strings.ReplaceAll(Escape(l), `\\`, `\`))
		}
	}
}

func help(r Result) string {
	for _, p := range r.Patches {
		if p.Verified && strings.HasSuffix(r.Next, "--write") {
			return "run `" + r.Next + "`, which makes this change, then lock again"
		}
	}
	if r.Next != "" {
		return "run `" + r.Next + "`"
	}
	for _, f := range r.Findings {
		if f.Severity == "error" && f.Fix != "" {
			return f.Fix
		}
	}
	code := diag.CodeNotReproducible
	if encodingOnly(r) {
		code = diag.CodeEncodingDiffers
	}
	return fmt.Sprintf("run `selfsame explain %s`", code)
}

func encodingOnly(r Result) bool {
	for _, c := range r.Compared {
		if c.Level == string(compare.LevelDifferent) {
			return false
		}
	}
	return len(r.Compared) > 0
}

func headline(r Result) string {
	if len(r.Compared) == 0 {
		return "nothing was compared"
	}
	var bad []Compared
	for _, c := range r.Compared {
		if c.Level != string(compare.LevelManifest) {
			bad = append(bad, c)
		}
	}
	if len(r.Compared) == 1 && len(bad) == 1 {
		return differs(bad[0])
	}
	all, differing := platforms(r.Compared), platforms(bad)
	if differing == 0 {
		return "all platforms equal, the index differs"
	}
	return fmt.Sprintf("%d of %s %s", differing, plural(all, "platform"), verb(differing))
}

// platforms counts without the index.
func platforms(list []Compared) int {
	n := 0
	for _, c := range list {
		if c.Platform != compare.IndexPlatform {
			n++
		}
	}
	return n
}

// differs is one platform's verdict in a phrase.
func differs(c Compared) string {
	total, n := max(c.LayersA, c.LayersB), len(c.Differing)
	switch {
	case c.Platform == compare.IndexPlatform:
		return "the index itself differs"
	case c.A == "" && c.B != "":
		return "only in B"
	case c.B == "" && c.A != "":
		return "only in A"
	case c.Level == string(compare.LevelContent) && n == 0:
		return "content equal, the manifest's encoding differs"
	case c.Level == string(compare.LevelContent):
		return fmt.Sprintf("content equal, encoding of %d of %s differs", n, plural(total, "layer"))
	case n == 0:
		return "layers equal, manifest or config differs"
	}
	return fmt.Sprintf("%d of %s %s", n, plural(total, "layer"), verb(n))
}

func verb(n int) string {
	if n == 1 {
		return "differs"
	}
	return "differ"
}

// text collects lines.
type text struct{ buf bytes.Buffer }

func (t *text) line(format string, args ...any) {
	t.buf.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " "))
	t.buf.WriteByte('\n')
}

func (t *text) to(w io.Writer) error {
	_, err := w.Write(t.buf.Bytes())
	return err
}
