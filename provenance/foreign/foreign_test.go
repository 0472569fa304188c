package foreign

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

// The files of testdata are what BuildKit v0.34.2 wrote for one build: two stages, one step with a network and one without, from folders of the
// machine (buildctl build --opt attest:provenance=mode=M,version=V).

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func kinds(list []Lack) []string {
	var out []string
	for _, l := range list {
		out = append(out, l.What)
	}
	return out
}

// TestWhatBuildKitWrites: both versions say the same, in either mode.
func TestWhatBuildKitWrites(t *testing.T) {
	most := []string{"context", "context", "epoch", "network", "completeness", "exporter"}
	least := []string{"mode", "context", "context", "epoch", "completeness", "completeness", "exporter"}
	for name, c := range map[string]struct {
		version string
		steps   int
		lacks   []string
	}{"v0.2-max.json": {"v0.2", 6, most}, "v0.2-min.json": {"v0.2", 0, least}, "v1-max.json": {"v1", 6, most}, "v1-min.json": {"v1", 0, least}} {
		b, err := Parse(read(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if b.Version != c.version || b.Steps != c.steps || b.Platform != "linux/amd64" || b.Frontend != "dockerfile.v0" || !reflect.DeepEqual(b.Locals, []string{"context", "dockerfile"}) {
			t.Errorf("%s: %+v", name, b)
		}
		if got := b.Lacks(); !reflect.DeepEqual(kinds(got), c.lacks) || Complete(got) {
			t.Errorf("%s lacks %v, want %v", name, got, c.lacks)
		}
		if len(b.digests) != 1 || !b.About(b.digests[0]["sha256"]) || b.About(strings.Repeat("0", 64)) {
			t.Errorf("%s: it is about something else than it says: %v", name, b.digests)
		}
	}
}

// whole is provenance in which nothing is missing.
const whole = `{"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://slsa.dev/provenance/v0.2",
 "subject": [{"name": "x", "digest": {"sha256": "9bbc0d369ffe06d6ac37d609cdcb31f9d49b3339455f8282ee7ad10e67853f73"}}], "predicate": {
 "builder": {"id": "b"}, "buildType": "https://mobyproject.org/buildkit@v1",
 "materials": [{"uri": "pkg:docker/alpine@3", "digest": {"sha256": "9bbc0d369ffe06d6ac37d609cdcb31f9d49b3339455f8282ee7ad10e67853f73"}}],
 "invocation": {"configSource": {"uri": "https://git.example.com/x.git#main", "digest": {"sha1": "9bbc0d369ffe06d6ac37d609cdcb31f9d49b3339"}, "entryPoint": "Dockerfile"},
  "parameters": {"frontend": "dockerfile.v0", "args": {"build-arg:SOURCE_DATE_EPOCH": "1"}}, "environment": {"platform": "linux/amd64"}},
 "buildConfig": {"llbDefinition": [{"id": "step0", "op": {"Op": {"exec": {"meta": {"args": ["/bin/sh", "-c", "make"]}, "network": 2}}}}]},
 "metadata": {"completeness": {"parameters": true, "materials": true}}}}`

// TestLacks takes one thing after the other away from provenance that has all.
func TestLacks(t *testing.T) {
	if b, err := Parse([]byte(whole)); err != nil || !Complete(b.Lacks()) {
		t.Fatalf("%v, %v", b.Lacks(), err)
	}
	for want, change := range map[string][2]string{
		"source no commit":                   {`"sha1": "9bbc0d369ffe06d6ac37d609cdcb31f9d49b3339"`, `"sha1": "9bbc"`},
		"source it does not say":             {`"uri": "https://git.example.com/x.git#main", `, ``},
		"epoch SOURCE_DATE_EPOCH":            {`SOURCE_DATE_EPOCH`, `X`},
		"network a step had a network":       {`, "network": 2`, ``},
		"network a step had a network, and":  {`"network": 2`, `"network": 1`},
		"privileges a step had":              {`"network": 2`, `"network": 2, "security": 1`},
		"material it is named":               {`{"sha256": "9bbc0d369ffe06d6ac37d609cdcb31f9d49b3339455f8282ee7ad10e67853f73"}}],` + "\n" + ` "invocation"`, `{"md5": "00"}}],` + "\n" + ` "invocation"`},
		"mode the steps":                     {`"llbDefinition"`, `"x"`},
		"secret a secret":                    {`"frontend": "dockerfile.v0"`, `"frontend": "dockerfile.v0", "secrets": [{"id": "npm"}]`},
		"secret an ssh":                      {`"frontend": "dockerfile.v0"`, `"frontend": "dockerfile.v0", "ssh": [{"id": "default"}]`},
		"frontend an image":                  {`"frontend": "dockerfile.v0", "args": {`, `"frontend": "gateway.v0", "args": {"source": "docker/dockerfile:1", `},
		"frontend it does not":               {`"frontend": "dockerfile.v0", `, ``},
		"frontend the build":                 {`"frontend": "dockerfile.v0"`, `"frontend": "dockerfile.v0", "inputs": {"a": {}}`},
		"context the folder":                 {`"frontend": "dockerfile.v0"`, `"frontend": "dockerfile.v0", "locals": [{"name": "context"}]`},
		"completeness by its own word, the ": {`"materials": true`, `"materials": false`},
	} {
		text := strings.Replace(whole, change[0], change[1], 1)
		if text == whole {
			t.Errorf("%s: nothing was changed", want)
			continue
		}
		b, err := Parse([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		list := b.Lacks()
		what, detail, _ := strings.Cut(want, " ")
		if len(list) != 2 || list[0].What != what || !strings.HasPrefix(list[0].Detail, strings.TrimSpace(detail)) || Complete(list) {
			t.Errorf("%s: %v", want, list)
		}
	}
}

// TestStrangers: what is malformed, ambiguous or too large is refused, and no text of a stranger's gets to a terminal as it is.
func TestStrangers(t *testing.T) {
	for name, text := range map[string]string{
		"cut off":                "{",
		"another's build type":   strings.Replace(whole, "buildkit@v1", "buildkit@v9", 1),
		"another predicate type": strings.Replace(whole, "provenance/v0.2", "provenance/v0.1", 1),
		"no subject":             strings.Replace(whole, `{"name": "x", "digest": {"sha256": "9bbc0d369ffe06d6ac37d609cdcb31f9d49b3339455f8282ee7ad10e67853f73"}}`, ``, 1),
		"a key twice":            strings.Replace(whole, `"frontend": "dockerfile.v0"`, `"frontend": "dockerfile.v0", "frontend": "gateway.v0"`, 1),
		"a key in another case":  strings.Replace(whole, `"frontend"`, `"Frontend"`, 1),
		"deep":                   strings.Replace(whole, `"id": "b"`, `"id": "b", "x": `+strings.Repeat("[", 9000)+strings.Repeat("]", 9000), 1),
		"many values":            strings.Replace(whole, `"id": "b"`, `"id": "b", "x": [`+strings.Repeat("0,", 600_000)+`0]`, 1),
		"too large":              strings.Replace(whole, `"id": "b"`, `"id": "`+strings.Repeat("b", MaxBytes)+`"`, 1),
	} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
	b, err := Parse([]byte(strings.Replace(whole, `"make"]}, "network": 2`, `"\u001b[31mevil`+strings.Repeat("x", 500)+`"]}`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if l := b.Lacks()[0]; strings.ContainsRune(l.Detail, 0x1b) || len(l.Detail) > 300 {
		t.Errorf("%q", l.Detail)
	}
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf(`{"uri": "u%d"}`, i))
	}
	b, err = Parse([]byte(strings.Replace(whole, `"materials": [`, `"materials": [`+strings.Join(many, ",")+",", 1)))
	if err != nil || len(b.Lacks()) != maxNamed+2 {
		t.Errorf("%d lacks, %v", len(b.Lacks()), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	for _, name := range []string{"v0.2-max.json", "v1-max.json", "v1-min.json"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := Parse(data)
		if err != nil {
			return
		}
		for _, l := range b.Lacks() {
			if strings.ContainsFunc(l.Detail, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Errorf("%q", l.Detail)
			}
		}
		if _, err := json.Marshal(b); err != nil {
			t.Error(err)
		}
	})
}

// TestImage reads package URLs as BuildKit writes them.
func TestImage(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	for uri, want := range map[string]string{
		"pkg:docker/alpine@3.19?platform=linux%2Famd64":                       "alpine linux/amd64",
		"pkg:docker/docker/dockerfile@1":                                      "docker/dockerfile ",
		"pkg:docker/127.0.0.1:5000/team/base@v1?platform=linux%2Farm64%2Fv8":  "127.0.0.1:5000/team/base linux/arm64/v8",
		"pkg:docker/localhost%3A5000/base?digest=sha256:00&platform=linux%2F": "localhost:5000/base linux/",
		"pkg:docker/@v1":                     "",
		"pkg:docker/%zz@v1":                  "",
		"pkg:docker/alpine@3?platform=%":     "",
		"pkg:generic/alpine@3":               "",
		"https://git.example.com/x.git#main": "",
	} {
		repository, platform, got, ok := Material{URI: uri, Digest: map[string]string{"sha256": sum}}.Image()
		if ok != (want != "") || ok && (repository+" "+platform != want || got != sum) {
			t.Errorf("%s: %q %q %q %v", uri, repository, platform, got, ok)
		}
	}
	if _, _, _, ok := (Material{URI: "pkg:docker/alpine@3", Digest: map[string]string{"sha1": sum}}).Image(); ok {
		t.Error("an image without a sha256")
	}
}
