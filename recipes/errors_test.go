package recipes

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flag"

	"github.com/google/go-cmp/cmp"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// edit is small with old replaced by new, and more behind it.
func edit(old, new, more string) string { return strings.Replace(small, old, new, 1) + more }

// stage is a recipe with one stage of the given keys.
func stage(keys string) string {
	return "recipe: v1\nname: shop\nplatforms: [linux/amd64]\nbuild:\n  stages:\n    - {name: a, from: scratch}\n    - {" + keys + "}\n"
}

func build(keys string) string { return edit("{dockerfile: Dockerfile}", "{"+keys+"}", "") }

func step(keys string) string { return stage("name: b, from: a, steps: [{" + keys + "}]") }

// refused is every rule with a recipe that breaks it, and it alone: the one code that must be reported, the line and text
// that must be pointed at, and a part of the help.
var refused = []struct {
	code  diag.Code
	under string
	text  string
	help  string
}{
	{diag.CodeRecipeEncoding, "5 \x00", small + "# \x00", "UTF-8"},
	{diag.CodeRecipeEncoding, "1 \ufeff", "\ufeff" + small, "UTF-8"},
	{diag.CodeRecipeEncoding, "2 �", edit("shop", "\xff\xfe", ""), "UTF-8"},
	{diag.CodeRecipeEncoding, "5 \u202e", small + "# \u202e", "escape"},
	{diag.CodeRecipeEncoding, "5 \u2066", small + "# \u2066", "escape"},
	{diag.CodeRecipeEncoding, "5 \u2028", small + "# \u2028", "escape"},
	{diag.CodeRecipeEncoding, "5 \r", small + "# \r x", "escape"},
	{diag.CodeRecipeEncoding, "5 \x1b", small + "# \x1b[2J", "escape"},
	{diag.CodeRecipeSyntax, "2 \t", "recipe: v1\n\tname: shop\n", "spaces"},
	{diag.CodeRecipeSyntax, "1", "recipe: v1\nname: [a\n", "unclosed"},
	{diag.CodeRecipeDocuments, "5", small + "---\n" + small, "file of its own"},
	{diag.CodeRecipeDocuments, "6", small + "...\nname: other\n", "remove"},
	{diag.CodeRecipeEmptyValue, "", "", "selfsame init"},
	{diag.CodeRecipeEmptyValue, "", "# only a comment\n", "selfsame init"},
	{diag.CodeRecipeWrongType, "1 just text", "just text\n", "selfsame init"},
	{diag.CodeRecipeWrongType, "1 -", "- a\n- b\n", "selfsame init"},
	{diag.CodeRecipeAlias, "2 &", edit("shop", "&n shop", ""), "repeat"},
	{diag.CodeRecipeAlias, "4 <", build("<<: {target: a}, dockerfile: Dockerfile"), "repeat"},
	{diag.CodeRecipeTag, "2 !", edit("shop", "!!str shop", ""), "remove"},
	{diag.CodeRecipeTag, "2 !", edit("shop", "!custom shop", ""), "remove"},
	{diag.CodeRecipeKeyType, "4 1", build("dockerfile: Dockerfile, args: {1: x}"), `"1"`},
	{diag.CodeRecipeKeyType, "4 true", build("dockerfile: Dockerfile, args: {true: x}"), `"true"`},
	{diag.CodeRecipeKeyType, "4 [", build("dockerfile: Dockerfile, args: {[a]: x}"), "quotes"},
	{diag.CodeRecipeKeyType, "4 ~", build("dockerfile: Dockerfile, args: {~: x}"), "\"~\""},
	{diag.CodeRecipeDuplicateKey, "5 name", small + "name: other\n", "remove line 2 or line 5"},
	{diag.CodeRecipeUnknownKey, "5 ouput", small + "ouput: {compression: gzip}\n", "did you mean `output`?"},
	{diag.CodeRecipeUnknownKey, "3 platform", edit("platforms:", "platform:", ""), "did you mean `platforms`?"},
	{diag.CodeRecipeUnknownKey, "5 zzz", small + "zzz: 1\n", "use one of recipe, name, platforms"},
	{diag.CodeRecipeUnknownKey, "4 dockerfle", build("dockerfle: Dockerfile"), "did you mean `dockerfile`?"},
	{diag.CodeRecipeWrongType, "3 linux/amd64", edit("[linux/amd64]", "linux/amd64", ""), "write `[linux/amd64]`"},
	{diag.CodeRecipeWrongType, "4 Dockerfile", edit("{dockerfile: Dockerfile}", "Dockerfile", ""), "dockerfile"},
	{diag.CodeRecipeWrongType, "2 name", edit("shop", "[shop]", ""), ""},
	{diag.CodeRecipeWrongType, "4 args", build("dockerfile: Dockerfile, args: [A=b]"), "NAME: value"},
	{diag.CodeRecipeUnquoted, "4 1.10", build("dockerfile: Dockerfile, args: {V: 1.10}"), `write "1.10"`},
	{diag.CodeRecipeUnquoted, "4 yes", build("dockerfile: Dockerfile, args: {V: yes}"), `write "yes"`},
	{diag.CodeRecipeUnquoted, "4 Off", build("dockerfile: Dockerfile, args: {V: Off}"), `write "Off"`},
	{diag.CodeRecipeUnquoted, "4 true", build("dockerfile: Dockerfile, args: {V: true}"), `write "true"`},
	{diag.CodeRecipeUnquoted, "4 2026-01-02", build("dockerfile: Dockerfile, args: {V: 2026-01-02}"), `write "2026-01-02"`},
	{diag.CodeRecipeUnquoted, "2 null", edit("shop", "null", ""), `write "null"`},
	{diag.CodeRecipeUnquoted, "7 0777", step("copy: {sources: [x], to: /x, mode: 0777}"), `write "0777"`},
	{diag.CodeRecipeEmptyValue, "2 name", edit(" shop", "", ""), "give it a value"},
	{diag.CodeRecipeEmptyValue, `2 ""`, edit("shop", `""`, ""), "give it a value"},
	{diag.CodeRecipeEmptyValue, "3 platforms", edit("[linux/amd64]", "[]", ""), ""},
	{diag.CodeRecipeEmptyValue, "4 args", build("dockerfile: Dockerfile, args: {}"), ""},
	{diag.CodeRecipeEmptyValue, "4 build", edit(" {dockerfile: Dockerfile}", "", ""), ""},
	{diag.CodeRecipeMissingKey, "1", edit("name: shop\n", "", ""), "add `name: shop`"},
	{diag.CodeRecipeMissingKey, "1", edit("platforms: [linux/amd64]\n", "", ""), "add `platforms: [linux/amd64]`"},
	{diag.CodeRecipeMissingKey, "1", edit("recipe: v1\n", "", ""), "add `recipe: v1`"},
	{diag.CodeRecipeMissingKey, "7 {", stage("name: b"), "add `from:`"},
	{diag.CodeRecipeMissingKey, "7 from", stage("name: b, from: {}"), "add `debian:`"},
	{diag.CodeRecipeTooDeep, "1 a", strings.Repeat("a: {", 40) + strings.Repeat("}", 40), ""},
	{diag.CodeRecipeTooDeep, "5 [", small + "x: [" + strings.Repeat("[],", strictyaml.MaxNodes) + "]\n", ""},
	{diag.CodeRecipeTooLarge, "", small + "#" + strings.Repeat(" ", maxBytes), ""},
	{diag.CodeRecipeInvisible, `4 "a\x1b[2J"`, build(`dockerfile: Dockerfile, args: {V: "a\x1b[2J"}`), "remove"},
	{diag.CodeRecipeInvisible, `4 "a\u202e"`, build(`dockerfile: Dockerfile, args: {V: "a\u202e"}`), "remove"},
	{diag.CodeRecipeInvisible, `4 "a\0"`, build(`dockerfile: Dockerfile, args: {V: "a\0"}`), "remove"},

	{diag.CodeRecipeVersion, "1 v2", edit("v1", "v2", ""), "v1"},
	{diag.CodeRecipeName, "2 Shop", edit("shop", "Shop", ""), ""},
	{diag.CodeRecipeName, "2 a--b", edit("shop", "a--b", ""), ""},
	{diag.CodeRecipeName, "2 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", edit("shop", strings.Repeat("a", 64), ""), ""},
	{diag.CodeRecipePlatform, "3 linux/x86_64", edit("linux/amd64", "linux/x86_64", ""), "write `linux/amd64`"},
	{diag.CodeRecipePlatform, "3 linux/arm64/v8", edit("linux/amd64", "linux/arm64/v8", ""), "write `linux/arm64`"},
	{diag.CodeRecipePlatform, "3 linux/arm", edit("linux/amd64", "linux/arm", ""), "write `linux/arm/v7`"},
	{diag.CodeRecipePlatform, "3 amd64", edit("linux/amd64", "amd64", ""), "linux/amd64"},
	{diag.CodeRecipePlatform, "3 aarch64", edit("linux/amd64", "aarch64", ""), "write `linux/arm64`"},
	{diag.CodeRecipePlatform, "3 windows/amd64", edit("linux/amd64", "windows/amd64", ""), "linux/amd64"},
	{diag.CodeRecipePlatform, "3 linux/amd64/v9", edit("linux/amd64", "linux/amd64/v9", ""), "one of"},
	{diag.CodeRecipeRepeated, "3 linux/amd64", edit("linux/amd64", "linux/amd64, linux/amd64", ""), "remove"},
	{diag.CodeRecipeSourceChoice, `5 "https://example.com/x"`, small + `source: {path: ., git: "https://example.com/x"}` + "\n", "remove"},
	{diag.CodeRecipeSourceChoice, "5 source", small + "source: {}\n", "path: ."},
	{diag.CodeRecipeRefWithoutGit, "5 main", small + "source: {path: ., ref: main}\n", "git:"},
	{diag.CodeRecipeRefWithoutGit, "5 main", small + "source: {ref: main}\n", "git:"},
	{diag.CodeRecipeGitURL, "5 /srv/repo", small + "source: {git: /srv/repo}\n", "https://"},
	{diag.CodeRecipeGitURL, `5 "ext::sh -c x"`, small + `source: {git: "ext::sh -c x"}` + "\n", "https://"},
	{diag.CodeRecipeGitURL, `5 "https://example.com/x#main"`, small + `source: {git: "https://example.com/x#main"}` + "\n", "ref:"},
	{diag.CodeRecipeGitRef, "5 -x", small + `source: {git: "https://example.com/x", ref: -x}` + "\n", ""},
	{diag.CodeRecipeGitRef, "5 a..b", small + `source: {git: "https://example.com/x", ref: a..b}` + "\n", ""},
	{diag.CodeRecipeCredentials, `5 "https://me:hunter2@example.com/x"`, small + `source: {git: "https://me:hunter2@example.com/x"}` + "\n", "write `https://example.com/x`"},
	{diag.CodeRecipeCredentials, `5 "https://hunter2@example.com/x"`, small + `source: {git: "https://hunter2@example.com/x"}` + "\n", "write `https://example.com/x`"},
	{diag.CodeRecipeCredentials, `5 "ssh://git:hunter2@example.com/x"`, small + `source: {git: "ssh://git:hunter2@example.com/x"}` + "\n", "write `ssh://example.com/x`"},
	{diag.CodeRecipePath, "5 /srv", small + "source: {path: /srv}\n", "relative"},
	{diag.CodeRecipePath, "5 'a\\b'", small + `source: {path: 'a\b'}` + "\n", "`a/b`"},
	{diag.CodeRecipeEpoch, "5 now", small + "epoch: now\n", "epoch: source"},
	{diag.CodeRecipeEpoch, `5 "17"`, small + "epoch: \"17\"\n", "epoch: 17"},
	{diag.CodeRecipeEpoch, "5 017", small + "epoch: 017\n", ""},
	{diag.CodeRecipeEpoch, "5 -1", small + "epoch: -1\n", ""},
	{diag.CodeRecipeEpoch, "5 1.5", small + "epoch: 1.5\n", ""},
	{diag.CodeRecipeEpoch, "5 1700000000000", small + "epoch: 1700000000000\n", "not milliseconds"},
	{diag.CodeRecipeEpoch, "5 99999999999999999999", small + "epoch: 99999999999999999999\n", ""},
	{diag.CodeRecipeBuildChoice, "4 build", build("target: x"), "dockerfile: Dockerfile"},
	{diag.CodeRecipeBuildChoice, "4 build", edit("{dockerfile: Dockerfile}", "{}", ""), "dockerfile: Dockerfile"},
	{diag.CodeRecipeBuildChoice, "4 stages", build("dockerfile: Dockerfile, stages: [{name: a, from: scratch}]"), "remove"},
	{diag.CodeRecipeForeignKey, "4 config", build("dockerfile: Dockerfile, config: {user: app}"), "remove `config`"},
	{diag.CodeRecipeForeignKey, "4 final", build("stages: [{name: a, from: scratch}], target: final"), "remove `target`"},
	{diag.CodeRecipePath, "4 /Dockerfile", build("dockerfile: /Dockerfile"), ""},
	{diag.CodeRecipePath, "4 ../Dockerfile", build("dockerfile: ../Dockerfile"), ""},
	{diag.CodeRecipePath, "4 a/../../Dockerfile", build("dockerfile: a/../../Dockerfile"), ""},
	{diag.CodeRecipePath, "4 docker/", build("dockerfile: docker/"), ""},
	{diag.CodeRecipeTarget, "4 a b", build("dockerfile: Dockerfile, target: a b"), ""},
	{diag.CodeRecipeVariable, "4 A-B", build("dockerfile: Dockerfile, args: {A-B: x}"), ""},
	{diag.CodeRecipeReserved, "4 SOURCE_DATE_EPOCH", build("dockerfile: Dockerfile, args: {SOURCE_DATE_EPOCH: \"0\"}"), "epoch:"},
	{diag.CodeRecipeReserved, "4 BUILDKIT_SYNTAX", build("dockerfile: Dockerfile, args: {BUILDKIT_SYNTAX: x}"), "remove"},
	{diag.CodeRecipeReserved, "4 http_proxy", build("dockerfile: Dockerfile, args: {http_proxy: x}"), "remove"},
	{diag.CodeRecipeContextName, "4 Base", build("dockerfile: Dockerfile, contexts: {Base: {image: a}}"), "`base`"},
	{diag.CodeRecipeContextName, "4 scratch", build("dockerfile: Dockerfile, contexts: {scratch: {image: a}}"), ""},
	{diag.CodeRecipeContextName, "4 docker.io/library/debian", build("dockerfile: Dockerfile, contexts: {debian: {image: a}, docker.io/library/debian: {image: a}}"), "remove"},
	{diag.CodeRecipeContextChoice, "4 base", build("dockerfile: Dockerfile, contexts: {base: {}}"), "add"},
	{diag.CodeRecipeContextChoice, "4 b", build("dockerfile: Dockerfile, contexts: {base: {image: a, path: b}}"), "remove"},
	{diag.CodeRecipePath, "4 ../b", build("dockerfile: Dockerfile, contexts: {base: {path: ../b}}"), ""},
	{diag.CodeRecipeImage, "4 Debian", build("dockerfile: Dockerfile, contexts: {base: {image: Debian}}"), "write `debian`"},
	{diag.CodeRecipeOutputImage, `5 "example.com/shop:1"`, small + `output: {image: "example.com/shop:1"}` + "\n", "write `example.com/shop`"},
	{diag.CodeRecipeOutputImage, `5 "localhost:5000/shop@sha256:0000000000000000000000000000000000000000000000000000000000000000"`, small + "output: {image: \"localhost:5000/shop@sha256:" + strings.Repeat("0", 64) + "\"}\n", "write `localhost:5000/shop`"},
	{diag.CodeRecipeImage, "5 example.com/Shop", small + "output: {image: example.com/Shop}\n", "registry.example.com"},
	{diag.CodeRecipeCompression, "5 zst", small + "output: {compression: zst}\n", "did you mean `zstd`?"},
	{diag.CodeRecipeHost, `5 "http://a.example/"`, small + `record: {private: ["http://a.example/"]}` + "\n", "write `a.example`"},
	{diag.CodeRecipeHost, `5 "a:70000"`, small + `record: {private: ["a:70000"]}` + "\n", ""},

	{diag.CodeRecipeSuite, "7 stable", stage("name: b, from: {debian: {suite: stable}}"), "code name"},
	{diag.CodeRecipeSuite, "7 trixie-updates", stage("name: b, from: {debian: {suite: trixie-updates}}"), "write `trixie`"},
	{diag.CodeRecipePackage, "7 curl=8", stage("name: b, from: {debian: {suite: trixie, packages: [curl=8]}}"), "write `curl`"},
	{diag.CodeRecipePackage, "7 Curl", stage("name: b, from: {debian: {suite: trixie, packages: [Curl]}}"), ""},
	{diag.CodeRecipeRepeated, "7 curl", stage("name: b, from: {debian: {suite: trixie, packages: [curl, curl]}}"), ""},
	{diag.CodeRecipeMirror, `7 "ftp://a/b"`, stage(`name: b, from: {debian: {suite: trixie, mirror: "ftp://a/b"}}`), ""},
	{diag.CodeRecipeStageName, "7 B", stage("name: B, from: a"), ""},
	{diag.CodeRecipeStageName, "7 scratch", stage("name: scratch, from: a"), ""},
	{diag.CodeRecipeStageRepeated, "7 a", stage("name: a, from: scratch"), "rename"},
	{diag.CodeRecipeStageOrder, "7 b", stage("name: b, from: b"), "move"},
	{diag.CodeRecipeStageOrder, "6 b", strings.Replace(stage("name: b, from: scratch"), "{name: a, from: scratch}", "{name: a, from: b}", 1), "move"},
	{diag.CodeRecipeStageOrder, "7 b", step("copy: {from: b, sources: [x], to: /x}"), "move"},
	{diag.CodeRecipeStageOrder, "7 scratch", step("copy: {from: scratch, sources: [x], to: /x}"), ""},
	{diag.CodeRecipeStepChoice, "7 copy", step("run: a, copy: {sources: [x], to: /x}"), "remove"},
	{diag.CodeRecipeStepChoice, "7 {", step(""), "run"},
	{diag.CodeRecipePath, "7 /x", step("copy: {sources: [/x], to: /x}"), "write `x`"},
	{diag.CodeRecipePath, "7 a/../b", step("copy: {sources: [a/../b], to: /x}"), ""},
	{diag.CodeRecipeCopyDestination, "7 /x", step("copy: {sources: [x, y], to: /x}"), "write `/x/`"},
	{diag.CodeRecipeCopyDestination, "7 /x", step(`copy: {sources: ["*"], to: /x}`), "write `/x/`"},
	{diag.CodeRecipeMode, `7 "u+x"`, step(`copy: {sources: [x], to: /x, mode: "u+x"}`), "0755"},
	{diag.CodeRecipeOwner, "7 root", step(`copy: {sources: [x], to: /x, owner: root}`), "1000:1000"},
	{diag.CodeRecipeOwner, `7 "0:4294967295"`, step(`copy: {sources: [x], to: /x, owner: "0:4294967295"}`), "1000:1000"},
	{diag.CodeRecipeImagePath, "7 app", stage("name: b, from: a, workdir: app"), "/app"},
	{diag.CodeRecipeUser, "7 -x", stage("name: b, from: a, user: -x"), ""},
	{diag.CodeRecipePort, `6 "99999"`, stagesWith(`config: {expose: ["99999"]}`), ""},
	{diag.CodeRecipeSignal, "6 term", stagesWith(`config: {stopSignal: term}`), "SIGTERM"},
	{diag.CodeRecipeLabel, `6 "a b"`, stagesWith(`config: {labels: {"a b": x}}`), ""},
}

func TestEveryRule(t *testing.T) {
	tested := map[diag.Code]bool{}
	for _, c := range refused {
		tested[c.code] = true
		name := string(c.code) + " " + c.text[:min(len(c.text), 200)]
		_, err := Parse("r.yaml", []byte(c.text))
		list := diag.All(err)
		if len(list) != 1 || list[0].Code != c.code {
			var b bytes.Buffer
			_ = diag.Render(&b, list, diag.RenderOptions{Width: 100})
			t.Errorf("%s:\nwant exactly one %s, got %d:\n%s", name, c.code, len(list), b.String())
			continue
		}
		d := list[0]
		if got := under(d, c.text); got != c.under {
			t.Errorf("%s:\npoints at %q, want %q", name, got, c.under)
		}
		if !strings.Contains(d.Help, c.help) || d.Help == "" {
			t.Errorf("%s:\nhelp is %q, want %q in it", name, d.Help, c.help)
		}
		if strings.Contains(d.Excerpt+d.Summary+d.Help, "hunter2") {
			t.Errorf("%s:\na secret is repeated: %+v", name, d)
		}
	}
	for _, info := range diag.Table() {
		elsewhere := info.Code == diag.CodeRecipeNotFound || info.Code == diag.CodeRecipeUnreadable || info.Code == diag.CodeRecipeMoreErrors
		rule := info.Code < "A0150" || info.Code >= "A0180"
		if strings.HasPrefix(string(info.Code), "A01") && rule && !elsewhere && !tested[info.Code] {
			t.Errorf("%s (%s) is never tested", info.Code, info.Title)
		}
	}
}

// under is "line text": the line of d, and the part of text that its carets underline.
func under(d *diag.Diagnostic, text string) string {
	if d.At.Line == 0 {
		return ""
	}
	line := []rune(strings.TrimSuffix(strings.Split(text, "\n")[d.At.Line-1], "\r"))
	from := min(max(d.At.Column-1, 0), len(line))
	to := min(from+d.At.Length, len(line))
	return strings.TrimSuffix(fmt.Sprintf("%d %s", d.At.Line, string(line[from:to])), " ")
}

// TestAllAtOnce is what a user sees of a file with several faults: all of them, in order.
func TestAllAtOnce(t *testing.T) {
	const text = `recipe: v1
name: Shop
platform: [linux/x86_64]
build:
  dockerfile: Dockerfile
  args: {VERSION: 1.10, DEBUG: no}
  stages: []
name: shop
output:
  image: registry.example.com/shop:latest
  compresion: gzip
`
	_, err := Parse("recipe.yaml", []byte(text))
	var b bytes.Buffer
	if err := diag.Render(&b, diag.All(err), diag.RenderOptions{}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", "all-at-once.golden")
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("run with -update if this is meant (-want +got):\n%s", d)
	}
}

// TestHostileFiles are inputs that have brought YAML readers down; each must come back, refused.
func TestHostileFiles(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for i := range 9 {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", 'b'+i, 'b'+i, strings.Repeat(fmt.Sprintf("*%c, ", 'a'+i), 9))
	}
	for name, text := range map[string]string{
		"billion laughs":  bomb,
		"deep flow":       strings.Repeat("[", 200_000),
		"deep block":      strings.Repeat("- ", 200_000) + "x",
		"deep mapping":    strings.Repeat("{a: ", 100_000),
		"unclosed quote":  "name: \"" + strings.Repeat("x\n", 100_000),
		"many documents":  strings.Repeat("---\na: b\n", 50_000),
		"many anchors":    strings.Repeat("- &a x\n", 50_000),
		"many duplicates": strings.Repeat("a: b\n", 100_000),
		"self reference":  "a: &a [*a]\n",
		"merge":           "a: &a {b: c}\nd: {<<: *a}\n",
		"long key":        strings.Repeat("k", 500_000) + ": x\n",
		"go-yaml 855":     "#\n  - - - -\n:\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse("r.yaml", []byte(text)); len(diag.All(err)) == 0 {
				t.Error("accepted")
			}
		})
	}
}
