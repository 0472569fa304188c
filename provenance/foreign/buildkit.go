// Package foreign reads provenance that BuildKit makes by itself (SLSA v0.2 and v1, docs/attestations/slsa-definitions.md of
// moby/buildkit), and says what it lacks for somebody else to repeat the build.
//
// It is a stranger's word: BuildKit attaches it unsigned, so what is read here is never by itself a reason to run anything. Its flags "hermetic"
// and "reproducible" are self-declarations, and nothing is concluded from them. Rebuild turns it into the values of a recipe, for a person to read.
package foreign

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/selfsame-build/selfsame/internal/strictjson"
	"github.com/selfsame-build/selfsame/provenance"
)

// The predicate types that are read, and BuildKit's build types in them.
const (
	PredicateV02 = "https://slsa.dev/provenance/v0.2"
	PredicateV1  = provenance.PredicateProvenance

	buildTypeV02 = "https://mobyproject.org/buildkit@v1"
	buildTypeV1  = "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md"
)

// MaxBytes bounds a statement. One of mode=max with the graph of 200 steps and the Dockerfile has some 500 KiB.
const MaxBytes = 16 << 20

var limits = strictjson.Limits{MaxBytes: MaxBytes, MaxDepth: 64, MaxValues: 500_000, AllowUnknown: true}

// Build is what BuildKit says of a build, in both versions of SLSA's predicate.
type Build struct {
	Version    string              `json:"slsa"` // "v0.2" or "v1"
	Builder    string              `json:"builder"`
	Source     Source              `json:"source"`
	Frontend   string              `json:"frontend"`
	Args       map[string]string   `json:"args,omitempty"`
	Locals     []string            `json:"locals,omitempty"`
	Secrets    []string            `json:"secrets,omitempty"`
	SSH        []string            `json:"ssh,omitempty"`
	Materials  []Material          `json:"materials"`
	Steps      int                 `json:"steps"`     // of the graph; 0: it is not there
	Networked  []string            `json:"networked"` // commands that had a network
	Privileged []string            `json:"privileged"`
	Nested     bool                `json:"nested"` // requests of requests: bake, or another frontend
	Complete   map[string]bool     `json:"complete"`
	Platform   string              `json:"platform,omitempty"`
	digests    []map[string]string // of the subjects
}

// Source is where the build's configuration came from.
type Source struct {
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest,omitempty"`
	Path   string            `json:"path,omitempty"`
}

// Material is something that the build read.
type Material struct {
	URI    string            `json:"uri"`
	Digest map[string]string `json:"digest,omitempty"`
}

// Image is the image that m names, as a package URL of BuildKit's (util/purl): its repository, platform ("" where none is named) and sha256.
func (m Material) Image() (repository, platform, sha256 string, ok bool) {
	rest, ok := strings.CutPrefix(m.URI, "pkg:docker/")
	if !ok || !hex64.MatchString(m.Digest["sha256"]) {
		return "", "", "", false
	}
	name, query, _ := strings.Cut(rest, "?")
	if at := strings.LastIndex(name, "@"); at >= 0 { // a tag; the digest is what counts
		name = name[:at]
	}
	repository, err := url.PathUnescape(name)
	values, errs := url.ParseQuery(query)
	if err != nil || errs != nil || repository == "" {
		return "", "", "", false
	}
	return repository, values.Get("platform"), m.Digest["sha256"], true
}

type request struct {
	Frontend string            `json:"frontend"`
	Args     map[string]string `json:"args"`
	Secrets  []struct {
		ID string `json:"id"`
	} `json:"secrets"`
	SSH []struct {
		ID string `json:"id"`
	} `json:"ssh"`
	Locals []struct {
		Name string `json:"name"`
	} `json:"locals"`
	Inputs map[string]json.RawMessage `json:"inputs"`
	Root   json.RawMessage            `json:"root"`
}

type buildConfig struct {
	Definition []struct {
		Op struct {
			Op struct {
				Exec *exec `json:"exec"`
			} `json:"Op"`
		} `json:"op"`
	} `json:"llbDefinition"`
}

// exec is pb.ExecOp; network 0 is the sandbox's, 1 the host's, 2 none; security 1 is insecure.
type exec struct {
	Meta struct {
		Args []string `json:"args"`
	} `json:"meta"`
	Network  int `json:"network"`
	Security int `json:"security"`
}

// Parse reads a statement. The error says what is malformed, or that it is no provenance of BuildKit's.
func Parse(payload []byte) (Build, error) {
	if len(payload) > MaxBytes {
		return Build{}, fmt.Errorf("reading BuildKit's provenance: %d bytes, the limit is %d", len(payload), MaxBytes)
	}
	s, err := provenance.Parse(payload)
	if err != nil {
		return Build{}, fmt.Errorf("reading BuildKit's provenance: %w", err)
	}
	var b Build
	switch s.PredicateType {
	case PredicateV02:
		b, err = parseV02(s.Predicate)
	case PredicateV1:
		b, err = parseV1(s.Predicate)
	default:
		err = fmt.Errorf("the predicate type is %q", s.PredicateType)
	}
	if err != nil {
		return Build{}, fmt.Errorf("reading BuildKit's provenance: %w", err)
	}
	for _, x := range s.Subject {
		b.digests = append(b.digests, x.Digest)
	}
	return b, nil
}

// About says whether the statement is about the sha256 digest, in hexadecimal.
func (b Build) About(sha256 string) bool {
	return slices.ContainsFunc(b.digests, func(d map[string]string) bool { return d["sha256"] == sha256 })
}

func parseV02(raw json.RawMessage) (Build, error) {
	var p struct {
		Builder struct {
			ID string `json:"id"`
		} `json:"builder"`
		BuildType  string     `json:"buildType"`
		Materials  []Material `json:"materials"`
		Invocation struct {
			ConfigSource struct {
				URI        string            `json:"uri"`
				Digest     map[string]string `json:"digest"`
				EntryPoint string            `json:"entryPoint"`
			} `json:"configSource"`
			Parameters  request `json:"parameters"`
			Environment struct {
				Platform string `json:"platform"`
			} `json:"environment"`
		} `json:"invocation"`
		BuildConfig *buildConfig `json:"buildConfig"`
		Metadata    struct {
			Completeness map[string]bool `json:"completeness"`
		} `json:"metadata"`
	}
	if err := strictjson.Unmarshal(raw, &p, limits); err != nil {
		return Build{}, err
	}
	if p.BuildType != buildTypeV02 {
		return Build{}, fmt.Errorf("the build type is %q, not BuildKit's", p.BuildType)
	}
	c := p.Invocation.ConfigSource
	b := Build{
		Version: "v0.2", Builder: p.Builder.ID, Source: Source{c.URI, c.Digest, c.EntryPoint}, Materials: p.Materials,
		Complete: p.Metadata.Completeness, Platform: p.Invocation.Environment.Platform,
	}
	b.take(p.Invocation.Parameters, p.BuildConfig)
	return b, nil
}

func parseV1(raw json.RawMessage) (Build, error) {
	var p struct {
		BuildDefinition struct {
			BuildType          string `json:"buildType"`
			ExternalParameters struct {
				ConfigSource Source  `json:"configSource"`
				Request      request `json:"request"`
			} `json:"externalParameters"`
			InternalParameters struct {
				BuildConfig     *buildConfig `json:"buildConfig"`
				BuilderPlatform string       `json:"builderPlatform"`
			} `json:"internalParameters"`
			ResolvedDependencies []Material `json:"resolvedDependencies"`
		} `json:"buildDefinition"`
		RunDetails struct {
			Builder struct {
				ID string `json:"id"`
			} `json:"builder"`
			Metadata struct {
				Completeness map[string]bool `json:"buildkit_completeness"`
			} `json:"metadata"`
		} `json:"runDetails"`
	}
	if err := strictjson.Unmarshal(raw, &p, limits); err != nil {
		return Build{}, err
	}
	d := p.BuildDefinition
	if d.BuildType != buildTypeV1 {
		return Build{}, fmt.Errorf("the build type is %q, not BuildKit's", d.BuildType)
	}
	b := Build{
		Version: "v1", Builder: p.RunDetails.Builder.ID, Source: d.ExternalParameters.ConfigSource, Materials: d.ResolvedDependencies,
		Complete: p.RunDetails.Metadata.Completeness, Platform: d.InternalParameters.BuilderPlatform,
	}
	b.take(d.ExternalParameters.Request, d.InternalParameters.BuildConfig)
	return b, nil
}

// take reads what both versions share.
func (b *Build) take(r request, c *buildConfig) {
	b.Frontend, b.Args = r.Frontend, r.Args
	b.Nested = len(r.Inputs) > 0
	for _, l := range r.Locals {
		b.Locals = append(b.Locals, l.Name)
	}
	for _, s := range r.Secrets {
		b.Secrets = append(b.Secrets, s.ID)
	}
	for _, s := range r.SSH {
		b.SSH = append(b.SSH, s.ID)
	}
	b.Networked, b.Privileged = []string{}, []string{}
	if c == nil {
		return
	}
	b.Steps = len(c.Definition)
	for _, s := range c.Definition {
		e := s.Op.Op.Exec
		if e == nil {
			continue
		}
		if e.Network != 2 {
			b.Networked = append(b.Networked, command(e.Meta.Args))
		}
		if e.Security != 0 {
			b.Privileged = append(b.Privileged, command(e.Meta.Args))
		}
	}
}
