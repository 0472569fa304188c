package cause

import (
	"fmt"
	"sort"
	"strings"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// randomness is what was drawn: identifiers, keys, seeds, hash order.
var randomness = Cause{
	Class: "T13", Title: "randomness", judge: judgeRandom,
	Remedy: "derive it from the input, or make it when the container starts; fix the seed (PYTHONHASHSEED=0, PERL_HASH_SEED=0, -frandom-seed)",
	Page: `A value was drawn: an identifier, a key, a salt, a seed, or the order of a hash table with a random seed.

Identifiers: derive them from the input (uuid5, a digest). Keys and machine ids: remove them in the same step and make them when the container
starts. Hash order: sort, or fix the seed (PYTHONHASHSEED=0, PERL_HASH_SEED=0). gcc: -frandom-seed=NAME.`,
}

var (
	uuid     = lazyregexp.New(`^\{?[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\}?$`)
	hexadec  = lazyregexp.New(`^[0-9a-fA-F]{8,}$`)
	base64ed = lazyregexp.New(`^[A-Za-z0-9+/_.$=-]{12,}$`)
	decimal  = lazyregexp.New(`^\d{5,}$`)
)

// drawnFiles are files that are random by their nature.
var drawnFiles = lazyregexp.New(`(^|/)(machine-id|random-seed|ssh_host_\w+_key(\.pub)?|boot_id|instance-id)$`)

func judgeRandom(s *spot) (verdict, bool) {
	if drawnFiles.MatchString(s.path) {
		return verdict{certainty: Certain, weight: 9, evidence: "a file that is drawn at random: " + s.base(),
			fix: "delete it in the same step (rm -f /" + s.path + "), and make it when the container starts"}, true
	}
	if s.derived() {
		return verdict{}, false
	}
	if v, ok := hashOrder(s); ok {
		return v, true
	}
	if s.kind() == "order" && s.part != nil && s.format != "elf" {
		return verdict{certainty: Likely, weight: 1, evidence: "the same in another order, as a hash table with a random seed gives it",
			fix: "sort before writing, or fix the seed: PYTHONHASHSEED=0 (Python), PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0 (Perl)"}, true
	}
	for _, r := range s.runs {
		a, b := trimmed(r.a), trimmed(r.b)
		switch {
		case uuid.MatchString(a) && uuid.MatchString(b):
			return verdict{certainty: Likely, weight: 8, evidence: fmt.Sprintf("two identifiers: %s and %s", quote(a), quote(b))}, true
		case len(a) == len(b) && hexadec.MatchString(a) && hexadec.MatchString(b) && !looksPointer(a):
			return verdict{certainty: Likely, weight: 3, evidence: fmt.Sprintf("two numbers with nothing in common: %s and %s", quote(a), quote(b))}, true
		case len(a) == len(b) && base64ed.MatchString(a) && base64ed.MatchString(b) && mixed(a) && mixed(b):
			return verdict{certainty: Likely, weight: 2, evidence: fmt.Sprintf("two words with nothing in common: %s and %s", quote(a), quote(b))}, true
		case decimal.MatchString(a) && decimal.MatchString(b) && len(a)-len(b) <= 3 && len(b)-len(a) <= 3:
			return verdict{certainty: Likely, weight: 1, evidence: fmt.Sprintf("two numbers: %s and %s", quote(a), quote(b))}, true
		}
	}
	return noise(s)
}

// derived says whether the value is a digest of other content: what it is made from has the cause. A build id alone differs where what was
// linked has been stripped since.
func (s *spot) derived() bool {
	return strings.Contains(s.field, "build id") || strings.Contains(s.field, "crc") || strings.Contains(s.field, "checksum") || strings.Contains(s.field, ".gnu_debuglink")
}

// trimmed is the token without what encloses it: name=VALUE, "VALUE",
func trimmed(s side) string {
	t := s.token()
	if i := strings.LastIndexAny(t, "=:/("); i >= 0 && i < len(t)-8 {
		t = t[i+1:]
	}
	return strings.Trim(t, `"'(){}[]<>.,:;`)
}

// mixed says whether a word has letters of both cases and digits, as drawn ones do.
func mixed(w string) bool {
	var lower, upper, digit int
	for _, c := range w {
		switch {
		case c >= 'a' && c <= 'z':
			lower++
		case c >= 'A' && c <= 'Z':
			upper++
		case c >= '0' && c <= '9':
			digit++
		}
	}
	return lower > 0 && upper+digit > 1 || upper > 0 && digit > 1
}

// noise is a run of bytes on both sides that has no structure at all: most of its bytes differ, and few come twice.
func noise(s *spot) (verdict, bool) {
	for _, r := range s.runs {
		a, b := r.a.own(), r.b.own()
		if len(a) < 16 || len(b) < 16 || len(a) != len(b) && s.format != "" {
			continue
		}
		if spread(a) > 0.6 && spread(b) > 0.6 && plainBytes(a) < 0.7 {
			return verdict{certainty: Likely, weight: 1, evidence: fmt.Sprintf("%d bytes without any structure", len(a))}, true
		}
	}
	return verdict{}, false
}

// spread is how many different bytes a run has, as a part of what it could have.
func spread(t string) float64 {
	seen := map[byte]bool{}
	for i := range len(t) {
		seen[t[i]] = true
	}
	return float64(len(seen)) / float64(min(len(t), 200))
}

func plainBytes(t string) float64 {
	n := 0
	for i := range len(t) {
		if t[i] >= 0x20 && t[i] < 0x7f {
			n++
		}
	}
	return float64(n) / float64(len(t))
}

var item = lazyregexp.New(`[A-Za-z0-9_.:'"-]+`)

// hashOrder is one line with the same words in another order: a set or hash that was written as it came.
func hashOrder(s *spot) (verdict, bool) {
	for _, r := range s.runs {
		a := item.FindAllString(string(r.a.text[lineStart(r.a):lineEnd(r.a)]), -1)
		b := item.FindAllString(string(r.b.text[lineStart(r.b):lineEnd(r.b)]), -1)
		if len(a) < 3 || len(a) != len(b) || strings.Join(a, " ") == strings.Join(b, " ") {
			continue
		}
		sort.Strings(a)
		sort.Strings(b)
		if strings.Join(a, " ") == strings.Join(b, " ") {
			return verdict{certainty: Likely, weight: 6, evidence: "one line holds the same words in another order, as a hash table with a random seed gives them",
				fix: "sort before writing, or fix the seed: PYTHONHASHSEED=0 (Python), PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0 (Perl)"}, true
		}
	}
	return verdict{}, false
}
