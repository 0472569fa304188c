// Package export writes a trust file down for programs that know less: containers-policy.json(5) of podman, skopeo and CRI-O. Whatever it
// cannot say there it lists, so that nobody takes the one for the other.
package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/trust"
)

// Policy is containers-policy.json(5).
type Policy struct {
	Default    []Requirement                       `json:"default"`
	Transports map[string]map[string][]Requirement `json:"transports"`
}

// Requirement is one of its requirements; all of a list have to hold.
type Requirement struct {
	Type string `json:"type"` // reject, sigstoreSigned
	// KeyData and KeyDatas are public keys in PEM, in base64; one of KeyDatas is enough.
	KeyData        []byte          `json:"keyData,omitempty"`
	KeyDatas       [][]byte        `json:"keyDatas,omitempty"`
	SignedIdentity *SignedIdentity `json:"signedIdentity,omitempty"`
}

// SignedIdentity says which name a signature has to bear.
type SignedIdentity struct {
	Type string `json:"type"`
}

// Always is what no policy.json expresses.
var Always = []string{
	"it reads signatures as `cosign sign` made them before version 3 (simple signing, under the tag sha256-HEX.sig); selfsame's own statements are bundles, and it reads none of them: sign that way, too, with the same key, and each image of an index (`cosign sign --recursive`), for a signature of the index counts for none of them",
	"where to look: /etc/containers/registries.d has to allow sigstore attachments (`selfsame-guard export registries.d`), or every image is rejected",
	"Debian 12: its podman and skopeo are built without sigstore, and reject every image under it",
	"provenance, rebuilds, contents, findings, waivers, promotions and their rules",
	"the deny list: to take an image back, replace the key and sign the others again",
	"time: when a key begins and ends, how fresh anything has to be, expiry of the policy, break-glass",
	"images that are on the node already: podman and skopeo look when they copy, CRI-O also when it creates a container; image volumes not",
}

// Make writes the policy for images below scopes (registry.example.com/team, registry.example.com/team/shop) and below the names that release
// signers speak for; all else is rejected. pem gives a key by its hint. lost says what it does not say, besides Always; scopes without a key
// are rejected like all else, and listed.
func Make(signers []trust.Signer, pem func(hint string) []byte, scopes []string, now time.Time) (p Policy, lost []string) {
	p = Policy{Default: []Requirement{{Type: "reject"}}, Transports: map[string]map[string][]Requirement{"docker": {}}}
	speakers := slices.DeleteFunc(slices.Clone(signers), func(s trust.Signer) bool { return !s.May(trust.Release) })
	all := map[string]bool{}
	for _, scope := range scopes {
		all[scope] = true
	}
	speakers = slices.DeleteFunc(speakers, func(s trust.Signer) bool {
		gone := !s.Until.IsZero() && !now.Before(s.Until) || now.Before(s.From)
		if gone {
			lost = append(lost, fmt.Sprintf("signer %s: its word does not count now, and it is left out", s.Name))
		}
		return gone
	})
	for _, s := range speakers {
		lost = append(lost, limits(s, len(scopes) != 0)...)
		for _, name := range s.Names {
			all[strings.TrimSuffix(name, "/*")] = true
		}
	}
	for _, scope := range slices.Sorted(maps.Keys(all)) {
		keys := keysOf(speakers, scope, pem)
		if len(keys) == 0 {
			lost = append(lost, "scope "+scope+": nobody with a key speaks for it, and it is rejected")
		}
		if len(keys) > 1 {
			lost = append(lost, "scope "+scope+": one of several keys is enough, which podman before 5.3, skopeo before 1.17 and CRI-O before 1.32 do not know: they refuse the whole file")
		}
		p.Transports["docker"][scope] = []Requirement{signed(keys)}
	}
	return p, lost
}

// Attachments is a file for containers-registries.d(5): these programs look for signatures beside an image only where one says so.
func (p Policy) Attachments() []byte {
	var b bytes.Buffer
	b.WriteString("docker:\n")
	for _, scope := range slices.Sorted(maps.Keys(p.Transports["docker"])) {
		fmt.Fprintf(&b, "    %q: {use-sigstore-attachments: true}\n", scope)
	}
	return b.Bytes()
}

func signed(keys [][]byte) Requirement {
	r := Requirement{Type: "sigstoreSigned", SignedIdentity: &SignedIdentity{"matchRepository"}}
	switch len(keys) {
	case 0:
		return Requirement{Type: "reject"}
	case 1:
		r.KeyData = keys[0]
	default:
		r.KeyDatas = keys // podman 5.3, skopeo 1.17 and CRI-O 1.32 know these
	}
	return r
}

// keysOf are the keys of all who speak for everything in a scope. Who speaks for a part of it only has a scope of his own, and the longest
// that fits is the only one that counts.
func keysOf(speakers []trust.Signer, scope string, pem func(string) []byte) (keys [][]byte) {
	seen := map[string]bool{}
	for _, s := range speakers {
		if !covers(s, scope) {
			continue
		}
		for _, k := range s.Keys {
			if text := pem(k.Hint); len(text) != 0 && !seen[k.Hint] {
				seen[k.Hint] = true
				keys = append(keys, text)
			}
		}
	}
	return keys
}

func covers(s trust.Signer, scope string) bool {
	return s.SpeaksFor(scope) || slices.Contains(s.Names, scope+"/*")
}

// limits are what is lost of a signer.
func limits(s trust.Signer, scoped bool) (lost []string) {
	if len(s.Identities) != 0 {
		lost = append(lost, fmt.Sprintf("signer %s: identities; a policy.json knows one exact mail address, and needs the certificate authority's and the log's keys beside it", s.Name))
	}
	if !s.From.IsZero() || !s.Until.IsZero() {
		lost = append(lost, fmt.Sprintf("signer %s: from and until", s.Name))
	}
	if len(s.Names) == 0 && !scoped {
		lost = append(lost, fmt.Sprintf("signer %s speaks for every name: give --scope, or nothing is allowed by it", s.Name))
	}
	for _, name := range s.Names {
		switch {
		case strings.HasSuffix(name, "/*"):
			lost = append(lost, fmt.Sprintf("signer %s: %s becomes %s, which is also the repository of that very name", s.Name, name, strings.TrimSuffix(name, "/*")))
		default:
			lost = append(lost, fmt.Sprintf("signer %s: %s is also what lies below it", s.Name, name))
		}
	}
	return lost
}

// JSON is the file.
func (p Policy) JSON() []byte {
	raw, err := json.MarshalIndent(p, "", "    ")
	if err != nil {
		panic(err) // of our own types
	}
	return append(raw, '\n')
}
