package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

// Roots is whose word counts, as a trust file says it.
type Roots struct {
	Path   string
	SHA256 string // of the file's bytes, in hexadecimal
	// Sigstore is the path of a trusted_root.json: certificate authorities, logs and timestamp authorities, each with its window.
	// Identities count only against it.
	Sigstore string
	Signers  []Signer // by name
	// DenyList and Index are lists that are asked, too; nil: none.
	DenyList *DenyList
	Index    *Index
	// Policy is the signed policy that decides what may run; nil: none is named.
	Policy *PolicyPlace
	// Warnings are what a reader should look at and what stops nothing.
	Warnings diag.List
}

// file is a trust file as it is written.
type file struct {
	Version  string           `yaml:"trust" check:"required,version"`
	Sigstore string           `yaml:"sigstore" check:"path"`
	Signers  map[string]entry `yaml:"signers" check:"required,keys=name"`
	DenyList denyList         `yaml:"denylist"`
	Index    index            `yaml:"index"`
	Policy   policyPlace      `yaml:"policy"`
}

// entry is one signer as it is written.
type entry struct {
	Keys        []string         `yaml:"keys" check:"key,unique"`
	Identities  []identity       `yaml:"identities"`
	Roles       []string         `yaml:"roles" check:"required,role,unique"`
	Builders    map[string]Level `yaml:"builders" check:"keys=builder"`
	Verifiers   []string         `yaml:"verifiers" check:"builder,unique"`
	Names       []string         `yaml:"names" check:"repository,unique"`
	Unnamed     bool             `yaml:"unnamed"`
	From        time.Time        `yaml:"from"`
	Until       time.Time        `yaml:"until"`
	Owner       string           `yaml:"owner" check:"name"`
	Environment string           `yaml:"environment" check:"name"`
}

type identity struct {
	Issuer        string `yaml:"issuer" check:"required,issuer"`
	Subject       string `yaml:"subject" check:"subject"`
	SubjectRegexp string `yaml:"subjectRegexp" check:"expression"`
}

func dialect(noun string) *strictyaml.Dialect {
	return &strictyaml.Dialect{
		Noun: noun, Starter: "run `selfsame trust init` for a file to start from", Check: "selfsame trust check",
		Misspelt: "a misspelt key would trust somebody further than was meant, without a word",
		Large:    "keep keys in files of their own", Deep: "write one entry for each signer",
		Formats: formats, Special: special,
		Codes: strictyaml.Codes{
			TooLarge: diag.CodeTrustText, Encoding: diag.CodeTrustText, Syntax: diag.CodeTrustText, Documents: diag.CodeTrustText,
			TooDeep: diag.CodeTrustText, MoreErrors: diag.CodeTrustText, Alias: diag.CodeTrustText, Tag: diag.CodeTrustText,
			KeyType: diag.CodeTrustKeys, DuplicateKey: diag.CodeTrustKeys, UnknownKey: diag.CodeTrustKeys, MissingKey: diag.CodeTrustKeys,
			WrongType: diag.CodeTrustValue, Unquoted: diag.CodeTrustValue, EmptyValue: diag.CodeTrustValue,
			Invisible: diag.CodeTrustValue, Repeated: diag.CodeTrustValue,
		},
	}
}

// KeyReader reads a public key from PEM; signing.LoadVerifier is behind it.
type KeyReader func(pem []byte) (Key, error)

// Load reads the trust file at path and the keys that it names. The error is a diag.List (A0601-A0610) with everything that is
// wrong, each at its line.
func Load(path string, key KeyReader) (Roots, error) {
	data, err := read(path)
	if err != nil {
		return Roots{}, err
	}
	return Parse(path, data, key)
}

// Parse reads a trust file from data; relative paths in it start from the folder of path.
func Parse(path string, data []byte, key KeyReader) (Roots, error) {
	var f file
	l := loader{Decoder: strictyaml.New(dialect("trust file"), path, data), dir: filepath.Dir(path), key: key}
	r := Roots{Path: path, SHA256: sum(data)}
	if l.Decode(reflect.ValueOf(&f).Elem()) {
		if f.Sigstore != "" {
			r.Sigstore = l.path(f.Sigstore)
			if _, err := strictyaml.ReadFile(r.Sigstore); err != nil {
				l.Report(diag.CodeTrustKeyFile, l.At["sigstore"], "`"+strictyaml.Short(f.Sigstore)+"` cannot be read", err.Error(), "give the path of a trusted_root.json, relative to this file")
			}
		}
		for _, name := range sorted(f.Signers) {
			r.Signers = append(r.Signers, l.signer(name, f.Signers[name]))
		}
		l.conflicts(r.Signers)
		l.lists(f, &r)
	}
	r.Warnings = l.warnings
	return r, l.Err()
}

// read reads a trust file or roster.
func read(path string) ([]byte, error) {
	data, err := strictyaml.ReadFile(path)
	if err != nil {
		return nil, diag.List{diag.Errorf(diag.CodeTrustUnreadable, "cannot read `%s`: %w", strictyaml.Short(path), diag.WithoutPath(err)).
			WithAt(diag.Position{File: path}, "").WithHelp("selfsame trust init")}
	}
	return data, nil
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

func sorted[V any](m map[string]V) []string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
