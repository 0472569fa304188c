package intoto

import (
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
	"github.com/selfsame-build/selfsame/internal/strictjson"
	"github.com/selfsame-build/selfsame/trust"
)

// Layout is a layout that was read and holds nothing that this package does not understand.
type Layout struct {
	doc        document
	expires    time.Time
	keys       map[string][]byte         // key id -> SubjectPublicKeyInfo, DER
	identities map[string]trust.Identity // and of those that are no keys
	deps       []int                     // of each step, the first step that its rules refer to
}

// Step is one step for people and reports.
type Step struct {
	Name          string
	Functionaries []string // key ids, also of identities
	Threshold     int
	Command       []string // expected; empty: any
	// Materials and Products are the rules as they are written, "MATCH * WITH PRODUCTS FROM lock".
	Materials, Products []string
}

// Parse reads a layout: the very bytes whose signature was checked. Everything is strict: a field that is not known, a key twice, a rule
// that cannot be applied, a MATCH from a step that does not exist, one key under two ids. What cannot be honoured is refused by name.
func Parse(payload []byte) (*Layout, error) {
	l := &Layout{keys: map[string][]byte{}, identities: map[string]trust.Identity{}}
	limits := strictjson.Limits{MaxBytes: MaxLayoutBytes, MaxDepth: maxDepth, MaxValues: maxValues}
	err := strictjson.Unmarshal(payload, &l.doc, limits)
	if err == nil {
		err = l.check()
	}
	if err != nil {
		return nil, fmt.Errorf("reading a layout: %w", err)
	}
	return l, nil
}

// Expires is when the layout ends to count.
func (l *Layout) Expires() time.Time { return l.expires }

// Readme is the owner's text.
func (l *Layout) Readme() string { return l.doc.Readme }

// Keys are the functionaries' public keys as SubjectPublicKeyInfo in PEM, by key id.
func (l *Layout) Keys() map[string][]byte {
	out := map[string][]byte{}
	for id, raw := range l.keys {
		out[id] = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: raw})
	}
	return out
}

// Identities are the functionaries who are no keys, by key id. A certificate proves one.
func (l *Layout) Identities() map[string]trust.Identity { return maps.Clone(l.identities) }

// Steps are the steps in order.
func (l *Layout) Steps() []Step {
	var out []Step
	for _, s := range l.doc.Steps {
		out = append(out, Step{
			Name: s.Name, Functionaries: slices.Clone(s.PubKeys), Threshold: s.Threshold, Command: s.ExpectedCommand,
			Materials: words(s.ExpectedMaterials), Products: words(s.ExpectedProducts),
		})
	}
	return out
}

func words(rules [][]string) []string {
	var out []string
	for _, r := range rules {
		out = append(out, strings.Join(r, " "))
	}
	return out
}

var stepName = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// CheckStepName says why name is none for a step; nil when it is one. It becomes part of file names, so it is nothing but a word.
func CheckStepName(name string) error {
	if !stepName.MatchString(name) || strings.Contains(name, "..") {
		return fmt.Errorf("%.80q is no name for a step: letters, digits, dot, dash and underscore", name)
	}
	return nil
}
