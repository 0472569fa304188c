//go:build !front

package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

// file is a policy as it is written. The desc tags are the reference's and the schema's.
type file struct {
	Format  string    `yaml:"policy" check:"required,format" desc:"The format of this file."`
	Name    string    `yaml:"name" check:"required,name" desc:"What verdicts call this policy."`
	Version int       `yaml:"version" check:"required" desc:"Grows with each change, from 1. A gate refuses one that is older than it has seen."`
	Expires time.Time `yaml:"expires" desc:"From then on the policy denies everything. Left out: it has no end of its own."`
	Rules   []rule    `yaml:"rules" check:"required" desc:"Each rule that is about an image and in force must be true of it. An image that no rule is about is denied."`
	Waivers []waiver  `yaml:"waivers" desc:"Which image need not satisfy which rule, by whose word and until when."`
}

// rule is one rule as it is written.
type rule struct {
	Name    string     `yaml:"name" check:"required,name" desc:"What waivers, cases and verdicts call it; there once."`
	Match   []string   `yaml:"match" check:"required,pattern,unique" desc:"Names of images (repositories, without tag) that it is about. A star stands for a part of a path element, two for any number of elements."`
	On      time.Time  `yaml:"effectiveOn" desc:"It is in force from then on. Left out: it always was."`
	Until   time.Time  `yaml:"effectiveUntil" desc:"It is in force until then. Left out: it has no end."`
	Require expression `yaml:"require" check:"required" desc:"An expression in CEL over the evidence, true or false."`
	Message string     `yaml:"message" check:"required,line" desc:"Why an image is denied if the rule is not true of it: one line."`
	Fix     string     `yaml:"fix" check:"required,remedy" desc:"What its owner can do about it: one line."`
}

// waiver is one waiver as it is written.
type waiver struct {
	Rule    string    `yaml:"rule" check:"required,name" desc:"The rule that need not hold."`
	Images  []string  `yaml:"images" check:"required,digest,unique" desc:"Digests of the images; nothing else is excused."`
	Owner   string    `yaml:"owner" check:"required,line" desc:"Who answers for the waiver."`
	Reason  string    `yaml:"reason" check:"required,line" desc:"Why the image is excused."`
	Expires time.Time `yaml:"expires" check:"required" desc:"From then on it excuses nothing."`
}

func dialect(noun string) *strictyaml.Dialect {
	return &strictyaml.Dialect{
		Noun: noun, Starter: "selfsame policy new", Check: "selfsame policy test",
		Misspelt: "a misspelt key would change what is allowed, without a word",
		Large:    "make two policies of it", Deep: "make two policies of it",
		Formats: formats, Special: special,
		Codes: strictyaml.Codes{
			TooLarge: diag.CodePolicyText, Encoding: diag.CodePolicyText, Syntax: diag.CodePolicyText, Documents: diag.CodePolicyText,
			TooDeep: diag.CodePolicyText, MoreErrors: diag.CodePolicyText, Alias: diag.CodePolicyText, Tag: diag.CodePolicyText,
			KeyType: diag.CodePolicyKeys, DuplicateKey: diag.CodePolicyKeys, UnknownKey: diag.CodePolicyKeys, MissingKey: diag.CodePolicyKeys,
			WrongType: diag.CodePolicyValue, Unquoted: diag.CodePolicyValue, EmptyValue: diag.CodePolicyValue,
			Invisible: diag.CodePolicyValue, Repeated: diag.CodePolicyValue,
		},
	}
}

// Load reads the policy at path. The error is a diag.List (A0620 to A0633) with everything that is wrong, each at its line.
func Load(path string) (*Policy, error) {
	data, err := strictyaml.ReadFile(path)
	if err != nil {
		return nil, diag.List{diag.Errorf(diag.CodePolicyUnreadable, "cannot read `%s`: %w", strictyaml.Short(path), diag.WithoutPath(err)).
			WithAt(diag.Position{File: path}, "").WithHelp("give the path of a policy, as `selfsame policy new` writes one")}
	}
	return Parse(path, data)
}

// Parse reads a policy from data; diagnostics bear path. It keeps nothing of data.
func Parse(path string, data []byte) (*Policy, error) {
	var f file
	l := loader{Decoder: strictyaml.New(dialect("policy"), path, data)}
	sum := sha256.Sum256(data)
	if !l.Decode(reflect.ValueOf(&f).Elem()) {
		return nil, l.Err()
	}
	p := l.policy(f)
	p.path, p.edition.SHA256 = path, hex.EncodeToString(sum[:])
	if err := l.Err(); err != nil {
		return nil, err
	}
	p.warnings = l.warnings
	return p, nil
}
