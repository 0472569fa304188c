package lock

import (
	"bytes"
	"strings"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// maxDiagnostics bounds how many faults of one file are reported.
const maxDiagnostics = 50

// Parse reads a lock's text. All faults are reported together as a diag.List, each with its line; the file is called
// FileName in them.
func Parse(data []byte) (*Lock, error) { return parse(FileName, data) }

// parser collects faults while it reads.
type parser struct {
	file   string
	faults diag.List
}

func parse(name string, data []byte) (*Lock, error) {
	p := &parser{file: name}
	lines, ok := p.split(data)
	if !ok {
		return nil, p.faults.Err()
	}
	l := &Lock{}
	if !p.header(lines, &l.Header) {
		return nil, p.faults.Err()
	}
	l.Entries = p.entries(lines)
	if err := p.faults.Err(); err != nil {
		return nil, err
	}
	return l, nil
}

// fault notes one fault at a line, counted from 1 (0: the file as a whole).
func (p *parser) fault(line int, excerpt string, d *diag.Diagnostic) {
	if len(p.faults) < maxDiagnostics {
		p.faults = append(p.faults, d.WithAt(diag.Position{File: p.file, Line: line}, clip(excerpt)))
	}
}

// full is true when no more faults will be reported.
func (p *parser) full() bool { return len(p.faults) >= maxDiagnostics }

// clip keeps an excerpt to a length that fits a screen.
func clip(s string) string {
	if len(s) > 200 {
		return s[:200]
	}
	return s
}

// split checks what concerns the file as a whole and cuts it into lines.
func (p *parser) split(data []byte) ([]string, bool) {
	switch {
	case len(data) > MaxBytes:
		p.fault(0, "", diag.Errorf(diag.LockTooLarge, "the lock has %d bytes, more than %d", len(data), MaxBytes))
	case bytes.Count(data, []byte("\n")) > MaxLines:
		p.fault(0, "", diag.Errorf(diag.LockTooLarge, "the lock has more than %d lines", MaxLines))
	case len(data) == 0:
		p.fault(0, "", diag.Errorf(diag.LockSyntax, "the lock is empty").WithHelp(relock))
	case data[len(data)-1] != '\n':
		p.fault(0, "", diag.Errorf(diag.LockSyntax, "the lock does not end with a newline").
			WithWhy("a file cut short would otherwise pass as a whole one").WithHelp(relock))
	default:
		lines := strings.Split(string(data[:len(data)-1]), "\n")
		return lines, !p.markers(lines)
	}
	return nil, false
}

// relock is the help of most faults: the file is made by a program.
const relock = "run `selfsame lock` to write it anew"

// markers finds what git leaves of a merge that it could not do, and carriage returns.
func (p *parser) markers(lines []string) bool {
	for i, l := range lines {
		for _, m := range []string{"<<<<<<<", "|||||||", "=======", ">>>>>>>"} {
			if l == m || strings.HasPrefix(l, m+" ") {
				p.fault(i+1, l, diag.Errorf(diag.LockConflict, "the lock holds an unresolved merge conflict").
					WithWhy("both sides locked other bytes for the same input, or another recipe").
					WithHelp("merge the recipe first, take either side of "+FileName+", then run `selfsame lock`"))
				return true
			}
		}
		if strings.HasSuffix(l, "\r") {
			p.fault(i+1, l, diag.Errorf(diag.LockSyntax, "the lock has Windows line ends").
				WithHelp("add `"+FileName+" text eol=lf` to .gitattributes and check the file out again"))
			return true
		}
	}
	return false
}

// header reads the first five lines.
func (p *parser) header(lines []string, h *Header) bool {
	if lines[0] != Version {
		d := diag.Errorf(diag.LockSyntax, "this is no lock: its first line is not `%s`", Version).WithHelp(relock)
		if strings.HasPrefix(lines[0], "selfsame-lock ") {
			d = diag.Errorf(diag.LockVersion, "unknown lock format `%s`", clip(lines[0])).
				WithWhy("this selfsame reads `" + Version + "`").WithHelp("use the selfsame that wrote it, or run `selfsame lock`")
		}
		p.fault(1, lines[0], d)
		return false
	}
	var frontend string
	for i, f := range []struct {
		name string
		to   func(string) bool
	}{
		{"recipe", p.digestTo(&h.Recipe)}, {"dockerfile", p.digestTo(&h.Dockerfile)},
		{"dockerignore", p.digestTo(&h.Dockerignore)},
		{"frontend", func(s string) bool { frontend = s; return true }},
	} {
		n := i + 1
		if n >= len(lines) {
			p.fault(n, "", diag.Errorf(diag.LockSyntax, "the lock ends before its `%s` line", f.name).WithHelp(relock))
			return false
		}
		name, value, _ := strings.Cut(lines[n], " ")
		if text := unescape(value); name != f.name || escape(text) != value || !f.to(text) {
			p.fault(n+1, lines[n], diag.Errorf(diag.LockSyntax, "expected `%s` and a value that it may have", f.name).WithHelp(relock))
			return false
		}
	}
	h.Frontend = frontend
	return true
}

// digestTo gives a setter that accepts an empty or valid sha256 digest.
func (p *parser) digestTo(to *digest.Digest) func(string) bool {
	return func(s string) bool {
		d, ok := parseDigest(s)
		*to = d
		return ok
	}
}

// parseDigest accepts nothing and sha256.
func parseDigest(s string) (digest.Digest, bool) {
	d := digest.Digest(s)
	return d, s == "" || d.Validate() == nil && d.Algorithm() == digest.SHA256
}
