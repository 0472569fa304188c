package verify

import (
	"fmt"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// alone is the trust file that keys and identities without one stand for: whoever is named may release, rebuild, and say that something
// differed. Each is an entry of its own: one's word does not take back another's. Windows, names and levels need a file. Of identities a root vouches for everybody's, and those alone count that a rule names.
func (o Options) alone() []trust.Signer {
	out := []trust.Signer{}
	add := func(keys []trust.Key, rules []trust.IdentityRule) {
		out = append(out, trust.Signer{Name: "key", Keys: keys, Identities: rules, Roles: []trust.Role{trust.Release, trust.Rebuilder, trust.Finding}})
	}
	for _, k := range o.Trust.Keys {
		add([]trust.Key{k.Key()}, nil)
	}
	for _, r := range o.Identities {
		add(nil, []trust.IdentityRule{r})
	}
	return out
}

// UseTrust lets the signers of the trust file at path count, and nobody else but owners of a roster. The warnings are the
// file's, now being the time.
func (o *Options) UseTrust(path string, now time.Time) (diag.List, error) {
	roots, err := trust.Load(path, o.keyReader())
	if err != nil {
		return nil, err
	}
	o.Signers, o.TrustedRoot, o.PolicySHA256 = roots.Signers, roots.Sigstore, roots.SHA256
	o.DenyAt, o.IndexAt, o.PolicyAt = roots.DenyList, roots.Index, roots.Policy
	return roots.Check(now), nil
}

// UseRoster lets the owners of the roster at path count as rebuilders, beside who counts already: call it last.
func (o *Options) UseRoster(path string) (diag.List, error) {
	if o.Signers == nil {
		o.Signers, o.unnamed = o.alone(), true
	}
	roster, err := trust.LoadRoster(path, o.keyReader())
	if err != nil {
		return nil, err
	}
	o.Roster = &roster
	o.Demand = o.Demand.Stricter(roster.Demand)
	found := roster.Check(o.Signers)
	return found, found.Err()
}

// keyReader adds every key that a file names to those whose signatures hold.
func (o *Options) keyReader() trust.KeyReader {
	return func(pem []byte) (trust.Key, error) {
		v, err := signing.LoadVerifier(pem)
		if err != nil {
			return trust.Key{}, err
		}
		for _, have := range o.Trust.Keys {
			if have.Key() == v.Key() {
				return v.Key(), nil
			}
		}
		o.Trust.Keys = append(o.Trust.Keys, v)
		return v.Key(), nil
	}
}

// Speaks tells who may speak in a role, for lists that are found by themselves (freshness.Demand.Counts): under which names a
// signer speaks bounds these, too.
func (o Options) Speaks(role trust.Role) freshness.Counts {
	entries := o.entries()
	return func(by trust.Party, at time.Time, series string) bool {
		if trust.Ambiguous(by, o.signers(), o.owners()) != nil {
			return false
		}
		for _, e := range entries {
			if e.Is(by) && e.May(role) && e.Timing(at) == trust.InTime && (e.SpeaksFor(series) || e.Unnamed && series == "") {
				return true
			}
		}
		return false
	}
}

// entries are all who count.
func (o Options) entries() []trust.Signer {
	out := o.signers()
	return append(out[:len(out):len(out)], o.owners()...)
}

// signers are those of the trust file, or of what stands for one.
func (o Options) signers() []trust.Signer {
	if o.Signers == nil {
		return o.alone()
	}
	return o.Signers
}

// owners are those of the roster.
func (o Options) owners() []trust.Signer {
	if o.Roster == nil {
		return nil
	}
	return o.Roster.Owners
}

// statement is one statement whose signature holds, by somebody whose word counts for something.
type statement struct {
	provenance.Statement
	referrer digest.Digest // the manifest that carries it
	bundle   digest.Digest // the signed bundle
	payload  digest.Digest // the very bytes that are signed; what a waiver names
	by       trust.Party
	at       time.Time // as a trusted party vouches for; zero: nobody does
	// who are the entries of trust file and roster that this is, as far as name and time allow them to speak here.
	who []trust.Signer
	// owners are those of the roster among them.
	owners []trust.Signer
	// unreadable is why nothing of it is known but who signed it; nil: it was read.
	unreadable error
}

// may finds the entry under which the statement may be made: the first one with one of the roles.
func (s statement) may(roles ...trust.Role) (trust.Signer, bool) {
	for _, w := range s.who {
		if w.May(roles...) {
			return w, true
		}
	}
	return trust.Signer{}, false
}

// releaser names the entry by which the statement says where an image came from.
func (s statement) releaser() string {
	w, _ := s.may(trust.Release)
	return w.Name
}

// order sorts statements by what they say and who says it, and by nothing that depends on where they lie.
func (s statement) order() string {
	return s.PredicateType + " " + s.payload.String() + " " + s.by.String() + " " + s.bundle.String()
}

// name is the repository that the statement is about. Statements with several subjects are refused later.
func (s statement) name() string {
	if len(s.Subject) == 0 {
		return ""
	}
	return s.Subject[0].Name
}

// namesOneOf says whether e may speak for a repository that the statement names. One with several counts against an image only, so any will do.
func (s statement) namesOneOf(e trust.Signer) bool {
	for _, subject := range s.Subject {
		if e.SpeaksFor(subject.Name) {
			return true
		}
	}
	return len(s.Subject) == 0 && e.SpeaksFor("") || e.Unnamed && s.name() == "" // then the image's own name is compared (bears)
}

// admit finds out who s is by. ok are those whose word counts now; undated are those with a window, where nobody trusted says
// when it was signed: their word counts against an image and never for it. why says what is wrong when both are empty.
func (s statement) admit(entries []trust.Signer) (ok, undated []trust.Signer, why string) {
	why = "whom the trust file does not name"
	for _, e := range entries {
		if !e.Is(s.by) {
			continue
		}
		if !s.namesOneOf(e) {
			why = fmt.Sprintf("and %s may not speak for %q", e.Name, s.name())
			continue
		}
		switch e.Timing(s.at) {
		case trust.InTime:
			ok = append(ok, e)
		case trust.TimeUnknown:
			undated = append(undated, e)
			why = fmt.Sprintf("and the word of %s counts for a time only, but nobody trusted says when it was signed (time not known)", e.Name)
		case trust.OutOfTime:
			why = fmt.Sprintf("at %s, and %s counted %s", s.at.UTC().Format(time.RFC3339), e.Name, window(e))
		}
	}
	return ok, undated, why
}

func window(s trust.Signer) string {
	text := ""
	if !s.From.IsZero() {
		text = "from " + s.From.Format(time.RFC3339)
	}
	if !s.Until.IsZero() {
		if text != "" {
			text += " "
		}
		text += "until " + s.Until.Format(time.RFC3339)
	}
	return text
}
