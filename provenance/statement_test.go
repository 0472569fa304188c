package provenance

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/recipes/lock"
)

var update = flag.Bool("update", false, "rewrite golden files and the example in the documentation")

func statements(t *testing.T, b Build) []Subjected {
	t.Helper()
	out, err := Statements(b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestStatementsAreOneForEachManifestAndKind(t *testing.T) {
	type row struct {
		Subject digest.Digest
		Type    string
	}
	var got []row
	for _, s := range statements(t, fixture()) {
		got = append(got, row{s.Subject.Digest, s.PredicateType})
		parsed, err := Parse(s.Payload)
		if err != nil {
			t.Fatal(err)
		}
		want := []Subject{{Name: "registry.example.com/team/shop", Digest: map[string]string{"sha256": s.Subject.Digest.Encoded()}}}
		if diff := cmp.Diff(want, parsed.Subject); diff != "" {
			t.Errorf("subject (-want +got):\n%s", diff)
		}
	}
	want := []row{
		{sum("index"), PredicateProvenance}, {sum("index"), PredicateRebuild},
		{sum("amd64"), PredicateProvenance}, {sum("amd64"), PredicateRebuild},
		{sum("arm64"), PredicateProvenance}, {sum("arm64"), PredicateRebuild},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statements (-want +got):\n%s", diff)
	}
}

// The same build in another order of its parts must give the same bytes, since the bytes are what is signed.
func TestStatementsDoNotDependOnOrder(t *testing.T) {
	a := statements(t, fixture())
	for range 20 { // maps are ranged over in another order each time
		b := fixture()
		slices.Reverse(b.Images)
		slices.Reverse(b.Lock.Entries)
		if diff := cmp.Diff(a, statements(t, b)); diff != "" {
			t.Fatalf("bytes moved (-first +second):\n%s", diff)
		}
	}
}

// Golden: what is written today must be read by yesterday's verifiers, so a change of these bytes is a decision.
func TestStatementsGolden(t *testing.T) {
	for i, name := range []string{"provenance.json", "rebuild.json"} {
		got := indent(t, statements(t, fixture())[i].Payload)
		path := "testdata/" + name
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// The documentation's examples are the golden files, word for word.
func TestDocumentationShowsTheGoldenFiles(t *testing.T) {
	const page = "../docs/reference/buildtype.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"provenance.json", "rebuild.json"} {
		golden, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		begin, end := "<!-- example "+name+" -->\n```json\n", "```\n<!-- end -->\n"
		_, rest, ok := strings.Cut(string(text), begin)
		shown, _, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Fatalf("%s has no example of %s", page, name)
		}
		if *update {
			text = []byte(strings.Replace(string(text), begin+shown+end, begin+string(golden)+end, 1))
			continue
		}
		if diff := cmp.Diff(string(golden), shown); diff != "" {
			t.Errorf("%s shows another %s (-golden +page):\n%s", page, name, diff)
		}
	}
	if *update {
		if err := os.WriteFile(page, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func indent(t *testing.T, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		t.Fatal(err)
	}
	return append(b.Bytes(), '\n')
}

func TestNothingSecretInProvenance(t *testing.T) {
	for _, s := range statements(t, fixture()) {
		for _, word := range []string{"secret", "user:"} {
			if bytes.Contains(s.Payload, []byte(word)) {
				t.Errorf("%s bears %q, from the user information of a URL", s.PredicateType, word)
			}
		}
	}
}

func TestStatementsRefuseWhatIsNoProof(t *testing.T) {
	cases := map[string]struct {
		spoil func(*Build)
		want  string
	}{
		"index differs":        {func(b *Build) { b.IndexTwin = sum("other") }, "twins differ"},
		"index not compared":   {func(b *Build) { b.IndexTwin = "" }, "twins differ"},
		"platform differs":     {func(b *Build) { b.Images[1].Twin = sum("other") }, "twins differ on linux/amd64"},
		"no platform":          {func(b *Build) { b.Images = nil }, "no platform"},
		"platform twice":       {func(b *Build) { b.Images[0].Platform = "linux/amd64" }, "there twice"},
		"no axis measured":     {func(b *Build) { b.Axes[0].State = AxisApplied }, "no axis was seen"},
		"axis equal":           {func(b *Build) { b.Axes[0].B = b.Axes[0].A }, "both sides saw"},
		"axis without reason":  {func(b *Build) { b.Axes[2].Reason = "" }, "no reason"},
		"axis twice":           {func(b *Build) { b.Axes[1].Name = "clock" }, "there twice"},
		"axis state unknown":   {func(b *Build) { b.Axes[1].State = "hoped" }, "unknown state"},
		"one twin":             {func(b *Build) { b.Twins = b.Twins[:1] }, "two twins"},
		"twins of one name":    {func(b *Build) { b.Twins[1].Name = "A" }, "two twins"},
		"name with tag":        {func(b *Build) { b.Name = "registry.example.com:5000/shop:v1" }, "tag or digest"},
		"name with digest":     {func(b *Build) { b.Name = "shop@sha256:00" }, "tag or digest"},
		"name too long":        {func(b *Build) { b.Name = strings.Repeat("a", 1025) }, "too long"},
		"name not text":        {func(b *Build) { b.Name = "a\xff" }, "not valid text"},
		"no name":              {func(b *Build) { b.Name = "" }, "no name"},
		"upper-case digest":    {func(b *Build) { b.Recipe.Digest = digest.Digest(strings.ToUpper(string(b.Recipe.Digest))) }, "recipe"},
		"sha512":               {func(b *Build) { b.Lock.Digest = digest.Digest("sha512:" + strings.Repeat("ab", 64)) }, "lock"},
		"recipe content other": {func(b *Build) { b.Recipe.Content = []byte("another") }, "recipe's content"},
		"lock content other":   {func(b *Build) { b.Lock.Content = []byte("another") }, "lock's content"},
		"lock entry no digest": {func(b *Build) { b.Lock.Entries[2].Digest = "" }, "debian:13-slim"},
		"no context":           {func(b *Build) { b.Source.Context = "" }, "context"},
		"no source":            {func(b *Build) { b.Source.Git = "" }, "source"},
		"no builder":           {func(b *Build) { b.BuilderID = "" }, "builder"},
		"no version":           {func(b *Build) { b.Settings.BuildKit = "" }, "BuildKit"},
		"independence":         {func(b *Build) { b.Independence = "other-planet" }, "independence"},
		"time runs backwards":  {func(b *Build) { b.Finished = b.Started.Add(-1) }, "before it started"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := fixture()
			c.spoil(&b)
			out, err := Statements(b)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			if out != nil {
				t.Error("statements came with the error")
			}
		})
	}
	if _, err := Statements(fixture()); err != nil {
		t.Errorf("the unspoiled build: %v", err)
	}
}

func TestNameMayHaveAPort(t *testing.T) {
	b := fixture()
	b.Name = "localhost:5000/shop"
	statements(t, b)
}

func TestRebuildStatementRefusesANegativeResult(t *testing.T) {
	b := fixture()
	r := b.rebuild(b.subjects()[0])
	r.Result = "mismatch"
	if _, err := RebuildStatement(b.Name, b.Index, r); err == nil {
		t.Error("a mismatch became a statement for the release key")
	}
	r.Result, r.Original.Digest = ResultMatch, digestSet(sum("other"))
	if _, err := RebuildStatement(b.Name, b.Index, r); err == nil {
		t.Error("a rebuild of another image became a statement about this one")
	}
}

func TestSBOMStatement(t *testing.T) {
	s, err := SBOMStatement("shop", manifest("amd64"), []byte(`{"spdxVersion":"SPDX-2.3"}`))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := Parse(s.Payload)
	if err != nil {
		t.Fatal(err)
	}
	if parsed.PredicateType != PredicateSPDX || string(parsed.Predicate) != `{"spdxVersion":"SPDX-2.3"}` {
		t.Errorf("got %s %s", parsed.PredicateType, parsed.Predicate)
	}
	if _, err := SBOMStatement("shop", manifest("amd64"), []byte(`[]`)); err == nil {
		t.Error("a predicate that is no object was wrapped")
	}
}

// A lock of 50,000 lines, the lock itself in the statement too, stays below what every reader of ours takes.
func TestStatementOfFiftyThousandInputs(t *testing.T) {
	const n = 50_000
	b := fixture()
	b.Images, b.Lock.Entries = b.Images[:1], nil
	for i := range n {
		key := fmt.Sprintf("https://files.example.com/packages/source/s/some-package-%d/some_package-1.2.3.tar.gz", i)
		b.Lock.Entries = append(b.Lock.Entries, lock.Entry{Kind: lock.KindResponse, Platform: "linux/amd64", Step: "Dockerfile:5", Digest: sum(key), Key: key, PURL: fmt.Sprintf("pkg:generic/some-package-%d@1.2.3", i), Evidence: "package-lock.json:sha512"})
	}
	l := lock.Lock{Entries: b.Lock.Entries}
	b.Lock.Content = l.Format()
	b.Lock.Digest = l.Digest()
	all, err := Statements(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		parsed, err := Parse(s.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if parsed.PredicateType != PredicateProvenance {
			continue
		}
		t.Logf("%d MiB", len(s.Payload)>>20)
		p, err := parsed.Provenance()
		if err != nil || len(p.BuildDefinition.ResolvedDependencies) < n {
			t.Errorf("%d dependencies, %v", len(p.BuildDefinition.ResolvedDependencies), err)
		}
		return // the others are the same but for their subject
	}
	t.Error("no provenance")
}
