package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	packageurl "github.com/package-url/packageurl-go"

	"github.com/selfsame-build/selfsame/internal/strictjson"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/trust"
)

// summarises makes the check of a verification summary that keeps it from being good for another image: SLSA v1.2, "How to verify":
//
//	> Verify that the value for `resourceUri` in the VSA matches the expected value.
//
// It is the repository, with or without this image's digest.
func (j *judge) summarises(img image, s statement) bool {
	v, err := s.VSA()
	if err != nil {
		return false
	}
	for _, name := range []string{j.name, s.name()} {
		if name != "" && (v.ResourceURI == name || v.ResourceURI == name+"@"+img.desc.Digest.String() || v.ResourceURI == name+"@"+j.options.Digest.String()) {
			return true
		}
	}
	return false
}

// signerName is the entry's name in the trust file; of a key or identity that a flag names: the key's hint, or the subject.
func (j *judge) signerName(w trust.Signer, by trust.Party) string { return j.flagless(w.Name, w, by) }

func (j *judge) ownerName(w trust.Signer, by trust.Party) string {
	return j.flagless(w.OwnedBy(), w, by)
}

// flagless is name, unless the entry stands for a flag and has none of its own.
func (j *judge) flagless(name string, w trust.Signer, by trust.Party) string {
	if name == "" || w.Owner != "" || j.options.Signers != nil && !j.options.unnamed {
		return name
	}
	if by.Identity != (trust.Identity{}) {
		return by.Identity.Subject
	}
	return by.Key.Hint
}

// roles are those of all entries that the party is, in the order of the list of all.
func roles(who []trust.Signer) []string {
	out := []string{}
	for _, r := range trust.Roles {
		if slices.ContainsFunc(who, func(w trust.Signer) bool { return w.May(r) }) {
			out = append(out, string(r))
		}
	}
	return out
}

// sourceOf is where the source came from. A commit is named only where it says what was built: not of a work tree with other changes.
func sourceOf(p provenance.Provenance) policy.Input {
	if x, err := p.External(); err == nil {
		in := policy.Input{URI: x.Source.URI, Name: x.Source.URI}
		if d, ok := p.Dependency(provenance.DependencySource); ok {
			if dirty, is := d.Annotations["dirty"].(bool); is && !dirty && d.Digest["gitCommit"] != "" {
				in.Digest = "gitCommit:" + d.Digest["gitCommit"]
			}
		}
		return in
	}
	for _, d := range p.BuildDefinition.ResolvedDependencies {
		if d.Digest["gitCommit"] != "" {
			return inputOf(d)
		}
	}
	return policy.Input{}
}

// inputOf is one resolved dependency.
func inputOf(d provenance.ResourceDescriptor) policy.Input {
	in := policy.Input{URI: d.URI, Name: d.Name}
	switch {
	case d.Digest["sha256"] != "":
		in.Digest = "sha256:" + d.Digest["sha256"]
	case d.Digest["gitCommit"] != "":
		in.Digest = "gitCommit:" + d.Digest["gitCommit"]
	}
	if ref, ok := strings.CutPrefix(d.URI, "docker-image://"); ok && in.Name == "" {
		in.Name = repositoryOf(ref)
	}
	if !strings.HasPrefix(d.URI, "pkg:") {
		return in
	}
	in.PURL = d.URI
	u, err := packageurl.FromString(d.URI)
	switch {
	case err != nil || in.Name != "":
	case u.Type == packageurl.TypeOCI || u.Type == packageurl.TypeDocker:
		in.Name = u.Qualifiers.Map()["repository_url"] // empty: it does not say where it is from
	case u.Namespace != "" && u.Type != packageurl.TypeDebian && u.Type != packageurl.TypeApk && u.Type != packageurl.TypeRPM:
		in.Name = u.Namespace + "/" + u.Name
	default:
		in.Name = u.Name
	}
	return in
}

// repositoryOf is a reference without tag and digest.
func repositoryOf(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		ref = ref[:i]
	}
	return ref
}

// isImage says whether an input is an image: by our own word for it, or by its URI.
func isImage(d provenance.ResourceDescriptor) bool {
	if kind, _ := d.Annotations["kind"].(string); kind == "image" {
		return true
	}
	for _, scheme := range []string{"docker-image://", "oci://", "pkg:oci/", "pkg:docker/"} {
		if strings.HasPrefix(d.URI, scheme) {
			return true
		}
	}
	return false
}

// predicateLimits bound a predicate that rules look into.
var predicateLimits = strictjson.Limits{MaxBytes: 4 << 20, MaxDepth: 32, MaxValues: 100_000}

// plainObject reads a JSON object for rules: numbers are doubles where no digit is lost, else the text that was signed.
func plainObject(raw json.RawMessage) (map[string]any, error) {
	if len(raw) == 0 || bytes.TrimLeft(raw, " \t\r\n")[0] != '{' {
		return nil, fmt.Errorf("it is not an object")
	}
	var out map[string]any
	if err := strictjson.Unmarshal(raw, &out, predicateLimits); err != nil {
		return nil, err
	}
	policy.Numbers(out)
	return out, nil
}
