package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/report"
)

const head = `# Real projects

<!-- Written by make real. -->

Programs that other people wrote, built with their own build systems. Each one's sources and build dependencies were recorded, then it was built from
them twice, in two unlike builders, from nothing. The recipes are in [test/real/projects.go](../../test/real/projects.go); ` + "`make real`" + ` builds them
again and writes this page. Debian moves on, so a later run locks newer packages and gets other digests; the same lock gives the same ones.

| project | build system | source | inputs | lock | build, twice | verdict |
|---|---|---|---|---|---|---|
`

// page is the document.
func page(done []outcome) []byte {
	var b bytes.Buffer
	b.WriteString(head)
	reproduced := 0
	for _, o := range done {
		verdict := "**differs**"
		switch {
		case o.Failed != "":
			verdict = "**not built**"
		case o.Result.Reproducible:
			reproduced++
			verdict = "`" + o.Result.Digest[:len("sha256:")+16] + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %d s | %d s | %s |\n", o.name, o.what, o.Version, o.Inputs, seconds(o.LockTook), seconds(o.BuildTook), verdict)
	}
	fmt.Fprintf(&b, "\n%d of %d came out the same bit for bit.\n", reproduced, len(done))
	if axes := commonAxes(done); len(axes) > 0 {
		fmt.Fprintf(&b, "\nIn every one of these builds the two builders were measured to differ in: %s.\n", strings.Join(axes, ", "))
	}
	for _, o := range done {
		if o.note == "" && o.Failed == "" && o.Result.Reproducible && len(o.Result.NotApplied) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n", o.name)
		if o.Failed != "" {
			fmt.Fprintf(&b, "```text\n%s\n```\n", strings.TrimSpace(o.Failed))
		}
		if o.note != "" {
			fmt.Fprintf(&b, "%s\n\n", o.note)
		}
		for _, x := range o.Result.NotApplied {
			fmt.Fprintf(&b, "- not varied: %s (%s)\n", x.Name, x.Why())
		}
		for _, f := range o.Result.Findings {
			fmt.Fprintf(&b, "- %s\n", finding(f))
		}
	}
	return b.Bytes()
}

func seconds(d time.Duration) int { return int(d.Round(time.Second).Seconds()) }

// commonAxes are those of the reproduced builds that all of them have.
func commonAxes(done []outcome) []string {
	count, builds := map[string]int{}, 0
	var order []string
	for _, o := range done {
		if !o.Result.Reproducible {
			continue
		}
		builds++
		for _, x := range o.Result.Axes {
			if count[x]++; count[x] == 1 {
				order = append(order, x)
			}
		}
	}
	var out []string
	for _, x := range order {
		if count[x] == builds {
			out = append(out, x)
		}
	}
	return out
}

// finding is one difference, with what stood there on both sides.
func finding(f report.Finding) string {
	s := fmt.Sprintf("`%s` (%s, line %d): %s", f.Path, f.File, f.Line, f.Summary)
	for _, v := range f.Values {
		if v.A != nil && v.B != nil && strings.HasPrefix(v.Name, "bytes at") {
			s += fmt.Sprintf("; A `%s`, B `%s`", *v.A, *v.B)
			break
		}
	}
	if f.Severity == "warning" {
		s = "warning: " + s
	}
	if f.More > 0 {
		s += fmt.Sprintf("; %d more like it", f.More)
	}
	return s
}
