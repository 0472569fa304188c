package sigstore

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// policy writes the policy.
func (im *importer) policy(name string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# Imported from ClusterImagePolicy resources in %s.\n# `false` in a rule is a condition that has to be written in CEL.\n", comment(im.path))
	fmt.Fprintf(&b, "policy: v1\nname: %s\nversion: 1\nrules:\n", slug(name))
	taken := map[string]bool{}
	for _, r := range im.rules {
		base := slug(r.name)
		unique := base
		for i := 2; taken[unique]; i++ {
			unique = fmt.Sprintf("%s-%d", base, i)
		}
		taken[unique] = true
		r.write(&b, unique)
	}
	return []byte(b.String())
}

func (r rule) write(b *strings.Builder, name string) {
	fmt.Fprintf(b, "  - name: %s\n    match:\n", name)
	for _, m := range r.match {
		fmt.Fprintf(b, "      - %s\n", strconv.Quote(m))
	}
	b.WriteString("    require: |\n")
	for i, a := range r.any {
		end := " ||"
		if i == len(r.any)-1 {
			end = ""
		}
		open, shut := "", ""
		if i == 0 && len(r.all) > 0 {
			open = "("
		}
		if i == len(r.any)-1 && len(r.all) > 0 {
			shut = ")"
		}
		fmt.Fprintf(b, "      %s(%s)%s%s\n", open, a, shut, end)
	}
	for _, a := range r.all {
		fmt.Fprintf(b, "      && %s\n", a)
	}
	message := "no authority of the policy " + r.name + " vouches for it: " + strings.Join(r.who, ", ")
	if r.why != "" {
		message = r.why
	}
	fmt.Fprintf(b, "    message: %s\n    fix: %s\n", line(message), line("have one of them sign it in the bundle format: "+strings.Join(r.who, ", ")))
}

// trust writes the trust file.
func (im *importer) trust() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# Imported from ClusterImagePolicy resources in %s.\ntrust: v1\n", comment(im.path))
	if im.root {
		b.WriteString("sigstore: trusted_root.json\n")
	}
	if len(im.entries) == 0 {
		b.WriteString("# No key and no identity could be carried over.\n")
		return []byte(b.String())
	}
	b.WriteString("signers:\n")
	for _, e := range im.entries {
		fmt.Fprintf(&b, "  %s:\n    roles: [release]\n", strconv.Quote(e.name))
		switch {
		case strings.HasPrefix(e.key, "-----BEGIN"):
			fmt.Fprintf(&b, "    keys:\n      - |\n        %s\n", strings.ReplaceAll(strings.TrimSpace(e.key), "\n", "\n        "))
		case e.key != "":
			fmt.Fprintf(&b, "    keys: [%s]\n", strconv.Quote(e.key))
		}
		if len(e.identities) > 0 {
			b.WriteString("    identities:\n")
		}
		for _, id := range e.identities {
			fmt.Fprintf(&b, "      - issuer: %s\n", strconv.Quote(id.issuer))
			if id.subject != "" {
				fmt.Fprintf(&b, "        subject: %s\n", strconv.Quote(id.subject))
			} else {
				fmt.Fprintf(&b, "        subjectRegexp: %s\n", strconv.Quote(id.expression))
			}
		}
	}
	return []byte(b.String())
}

// line is a text as one quoted line of a policy.
func line(s string) string {
	const most = 280
	s = diag.Printable(strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " "))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return strconv.QuoteToGraphic(s)
}

// comment is a text within a comment.
func comment(s string) string { return strings.Join(strings.Fields(strconv.QuoteToGraphic(s)), " ") }
