package sigstore

import (
	"fmt"
	"strconv"
	"strings"
)

// rule is one ClusterImagePolicy on its way into a rule.
type rule struct {
	name  string
	match []string
	any   []string // conditions of its authorities, of which one has to hold
	who   []string // what the authorities are called
	all   []string // conditions that have to hold beside
	why   string   // the message of a static failure
}

func (im *importer) spec(o object, r *rule) {
	im.images(o, r)
	for i, a := range o.list("authorities") {
		im.authority(a, i, r)
	}
	if len(r.any) == 0 {
		o.note("there are no authorities, so nothing could make it true", Denies)
		r.any = append(r.any, never)
	}
	if p, ok := o.object("policy"); ok {
		im.language(p)
		r.all = append(r.all, never)
	}
	switch mode := o.text("mode"); mode {
	case "", "enforce":
	default:
		o.note(fmt.Sprintf("`mode: %s` lets images through; rules deny. Set the namespace to audit at the gate instead", mode), Stricter)
	}
	o.skip("match", "rules do not see who asks: the rule is about all resources", Stricter)
	if o.rest(unknown, Denies) {
		r.all = append(r.all, never)
	}
}

// images takes the globs.
func (im *importer) images(o object, r *rule) {
	for _, img := range o.list("images") {
		glob := img.text("glob")
		patterns, tag, ok := globPatterns(glob)
		switch {
		case !ok:
			img.note(fmt.Sprintf("%q is not a glob that can be carried over; the rule is about all images instead", glob), Stricter)
			patterns = []string{"**"}
		case tag != "":
			img.note(fmt.Sprintf("rules are about repositories: the rule is about all tags, not only %q", tag), Stricter)
		}
		for _, p := range patterns {
			r.match = appendNew(r.match, p)
		}
		if img.rest(unknown, Stricter) {
			r.match = appendNew(r.match, "**")
		}
	}
	if len(r.match) == 0 {
		o.note("there are no images; the rule is about all of them", Stricter)
		r.match = []string{"**"}
	}
}

func appendNew(list []string, s string) []string {
	for _, l := range list {
		if l == s {
			return list
		}
	}
	return append(list, s)
}

// language takes a policy in CUE or Rego, which is not carried over.
func (im *importer) language(o object) {
	kind := o.text("type")
	for _, key := range []string{"data", "remote", "configMapRef"} {
		o.take(key)
	}
	o.note(fmt.Sprintf("a condition in %s: write it in CEL in the place of `false`", strings.ToUpper(kind)), Denies)
	o.skip("fetchConfigFile", "rules do not see an image's configuration", Denies)
	o.skip("includeSpec", "rules do not see who asks", Denies)
	o.skip("includeObjectMeta", "rules do not see who asks", Denies)
	o.skip("includeTypeMeta", "rules do not see who asks", Denies)
	o.rest(unknown, Denies)
}

// authority takes one authority: a condition under which it vouches for the image.
func (im *importer) authority(o object, i int, r *rule) {
	name := o.text("name")
	if name == "" {
		name = fmt.Sprintf("authority-%d", i)
	}
	r.who = append(r.who, name)
	var parts, signers []string
	static, isStatic := o.object("static")
	key, isKey := o.object("key")
	keyless, isKeyless := o.object("keyless")
	switch {
	case isStatic && !isKey && !isKeyless:
		r.any = append(r.any, im.static(static, r))
		if o.rest(unknown, Denies) {
			r.any[len(r.any)-1] = never
		}
		return
	case isKey && !isKeyless && !isStatic:
		signers = im.key(key, r.name, name)
	case isKeyless && !isKey && !isStatic:
		signers = im.keyless(keyless, r.name, name)
	default:
		o.note("an authority has one of key, keyless and static", Denies)
	}
	timed := im.logs(o)
	attestations := o.list("attestations")
	for _, a := range attestations {
		parts = append(parts, im.attestation(a, signers, timed))
	}
	if len(attestations) == 0 {
		parts = append(parts, signed(signers, signatureType, timed))
	}
	o.skip("source", "evidence is looked for beside the image only", Stricter)
	if format := o.text("signatureFormat"); format != "" && format != "bundle" {
		o.note(fmt.Sprintf("signatures in the format %q do not count: bundles do", format), Stricter)
	} else if format == "" {
		o.note("the source takes cosign's old signature format; here only bundles count", Stricter)
	}
	if o.rest(unknown, Denies) {
		parts = append(parts, never)
	}
	r.any = append(r.any, strings.Join(parts, " && "))
}

func (im *importer) static(o object, r *rule) string {
	action := o.text("action")
	r.why = o.text("message")
	rest := o.rest(unknown, Denies)
	if action == "pass" && !rest {
		o.note("it allows images without any evidence, as it did", Nothing)
		return "true"
	}
	return never
}

// asked is how logs and timestamps are asked for.
const asked = " is asked for as: a trusted log or timestamp authority says when. Which ones are trusted says the trusted root"

// logs takes what is asked of logs and timestamps: both mean that a trusted party says when. Only an empty `ctlog` asks for no log; without
// one the public log is asked.
func (im *importer) logs(o object) bool {
	timed := true
	if log, ok := o.object("ctlog"); ok {
		url, ref := log.text("url"), log.text("trustRootRef")
		if timed = url != "" || ref != ""; timed {
			log.note("that a log has it"+asked, Differs)
		}
		timed = log.rest(unknown, Stricter) || timed
	} else {
		o.note("that the public log has it"+asked, Differs)
	}
	if stamp, ok := o.object("rfc3161timestamp"); ok {
		timed = true
		stamp.note("that an authority has stamped it"+asked, Differs)
		stamp.take("trustRootRef")
		stamp.rest(unknown, Stricter)
	}
	return timed
}

// attestation takes one statement that an authority asks for.
func (im *importer) attestation(o object, signers []string, timed bool) string {
	o.take("name")
	short := o.text("predicateType")
	condition := signed(signers, predicateType(short), timed)
	if p, ok := o.object("policy"); ok && !im.onlyType(p, predicateType(short)) {
		im.language(p)
		condition += " && " + never
	}
	if short == "" {
		o.note("an attestation needs a `predicateType`", Denies)
		condition = never
	}
	if o.rest(unknown, Denies) {
		condition += " && " + never
	}
	return condition
}

// onlyType says whether a policy asks for nothing but the predicate type, which the condition asks for anyway.
func (im *importer) onlyType(o object, uri string) bool {
	var data string
	for i, k := range o.node.Keys {
		switch v := o.node.Items[i]; {
		case k.Text == "type" && v.Text == "cue":
		case k.Text == "data":
			data = v.Text
		default:
			return false
		}
	}
	value, ok := strings.CutPrefix(strings.TrimSpace(data), "predicateType:")
	quoted, err := strconv.Unquote(strings.TrimSpace(value))
	return ok && err == nil && quoted == uri
}

// signatureType is the predicate type of a bundle that says "this is signed", and nothing more.
const signatureType = "https://sigstore.dev/cosign/sign/v1"

// types are the short names of predicate types that cosign has.
var types = map[string]string{
	"custom": "https://cosign.sigstore.dev/attestation/v1", "slsaprovenance": "https://slsa.dev/provenance/v0.2", "slsaprovenance02": "https://slsa.dev/provenance/v0.2",
	"slsaprovenance1": "https://slsa.dev/provenance/v1", "spdx": "https://spdx.dev/Document", "spdxjson": "https://spdx.dev/Document",
	"cyclonedx": "https://cyclonedx.org/bom", "link": "https://in-toto.io/Link/v1", "vuln": "https://cosign.sigstore.dev/attestation/vuln/v1",
	"openvex": "https://openvex.dev/ns",
}

func predicateType(short string) string {
	if uri, ok := types[short]; ok {
		return uri
	}
	return short
}

// signed is the condition that one of signers has said something of a type about this very digest.
func signed(signers []string, uri string, timed bool) string {
	if len(signers) == 0 {
		return never
	}
	quoted := make([]string, len(signers))
	for i, s := range signers {
		quoted[i] = strconv.Quote(s)
	}
	when := ""
	if timed {
		when = ` && s.time > timestamp("1970-01-01T00:00:00Z")`
	}
	return fmt.Sprintf("signatures.exists(s, s.signer in [%s] && s.type == %s && s.subject == image.digest%s)", strings.Join(quoted, ", "), celString(uri), when)
}

// celString is a text as CEL writes it. What Go escapes as \x CEL reads as the same byte only below 0x80, so the rest stays as it is.
func celString(s string) string {
	return strconv.Quote(strings.ToValidUTF8(s, "?"))
}
