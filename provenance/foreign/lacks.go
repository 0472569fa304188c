package foreign

import (
	"fmt"
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// Lack is one thing that a rebuild would need and the provenance does not give.
type Lack struct {
	What   string `json:"what"` // a short name that stays: "mode", "source", "context", "material", ...
	Detail string `json:"detail"`
}

var (
	hex40 = lazyregexp.New(`^[0-9a-f]{40}$`)
	hex64 = lazyregexp.New(`^[0-9a-f]{64}$`)
)

// maxNamed bounds how many steps or materials are named one by one.
const maxNamed = 20

// Lacks lists everything that a rebuild would need and b does not give, in the order in which one would look for it. Nothing: the source is
// a commit, what was read is pinned, and no step had a network.
func (b Build) Lacks() []Lack {
	var out []Lack
	add := func(what, format string, args ...any) {
		out = append(out, Lack{what, clip(fmt.Sprintf(format, args...))})
	}
	if b.Steps == 0 {
		add("mode", "the steps are not there: it was made with mode=min, which leaves out arguments and the graph")
	}
	b.lacksSource(add)
	switch {
	case b.Frontend == "":
		add("frontend", "it does not say by which frontend the build was read")
	case strings.HasPrefix(b.Frontend, "gateway") && !strings.Contains(b.Args["source"], "@sha256:"):
		add("frontend", "an image was the frontend, and it is named without a digest: %q", b.Args["source"])
	}
	if b.Nested {
		add("frontend", "the build was asked for by another one, or took other builds in: their requests would have to be repeated too")
	}
	switch {
	case b.Args["build-arg:SOURCE_DATE_EPOCH"] != "":
	case b.Steps == 0:
		add("epoch", "whether SOURCE_DATE_EPOCH was set is not said")
	default:
		add("epoch", "SOURCE_DATE_EPOCH was not set: the image bears the time of its build")
	}
	for _, id := range b.Secrets {
		add("secret", "a secret was used: %q", id)
	}
	for _, id := range b.SSH {
		add("secret", "an ssh agent was used: %q", id)
	}
	named(b.Networked, func(c string) { add("network", "a step had a network, and what it fetched is nowhere: %s", c) }, func(n int) {
		add("network", "and %d steps more", n)
	})
	named(b.Privileged, func(c string) { add("privileges", "a step had the machine's privileges: %s", c) }, func(n int) {
		add("privileges", "and %d steps more", n)
	})
	named(b.unpinned(), func(u string) { add("material", "it is named without a digest: %s", u) }, func(n int) { add("material", "and %d more", n) })
	for _, what := range []string{"parameters", "request", "materials", "resolvedDependencies"} {
		if complete, said := b.Complete[what]; said && !complete {
			add("completeness", "by its own word, the %s are not complete", what)
		}
	}
	add("exporter", "how the layers were packed (compression and its level, rewritten times, version of BuildKit) is not said")
	return out
}

// Complete says whether nothing is missing but what no provenance of BuildKit's has.
func Complete(lacks []Lack) bool {
	for _, l := range lacks {
		if l.What != "exporter" {
			return false
		}
	}
	return true
}

func (b Build) lacksSource(add func(what, format string, args ...any)) {
	for _, l := range b.Locals {
		add("context", "the folder %q came from the builder's own machine, and nothing names its files", l)
	}
	switch {
	case b.Source.URI == "" && len(b.Locals) == 0:
		add("source", "it does not say what was built")
	case b.Source.URI != "" && !strings.Contains(b.Source.URI, "git") && b.Source.Digest["sha256"] == "":
		add("source", "the source is no git repository, and has no digest: %s", b.Source.URI)
	case b.Source.URI != "" && !pinned(b.Source.Digest):
		add("source", "no commit is named for %s", b.Source.URI)
	}
}

func (b Build) unpinned() []string {
	var out []string
	for _, m := range b.Materials {
		if !pinned(m.Digest) {
			out = append(out, m.URI)
		}
	}
	return out
}

// pinned says whether a digest set names one thing: a commit or a sha256.
func pinned(d map[string]string) bool {
	return hex64.MatchString(d["sha256"]) || hex40.MatchString(d["sha1"]) || hex40.MatchString(d["gitCommit"])
}

func named(list []string, each func(string), rest func(int)) {
	for _, s := range list[:min(len(list), maxNamed)] {
		each(s)
	}
	if n := len(list) - maxNamed; n > 0 {
		rest(n)
	}
}

func command(args []string) string {
	if len(args) == 3 && strings.HasSuffix(args[0], "sh") && args[1] == "-c" {
		return args[2]
	}
	return strings.Join(args, " ")
}

// clip is a stranger's text on one short line.
func clip(s string) string {
	s = diag.Printable(strings.Join(strings.Fields(s), " "))
	if r := []rune(s); len(r) > 200 {
		return string(r[:200]) + "..."
	}
	return s
}
