package trust

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

// loader carries one file from its text to signers.
type loader struct {
	*strictyaml.Decoder
	dir      string
	key      KeyReader
	warnings diag.List
}

func (l *loader) signer(name string, e entry) Signer {
	at := strictyaml.Join("signers", name)
	s := Signer{Name: name, Builders: e.Builders, Verifiers: e.Verifiers, From: e.From, Until: e.Until, Names: e.Names, Unnamed: e.Unnamed, Owner: e.Owner, Environment: e.Environment}
	for _, r := range e.Roles {
		s.Roles = append(s.Roles, Role(r))
	}
	l.parties(&s, at, e.Keys, e.Identities)
	if !s.Until.IsZero() && !s.From.Before(s.Until) {
		l.Report(diag.CodeTrustWindow, l.At[strictyaml.Join(at, "until")], "`until` is not after `from`", "no time lies between them", "exchange them, or remove one")
	}
	return s
}

// parties adds keys and identities to s.
func (l *loader) parties(s *Signer, at string, keys []string, identities []identity) {
	for i, k := range keys {
		if got, ok := l.publicKey(fmt.Sprintf("%s.keys[%d]", at, i), k); ok {
			s.Keys = append(s.Keys, got)
		}
	}
	for i, id := range identities {
		if rule, ok := l.identity(fmt.Sprintf("%s.identities[%d]", at, i), id); ok {
			s.Identities = append(s.Identities, rule)
		}
	}
	if len(keys) == 0 && len(identities) == 0 && !l.Broken[at] && !l.Seen[at+".keys"] && !l.Seen[at+".identities"] {
		l.Report(diag.CodeTrustNobody, l.At[at], "`"+strictyaml.Short(s.Name)+"` has neither keys nor identities", "no signature could be his", "add `keys: [release.pub]`")
	}
}

func (l *loader) publicKey(at, text string) (Key, bool) {
	if text == "" {
		return Key{}, false
	}
	data, what := []byte(text), "the key"
	if !strings.HasPrefix(strings.TrimSpace(text), "-----BEGIN ") {
		what = "`" + strictyaml.Short(text) + "`"
		var err error
		if data, err = strictyaml.ReadFile(l.path(text)); err != nil {
			l.Report(diag.CodeTrustKeyFile, l.At[at], what+" cannot be read", err.Error(), "give the path of a public key, relative to this file")
			return Key{}, false
		}
	}
	key, err := l.key(data)
	if err != nil {
		l.Report(diag.CodeTrustKeyFile, l.At[at], what+" cannot be used: "+err.Error(), "a signature has to be checked against it", "give a public key, as `selfsame key new` makes one")
		return Key{}, false
	}
	return key, true
}

func (l *loader) identity(at string, id identity) (IdentityRule, bool) {
	rule := IdentityRule{Issuer: id.Issuer, Subject: id.Subject}
	switch {
	case l.Broken[at]:
		return rule, false
	case (id.Subject == "") == (id.SubjectRegexp == ""):
		if !l.Seen[at+".subject"] && !l.Seen[at+".subjectRegexp"] || id.Subject != "" {
			l.Report(diag.CodeTrustNobody, l.At[at], "an identity has one of `subject` and `subjectRegexp`", "an issuer alone is everybody who can log in there", "write `subject:` with the subject to the letter")
		}
		return rule, false
	case id.SubjectRegexp != "":
		var err error
		if rule.Pattern, err = anchored(id.SubjectRegexp); err != nil {
			return rule, false // reported already
		}
		l.wide(at+".subjectRegexp", rule.Pattern)
	}
	return rule, true
}

// wide warns of expressions that match what nobody meant.
func (l *loader) wide(at string, p interface{ MatchString(string) bool }) {
	text := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprint(p), `\A(?:`), `)\z`)
	dotted := strings.NewReplacer(`\.`, "x", ".*", "", ".+", "").Replace(text)
	if p.MatchString("x") || p.MatchString("https://x.invalid/") || strings.Contains(dotted, ".") {
		place := l.At[at]
		l.warnings = append(l.warnings, diag.Warnf(diag.CodeTrustWide, "`%s` matches more than it seems to", strictyaml.Short(text)).
			WithAt(place, l.Lines[place.Line-1]).WithWhy("a dot is any character, and no host ends where one stands").WithHelp(`write \. for a dot, or `+"`subject:` with the subject itself"))
	}
}

func (l *loader) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(l.dir, p)
}

// apart are roles that exclude each other. Stock cosign takes any statement that a key signed as "signed", so what speaks against an image
// needs another key than what releases it; and who says or vouches for something must not be the one who excuses it.
var apart = []struct {
	role Role
	from []Role
	why  string
}{
	{Verifier, []Role{Release, Rebuilder, Waiver, Revoker, Indexer, Policy}, "who says that images pass must not be who makes them, writes the rules or takes images back: gates believe him without looking"},
	{Release, []Role{Finding, Waiver, Revoker, Indexer, Policy}, "stock cosign takes any statement that a key signed as \"signed\"; what speaks against an image needs a key of its own"},
	{BreakGlass, []Role{Release, Rebuilder, Finding, Promoter, Revoker, Waiver, Functionary, Indexer, Policy, Verifier}, "what opens every gate for hours must lie in no build and on no desk: its key is for nothing else"},
	{Waiver, []Role{Finding, Rebuilder, Promoter}, "who finds, rebuilds or promotes must not be the one who says that a finding does not count"},
}

// excludes says which role of a signer an owner of a roster must not have beside his own, by the same table. Who releases is left out: the
// roster warns of him, and he counts as the maker.
func excludes(s, owner Signer) (role Role, why string, ok bool) {
	for _, a := range apart {
		for _, bad := range a.from {
			if a.role != Release && s.May(a.role) && owner.May(bad) {
				return a.role, a.why, true
			}
		}
	}
	return "", "", false
}

// conflicts reports roles that exclude each other, of one signer or of one key under two, and rebuilders that would count twice.
func (l *loader) conflicts(signers []Signer) {
	for _, a := range apart {
		for _, bad := range a.from {
			for _, s := range signers {
				for _, o := range signers {
					if s.May(a.role) && o.May(bad) && (s.Name == o.Name || shared(s, o)) {
						l.conflict(s, o, a.role, bad, a.why)
					}
				}
			}
		}
	}
	for i, s := range signers {
		for _, o := range signers[:i] {
			if s.May(Rebuilder) && o.May(Rebuilder) && s.OwnedBy() != o.OwnedBy() && shared(s, o) {
				l.Report(diag.CodeTrustShared, l.At[strictyaml.Join("signers", s.Name)],
					fmt.Sprintf("`%s` and `%s` share a key or identity and have two owners", strictyaml.Short(o.Name), strictyaml.Short(s.Name)),
					"one party would count as two owners", "put it under the owner that it belongs to, or give both entries one `owner`")
			}
		}
	}
}

func (l *loader) conflict(s, o Signer, role, bad Role, why string) {
	what := fmt.Sprintf("`%s` has the role %s, and `%s` the role %s, with one key or identity", strictyaml.Short(s.Name), role, strictyaml.Short(o.Name), bad)
	if s.Name == o.Name {
		what = fmt.Sprintf("`%s` has both the role %s and the role %s", strictyaml.Short(s.Name), role, bad)
	}
	l.Report(diag.CodeTrustRoles, l.At[strictyaml.Join("signers", o.Name)+".roles"], what, why, "make another key: `selfsame key new --out "+string(bad)+"`")
}

// shared says whether two signers are one party in part. Of two expressions it knows only that they are equal: whether they overlap is not
// asked, and where rebuilds are counted each identity counts once (verify).
func shared(a, b Signer) bool {
	for _, k := range a.Keys {
		if b.Is(Party{Key: k}) {
			return true
		}
	}
	for _, i := range a.Identities {
		for _, j := range b.Identities {
			if i.Issuer == j.Issuer && (i.Subject != "" && j.Matches(Identity{i.Issuer, i.Subject}) || j.Subject != "" && i.Matches(Identity{j.Issuer, j.Subject}) ||
				i.Pattern != nil && j.Pattern != nil && i.Pattern.String() == j.Pattern.String()) {
				return true
			}
		}
	}
	return false
}
