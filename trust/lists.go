package trust

import (
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

// DenyList is where the list lies that is asked before anything else. The signers with the role revoker speak in it.
type DenyList struct {
	List    string        // a reference, or an absolute path
	Minimum int64         // least sequence number; 0: any
	MaxAge  time.Duration // since it was issued; 0: until it ends
}

// Index demands that everything is there that a release index lists. The signers with the role indexer speak in it, or, in a roster, the
// owner's own keys for it.
type Index struct {
	In      string // the repository; empty: the image's own
	Minimum int64  // least sequence number; 0: any
	Keys    []Key  // of a roster's owner
}

// PolicyPlace is where the signed policy lies that decides what may run. The signers with the role policy speak in it.
type PolicyPlace struct {
	At      string        // a reference, or an absolute path
	Minimum int64         // least version; 0: any
	MaxAge  time.Duration // since it was signed; 0: until it ends
}

type policyPlace struct {
	At      string `yaml:"at" check:"required,path"`
	Minimum int    `yaml:"minimum"`
	MaxAge  age    `yaml:"maxAge"`
}

type denyList struct {
	List    string `yaml:"list" check:"required,path"`
	Minimum int    `yaml:"minimum"`
	MaxAge  age    `yaml:"maxAge"`
}

type index struct {
	In      string   `yaml:"in" check:"repository"`
	Minimum int      `yaml:"minimum"`
	Keys    []string `yaml:"keys" check:"key,unique"`
}

type age time.Duration

// ages: days or hours.
var ages = lazyregexp.New(`^[1-9][0-9]{0,3}[dh]$`)

func decodeAge(d *strictyaml.Decoder, f strictyaml.Field, v reflect.Value) {
	text := f.Node.Text
	if f.Node.Kind != strictyaml.Scalar || !ages.MatchString(text) {
		d.Report(diag.CodeTrustForm, d.Where(f), "this is not an age", "an age is a number of days or hours", "write it like `7d` or `12h`")
		return
	}
	n, unit := text[:len(text)-1], time.Hour
	if strings.HasSuffix(text, "d") {
		unit = 24 * time.Hour
	}
	count, _ := strconv.Atoi(n) // at most four digits
	v.SetInt(int64(time.Duration(count) * unit))
}

// lists reads what a trust file says of lists. Each needs somebody who may speak in it.
func (l *loader) lists(f file, r *Roots) {
	if l.Seen["denylist"] {
		r.DenyList = &DenyList{List: l.place(f.DenyList.List), Minimum: int64(f.DenyList.Minimum), MaxAge: time.Duration(f.DenyList.MaxAge)}
		l.spoken("denylist", Revoker, r.Signers)
	}
	if l.Seen["policy"] {
		r.Policy = &PolicyPlace{At: l.place(f.Policy.At), Minimum: int64(f.Policy.Minimum), MaxAge: time.Duration(f.Policy.MaxAge)}
		l.spoken("policy", Policy, r.Signers)
	}
	if l.Seen["index"] {
		r.Index = &Index{In: f.Index.In, Minimum: int64(f.Index.Minimum)}
		if len(f.Index.Keys) > 0 {
			l.Report(diag.CodeTrustRoles, l.At["index.keys"], "`index` of a trust file has no keys of its own", "the signers with the role indexer speak in it", "give a signer the role `indexer`")
		}
		l.spoken("index", Indexer, r.Signers)
	}
}

// place is a file beside this one, by its absolute path; else a reference.
func (l *loader) place(text string) string {
	if _, err := strictyaml.ReadFile(l.path(text)); err == nil {
		text, _ = filepath.Abs(l.path(text))
	}
	return text
}

// spoken reports a list in which nobody may speak: it could never hold.
func (l *loader) spoken(at string, role Role, signers []Signer) {
	for _, s := range signers {
		if s.May(role) {
			return
		}
	}
	l.Report(diag.CodeTrustRoles, l.At[at], "nobody has the role "+string(role), "nothing that `"+at+"` finds could hold", "give a signer `roles: ["+string(role)+"]`, with a key of its own")
}

// ownIndex reads where an owner of a roster publishes what it has said.
func (l *loader) ownIndex(name string, x index) *Index {
	at := strictyaml.Join(strictyaml.Join("owners", name), "index")
	if !l.Seen[at] {
		return nil
	}
	out := &Index{In: x.In, Minimum: int64(x.Minimum)}
	for i, k := range x.Keys {
		if got, ok := l.publicKey(at+".keys["+strconv.Itoa(i)+"]", k); ok {
			out.Keys = append(out.Keys, got)
		}
	}
	if x.In == "" || len(x.Keys) == 0 {
		l.Report(diag.CodeTrustNobody, l.At[at], "`index` needs `in` and `keys`", "an owner's index lies in a repository of its own, signed by a key of its own", "write `index: {in: registry.example.com/qa/index, keys: [qa-index.pub]}`")
	}
	return out
}
