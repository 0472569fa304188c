package sigstore

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// entry is a signer of the trust file to be.
type entry struct {
	name       string
	key        string // PEM, or the path of a file that has to be put there
	identities []identity
}

type identity struct{ issuer, subject, expression string }

// signer gives a signer its name in the trust file. One that stands there already keeps its first name: a signature has one signer.
func (im *importer) signer(policy, authority string, e entry) string {
	what := e.key + fmt.Sprintf("%q", e.identities)
	if name, ok := im.signers[what]; ok {
		return name
	}
	base := slug(policy + "-" + authority)
	e.name = base
	for i := 2; im.taken(e.name); i++ {
		e.name = fmt.Sprintf("%s-%d", base, i)
	}
	im.signers[what] = e.name
	im.entries = append(im.entries, e)
	return e.name
}

func (im *importer) taken(name string) bool {
	for _, e := range im.entries {
		if e.name == name {
			return true
		}
	}
	return false
}

// key takes a public key.
func (im *importer) key(o object, policy, authority string) []string {
	data, kms := o.text("data"), o.text("kms")
	secret := o.take("secretRef")
	if hash := o.text("hashAlgorithm"); hash != "" && hash != "sha256" {
		o.note(fmt.Sprintf("signatures over %s do not count: the key's own hash algorithm does", hash), Stricter)
	}
	unread := o.rest(unknown, Denies)
	file := slug(policy+"-"+authority) + ".pub"
	switch {
	case unread:
	case data != "" && kms == "" && secret == nil && strings.HasPrefix(strings.TrimSpace(data), "-----BEGIN PUBLIC KEY-----"):
		return []string{im.signer(policy, authority, entry{key: strings.TrimSpace(data) + "\n"})}
	case kms != "" && data == "" && secret == nil:
		o.note(fmt.Sprintf("put the public key of %s into %s, beside the trust file", kms, file), Todo)
		return []string{im.signer(policy, authority, entry{key: file})}
	case secret != nil && data == "" && kms == "":
		o.note(fmt.Sprintf("put the public key of the secret into %s, beside the trust file", file), Todo)
		return []string{im.signer(policy, authority, entry{key: file})}
	default:
		o.note("a key is one of data (a public key in PEM), kms and secretRef", Denies)
	}
	return nil
}

// keyless takes identities, and where they are vouched for.
func (im *importer) keyless(o object, policy, authority string) []string {
	if u := o.text("url"); u != "" {
		o.note(fmt.Sprintf("identities count against trusted_root.json, beside the trust file: put the trusted root there that has %s", u), Todo)
	}
	o.skip("trustRootRef", "identities count against trusted_root.json, beside the trust file: put this root there", Todo)
	o.skip("ca-cert", "identities count against trusted_root.json, beside the trust file: put this authority there", Todo)
	o.skip("insecureIgnoreSCT", "a certificate needs its proof of a log, where the trusted root names one", Stricter)
	var e entry
	for _, id := range o.list("identities") {
		if got, ok := im.identity(id); ok {
			e.identities = append(e.identities, got)
		}
	}
	if o.rest(unknown, Denies) || len(e.identities) == 0 {
		o.note("no identity could be carried over: anybody who can log in is nobody here", Denies)
		return nil
	}
	im.root = true
	return []string{im.signer(policy, authority, e)}
}

// identity takes one identity. Its issuer has to be exact: whoever may pick the issuer may be anybody.
func (im *importer) identity(o object) (identity, bool) {
	id := identity{issuer: o.text("issuer"), subject: o.text("subject")}
	issuers, subjects := o.text("issuerRegExp"), o.text("subjectRegExp")
	if o.rest(unknown, Denies) {
		return id, false
	}
	if u, err := url.Parse(id.issuer); issuers != "" || id.issuer == "" || err != nil || u.Host == "" {
		o.note("an identity needs one issuer, exactly: write it into the trust file", Denies)
		return id, false
	}
	switch {
	case id.subject != "" && subjects == "" && !strings.ContainsAny(id.subject, " \t\n"):
		return id, true
	case id.subject == "" && subjects != "" && !strings.ContainsAny(subjects, " \t\n"):
		if _, err := regexp.Compile(subjects); err == nil {
			id.expression = whole(subjects)
			return id, true
		}
	}
	o.note("an identity needs a subject, or an expression for it: write it into the trust file", Denies)
	return id, false
}

// whole is an expression that matches the whole of what expression matches a part of.
func whole(expression string) string {
	e := expression
	if !strings.ContainsAny(e, "|") && strings.HasPrefix(e, "^") && strings.HasSuffix(e, "$") && !strings.HasSuffix(e, `\$`) {
		return e[1 : len(e)-1]
	}
	return ".*(?:" + e + ").*"
}

var notInNames = lazyregexp.New(`[^a-z0-9._-]+`)

// slug is a text as a name.
func slug(s string) string {
	s = strings.Trim(notInNames.ReplaceAllString(strings.ToLower(s), "-"), "-._")
	if s == "" {
		return "imported"
	}
	return s[:min(len(s), 100)]
}
