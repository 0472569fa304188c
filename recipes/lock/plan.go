package lock

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	digest "github.com/opencontainers/go-digest"
	packageurl "github.com/package-url/packageurl-go"
)

// Text prints the plan for people: one line a change (~ changed, + added, - removed), grouped by kind of input, longer
// groups summarised (Limit). It prints nothing for an empty plan.
//
//	~ image debian:12  sha256:aaaaaaaaaaaa -> sha256:bbbbbbbbbbbb
//	~ response curl  7.88.1-10 -> 7.88.1-11
//	+ response https://example.com/tool.tar.gz  sha256:cccccccccccc
func (p Plan) Text(w io.Writer) error {
	out := &printer{w: w}
	for _, h := range p.Header {
		out.line("~ %s  %s -> %s", h.Name, brief(h.Old), brief(h.New))
	}
	for _, k := range Kinds() {
		var lines []string
		for _, c := range p.Changed {
			if c.New.Kind == k {
				lines = append(lines, "~ "+c.text())
			}
		}
		for _, e := range p.Added {
			if e.Kind == k {
				lines = append(lines, "+ "+e.text())
			}
		}
		for _, e := range p.Removed {
			if e.Kind == k {
				lines = append(lines, "- "+e.text())
			}
		}
		out.group(k, lines, p.Limit)
	}
	return out.err
}

// printer keeps the first error of a series of writes.
type printer struct {
	w   io.Writer
	err error
}

func (o *printer) line(format string, args ...any) {
	if o.err == nil {
		_, o.err = fmt.Fprintf(o.w, format+"\n", args...)
	}
}

// group prints at most limit lines and counts the rest by sign.
func (o *printer) group(k Kind, lines []string, limit int) {
	if limit == 0 {
		limit = DefaultLimit
	}
	if limit < 0 || len(lines) <= limit {
		limit = len(lines)
	}
	for _, l := range lines[:limit] {
		o.line("%s", l)
	}
	if rest := lines[limit:]; len(rest) > 0 {
		count := map[byte]int{}
		for _, l := range rest {
			count[l[0]]++
		}
		var parts []string
		for _, s := range []struct {
			sign byte
			verb string
		}{{'~', "changed"}, {'+', "added"}, {'-', "removed"}} {
			if n := count[s.sign]; n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", n, s.verb))
			}
		}
		o.line("  and %d more of kind %s: %s", len(rest), k, strings.Join(parts, ", "))
	}
}

// text is one changed input.
func (c Change) text() string {
	name, version := c.New.label()
	_, before := c.Old.label()
	if version == before || c.New.Digest == c.Old.Digest {
		version, before = c.New.detail(c.Old), c.Old.detail(c.New)
	}
	return fmt.Sprintf("%s %s  %s -> %s", c.New.Kind, name, before, version)
}

// detail is the first field that tells e from other.
func (e Entry) detail(other Entry) string {
	switch {
	case e.Digest != other.Digest:
		return brief(e.Digest.String())
	case e.Status != other.Status:
		return "status " + strconv.Itoa(e.Status)
	case e.Headers != other.Headers:
		return "headers " + brief(e.Headers.String())
	case e.PURL != other.PURL:
		return orNone(e.PURL)
	case e.Evidence != other.Evidence:
		return orNone(escape(e.Evidence))
	default:
		return "size " + strconv.FormatInt(e.Size, 10)
	}
}

// text is one added or removed input.
func (e Entry) text() string {
	name, version := e.label()
	return fmt.Sprintf("%s %s  %s", e.Kind, name, version)
}

// label names an input and its version as people would: a package by name and version, else key and digest.
func (e Entry) label() (name, version string) {
	u, err := packageurl.FromString(e.PURL)
	if e.PURL == "" || err != nil || u.Version == "" || u.Type == packageurl.TypeGeneric || u.Type == packageurl.TypeOCI || u.Type == packageurl.TypeDocker {
		return escape(e.Key), brief(e.Digest.String())
	}
	name = u.Name
	if u.Namespace != "" && u.Type != packageurl.TypeDebian {
		name = u.Namespace + "/" + u.Name
	}
	if f := u.Qualifiers.Map()["file_name"]; f != "" {
		name += "." + suffix(f)
	}
	return escape(name), escape(u.Version)
}

// brief cuts a digest to twelve digits.
func brief(s string) string {
	if d := digest.Digest(s); d.Validate() == nil {
		return d.Algorithm().String() + ":" + d.Encoded()[:12]
	}
	return orNone(escape(s))
}

func orNone(s string) string {
	if s == "" || s == "-" {
		return "none"
	}
	return s
}
