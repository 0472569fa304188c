package docs

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/builder"
	"github.com/selfsame-build/selfsame/guard/agent"
	"github.com/selfsame-build/selfsame/guard/breakglass"
	"github.com/selfsame-build/selfsame/guard/doctor"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/rebuild"
	"github.com/selfsame-build/selfsame/recipes/lock"
	"github.com/selfsame-build/selfsame/report"
	"github.com/selfsame-build/selfsame/verify"
	"github.com/selfsame-build/selfsame/verify/drill"
)

func reference(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("reference/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestLockPage reads the page's example as a lock, and looks for every kind and column.
func TestLockPage(t *testing.T) {
	text := reference(t, "lock.md")
	n := 0
	for _, b := range blocks("lock.md", text) {
		if b.info != "lock" {
			continue
		}
		n++
		l, err := lock.Parse([]byte(b.body))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b.body, string(l.Format())); diff != "" {
			t.Errorf("the page's lock is written differently (-page +code):\n%s", diff)
		}
		if len(l.Entries) < 3 {
			t.Errorf("the page's lock has %d inputs; show a few", len(l.Entries))
		}
	}
	if n != 1 {
		t.Errorf("found %d locks", n)
	}
	var rows []string
	for _, k := range lock.Kinds() {
		rows = append(rows, "| `"+string(k)+"` |")
	}
	for _, f := range fields(reflect.TypeFor[lock.Entry]()) {
		rows = append(rows, "| "+strings.ToLower(f)+" |")
	}
	for _, r := range rows {
		if !strings.Contains(text, r) {
			t.Errorf("lock.md has no row %q", r)
		}
	}
}

// TestJSONPage compares each section's rows with the fields of the type behind it.
func TestJSONPage(t *testing.T) {
	text := reference(t, "json.md")
	for section, typ := range map[string]reflect.Type{
		"drill": reflect.TypeFor[drill.Result](), "list of a drill": reflect.TypeFor[drill.List](), "steps[] of a drill": reflect.TypeFor[drill.Step](),
		"build and diff": reflect.TypeFor[report.Result](), "notApplied[]": reflect.TypeFor[report.NotApplied](),
		"notApplied[].steps[]": reflect.TypeFor[report.NotAppliedStep](),
		"findings[]":           reflect.TypeFor[report.Finding](), "findings[].values[]": reflect.TypeFor[report.Values](),
		"findings[].hunks[]": reflect.TypeFor[report.Hunk](), "timeline[]": reflect.TypeFor[report.Span](),
		"experiment": reflect.TypeFor[report.Experiment](), "experiment.runs[]": reflect.TypeFor[report.Trial](), "patches[]": reflect.TypeFor[report.Patch](),
		"compared[]": reflect.TypeFor[report.Compared](), "compared[].differing[]": reflect.TypeFor[report.Layer](),
		"build": reflect.TypeFor[report.Build](), "files": reflect.TypeFor[report.Files](),
		"verify": reflect.TypeFor[verify.Result](), "lists[]": reflect.TypeFor[verify.List](), "subjects[]": reflect.TypeFor[verify.Subject](),
		"subjects[].checks[]": reflect.TypeFor[verify.Check](), "evidence[]": reflect.TypeFor[verify.Evidence](), "ignored[]": reflect.TypeFor[verify.Ignored](),
		"audit": reflect.TypeFor[rebuild.Result](), "line of a watch": reflect.TypeFor[rebuild.Line](), "audit of another tool's image": reflect.TypeFor[rebuild.Foreign](),
		"container of ps": reflect.TypeFor[agent.Running](), "statement of break-glass": reflect.TypeFor[breakglass.Grant](),
		"findings of the guard's doctor": reflect.TypeFor[doctor.Finding](), "decision": reflect.TypeFor[engine.Decision](),
		"policy": reflect.TypeFor[policy.Verdict](), "verdict that was handed on": reflect.TypeFor[policy.HandedOn](),
		"findings[] of check": reflect.TypeFor[diag.Diagnostic](),
	} {
		_, after, ok := strings.Cut(text, "\n## "+section+"\n")
		if !ok {
			t.Errorf("json.md has no section %q", section)
			continue
		}
		body, _, _ := strings.Cut(after, "\n## ")
		var shown []string
		for _, l := range strings.Split(body, "\n") {
			if name, ok := strings.CutPrefix(l, "| `"); ok {
				name, _, _ = strings.Cut(name, "`")
				shown = append(shown, name)
			}
		}
		if diff := cmp.Diff(fields(typ), shown); diff != "" {
			t.Errorf("json.md, section %q (-code +page):\n%s", section, diff)
		}
	}
	for _, f := range fields(reflect.TypeFor[builder.Check]()) {
		if !strings.Contains(text, "`"+f+"`") {
			t.Errorf("json.md does not name doctor's %q", f)
		}
	}
}

// TestClassesOnPages: each class of a decision is where people look for it, in the log's page and in the metric's.
func TestClassesOnPages(t *testing.T) {
	classes := regexp.MustCompile(`Class\w+ +Class = "([a-z-]+)"`).FindAllStringSubmatch(sources(t, "guard/engine", false), -1)
	if len(classes) < 10 {
		t.Fatalf("found %d classes; this test would prove nothing", len(classes))
	}
	_, log, _ := strings.Cut(reference(t, "json.md"), "\n| `class` | why, in a word")
	log, _, _ = strings.Cut(log, "\n")
	_, metric, _ := strings.Cut(reference(t, "guard-metrics.md"), "\n| `selfsame_verify_total`")
	metric, _, _ = strings.Cut(metric, "\n")
	for _, c := range classes {
		if !strings.Contains(log, "`"+c[1]+"`") {
			t.Errorf("json.md, decision: class leaves out %q", c[1])
		}
		if !regexp.MustCompile(`[ ,]` + c[1] + `[,.]`).MatchString(metric) {
			t.Errorf("guard-metrics.md: the reasons of selfsame_verify_total leave out %q", c[1])
		}
	}
}

// fields are the names of a struct's fields in JSON, in order; without a tag the field's own.
func fields(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case !f.IsExported() || name == "-":
		case f.Anonymous && name == "":
			out = append(out, fields(f.Type)...)
		case name == "":
			out = append(out, f.Name)
		default:
			out = append(out, name)
		}
	}
	return out
}
