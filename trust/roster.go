package trust

import (
	"fmt"
	"path/filepath"
	"reflect"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

// Roster is who may say that an image was built again with the same result, and how many of them have to.
type Roster struct {
	Path   string
	SHA256 string // of the file's bytes, in hexadecimal
	// Owners are by name. Each is counted once, however many keys it has and however often it signs.
	Owners   []Signer
	Demand   Demand
	Warnings diag.List
}

// Demand is what has to come together. Zero demands nothing.
type Demand struct {
	Owners       int // distinct owners whose rebuild matches
	Environments int // distinct environment classes among them
	Refetched    int // owners among them who fetched the inputs anew
	// IncludeOriginal counts who made the image as one owner.
	IncludeOriginal bool
}

// Stricter is the larger of both in each number; the original counts if either says so.
func (d Demand) Stricter(o Demand) Demand {
	return Demand{max(d.Owners, o.Owners), max(d.Environments, o.Environments), max(d.Refetched, o.Refetched), d.IncludeOriginal || o.IncludeOriginal}
}

type rosterFile struct {
	Version string           `yaml:"roster" check:"required,version"`
	Owners  map[string]owner `yaml:"owners" check:"required,keys=name"`
	Demand  demand           `yaml:"demand"`
}

type owner struct {
	Keys        []string   `yaml:"keys" check:"key,unique"`
	Identities  []identity `yaml:"identities"`
	Builders    []string   `yaml:"builders" check:"builder,unique"`
	Names       []string   `yaml:"names" check:"repository,unique"`
	Environment string     `yaml:"environment" check:"name"`
	Index       index      `yaml:"index"`
}

type demand struct {
	Owners          int  `yaml:"owners"`
	Environments    int  `yaml:"environments"`
	Refetched       int  `yaml:"refetched"`
	IncludeOriginal bool `yaml:"includeOriginal"`
}

// LoadRoster reads the roster at path and the keys that it names. The error is as Load's.
func LoadRoster(path string, key KeyReader) (Roster, error) {
	data, err := read(path)
	if err != nil {
		return Roster{}, err
	}
	return ParseRoster(path, data, key)
}

// ParseRoster reads a roster from data; relative paths in it start from the folder of path.
func ParseRoster(path string, data []byte, key KeyReader) (Roster, error) {
	var f rosterFile
	l := loader{Decoder: strictyaml.New(dialect("roster"), path, data), dir: filepath.Dir(path), key: key}
	r := Roster{Path: path, SHA256: sum(data)}
	if l.Decode(reflect.ValueOf(&f).Elem()) {
		for _, name := range sorted(f.Owners) {
			r.Owners = append(r.Owners, l.owner(name, f.Owners[name]))
		}
		r.Demand = Demand(f.Demand)
		l.owners(r.Owners)
		l.reachable(r)
	}
	r.Warnings = l.warnings
	return r, l.Err()
}

// owner may say that its rebuild matched, and that it did not.
func (l *loader) owner(name string, o owner) Signer {
	s := Signer{Name: name, Owner: name, Roles: []Role{Rebuilder, Finding}, Names: o.Names, Environment: o.Environment, Index: l.ownIndex(name, o.Index)}
	l.parties(&s, strictyaml.Join("owners", name), o.Keys, o.Identities)
	for _, b := range o.Builders {
		if s.Builders == nil {
			s.Builders = map[string]Level{}
		}
		s.Builders[b] = 1
	}
	return s
}

// owners reports a party that stands under two of them: it would count twice.
func (l *loader) owners(all []Signer) {
	for i, a := range all {
		for _, b := range all[:i] {
			if shared(a, b) {
				l.Report(diag.CodeTrustShared, l.At[strictyaml.Join("owners", a.Name)], fmt.Sprintf("`%s` and `%s` share a key or identity", strictyaml.Short(b.Name), strictyaml.Short(a.Name)),
					"one party would count as two owners", "put it under the owner that it belongs to")
			}
		}
	}
}

// reachable reports a demand that this roster can never meet.
func (l *loader) reachable(r Roster) {
	most, classes := len(r.Owners), map[string]bool{}
	for _, o := range r.Owners {
		if o.Environment != "" {
			classes[o.Environment] = true
		}
	}
	if r.Demand.IncludeOriginal {
		most++
		classes[""] = true
	}
	for _, d := range []struct {
		key        string
		want, have int
	}{{"owners", r.Demand.Owners, most}, {"environments", r.Demand.Environments, len(classes)}, {"refetched", r.Demand.Refetched, len(r.Owners)}} {
		if d.want > d.have {
			l.Report(diag.CodeTrustForm, l.At["demand."+d.key], fmt.Sprintf("%d %s are demanded, and the roster has at most %d", d.want, d.key, d.have), "nothing could ever pass", "add owners, or demand fewer")
		}
	}
}
