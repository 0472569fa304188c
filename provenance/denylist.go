package provenance

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/strictjson"
	"github.com/selfsame-build/selfsame/trust"
)

// PredicateDenyList is the type of a deny list: what is not to be used any more, whoever signed for it (docs/reference/denylist.md).
const PredicateDenyList = "https://selfsame.build/denylist/v0.1"

// maxDenied bounds the entries of one list. At 300 bytes each that is 15 MB.
const maxDenied = 50_000

// DenyList is the predicate of a deny list.
type DenyList struct {
	Edition
	Entries []DenyEntry `json:"entries"`
}

// DenyEntry takes back one thing. Exactly one of Digest, Signer, Builder, Base and Package says which.
type DenyEntry struct {
	// Digest is an image: an index or a platform manifest.
	Digest digest.Digest `json:"digest,omitempty"`
	// Signer is a party whose statements do not count from Since on.
	Signer *trust.Party `json:"signer,omitempty"`
	// Builder is a builder.id whose builds do not count from Since on.
	Builder string `json:"builder,omitempty"`
	// Base is the digest of an input: an image that was built on it is denied.
	Base digest.Digest `json:"base,omitempty"`
	// Package is a package URL; without a version every version, without a qualifier every value of it.
	Package string `json:"package,omitempty"`

	// Since is for Signer and Builder: trusted time of the first statement that does not count. The zero time: from the beginning.
	Since time.Time `json:"since,omitzero"`
	// Reason is for those who are refused, one line of at most 500 bytes.
	Reason string `json:"reason"`
	// Added is when the entry was made, by the list's signer's own word.
	Added time.Time `json:"added"`
}

// Subject is what the entry takes back, as in "digest sha256:..." or "signer key HINT since 2026-11-28T11:00:00Z".
func (e DenyEntry) Subject() string {
	since := ""
	if !e.Since.IsZero() {
		since = " since " + stamp(e.Since)
	}
	switch {
	case e.Digest != "":
		return "digest " + e.Digest.String()
	case e.Signer != nil:
		return "signer " + e.Signer.String() + since
	case e.Builder != "":
		return "builder " + e.Builder + since
	case e.Base != "":
		return "base " + e.Base.String()
	}
	return "package " + e.Package
}

// Check says why e is no entry; nil when it is one.
func (e DenyEntry) Check() error {
	kinds := 0
	for _, set := range []bool{e.Digest != "", e.Signer != nil, e.Builder != "", e.Base != "", e.Package != ""} {
		if set {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return fmt.Errorf("an entry is for one of digest, signer, builder, base and package; here are %d", kinds)
	case !e.Since.IsZero() && e.Signer == nil && e.Builder == "":
		return fmt.Errorf("%s: only a signer or a builder is denied since a time", e.Subject())
	case e.Added.IsZero():
		return fmt.Errorf("%s: the entry has no date", e.Subject())
	case !oneLine(e.Reason, 500):
		return fmt.Errorf("%s: the reason is not one line of 1 to 500 bytes", e.Subject())
	case e.Builder != "" && !oneLine(e.Builder, 1024):
		return fmt.Errorf("the builder's id is not one line of at most 1024 bytes")
	case e.Digest != "":
		return checkSHA256("denied digest", e.Digest)
	case e.Base != "":
		return checkSHA256("denied base", e.Base)
	case e.Package != "":
		_, err := parsePURL(e.Package)
		return err
	case e.Signer != nil:
		return checkParty(*e.Signer)
	}
	return nil
}

func oneLine(s string, limit int) bool {
	return s != "" && len(s) <= limit && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// checkParty demands a key or an identity, not both: an entry that names neither would be for nobody.
func checkParty(p trust.Party) error {
	id := p.Identity
	switch {
	case (p.Key.Hint == "") == (id == trust.Identity{}):
		return fmt.Errorf("a signer is a key or an identity")
	case p.Key.Hint != "" && !oneLine(p.Key.Hint, 100):
		return fmt.Errorf("a key's hint is not base64(sha256(key))")
	case p.Key.Hint == "" && (!oneLine(id.Issuer, 1024) || !oneLine(id.Subject, 1024)):
		return fmt.Errorf("an identity is an issuer and a subject")
	}
	return nil
}

// Check says why l is no deny list; nil when it is one.
func (l DenyList) Check() error {
	if err := l.Edition.Check(); err != nil {
		return err
	}
	if len(l.Entries) > maxDenied {
		return fmt.Errorf("%d entries, the limit is %d", len(l.Entries), maxDenied)
	}
	for _, e := range l.Entries {
		if err := e.Check(); err != nil {
			return err
		}
	}
	return nil
}

// DenyListStatement makes the statement of a deny list. name is the repository that it is published in: it keeps one list from being
// served in another's place.
func DenyListStatement(name string, l DenyList) (Subjected, error) {
	if err := l.Check(); err != nil {
		return Subjected{}, fmt.Errorf("making a deny list: %w", err)
	}
	if l.Entries == nil {
		l.Entries = []DenyEntry{}
	}
	entries, err := encode(l.Entries)
	if err != nil {
		return Subjected{}, err
	}
	return marshal(name, listSubject(entries), PredicateDenyList, l)
}

// DenyList reads the predicate of a deny list and the name of the list. An entry of a kind that is not known is an error: it could be
// the one that matters.
func (s Statement) DenyList() (DenyList, string, error) {
	var l DenyList
	if s.PredicateType != PredicateDenyList {
		return l, "", fmt.Errorf("reading a deny list: the predicate type is %q, not %q", s.PredicateType, PredicateDenyList)
	}
	var shape struct {
		Edition
		Entries json.RawMessage `json:"entries"`
	}
	for _, into := range []any{&l, &shape} {
		if err := strictjson.Unmarshal(s.Predicate, into, strictjson.Limits{MaxBytes: MaxStatementBytes, MaxDepth: maxDepth, MaxValues: maxValues}); err != nil {
			return l, "", fmt.Errorf("reading a deny list: %w", err)
		}
	}
	name, err := checkListSubject(s, shape.Entries)
	if err == nil {
		err = l.Check()
	}
	if err != nil {
		return l, "", fmt.Errorf("reading a deny list: %w", err)
	}
	return l, name, nil
}
