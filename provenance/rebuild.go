package provenance

import (
	"fmt"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Level says how equal two builds are.
type Level string

// The levels of equality.
const (
	LevelManifest Level = "manifest" // the manifest digests are equal: every byte is
	LevelConfig   Level = "config"   // configuration and layers' contents are equal, the layers' encoding differs
	LevelDiffIDs  Level = "diffIDs"  // the layers' contents are equal; the configuration differs, and their encoding may
)

// Results of a rebuild. ResultMismatch is written by FindingStatement only.
const (
	ResultMismatch = "mismatch"
)

// ResultMatch is the only result that a rebuild statement of ours may bear when it is written: stock cosign takes any
// statement that a key signed as "signed", so a negative finding must never be signed by the key of a release (DESIGN §8).
// Reading accepts other results, in order to see them and to refuse.
const ResultMatch = "match"

// Rebuild is the predicate of a rebuild statement (PredicateRebuild): somebody built the subject again from the same sealed
// inputs and compared.
type Rebuild struct {
	Result       string          `json:"result"`
	Level        Level           `json:"level"`
	Original     RebuildArtifact `json:"original"`
	Rebuilt      RebuildArtifact `json:"rebuilt"`
	Independence Independence    `json:"independence"`
	Axes         []Axis          `json:"axes"`
	Builders     []RebuildPlace  `json:"builders"`
	Images       []RebuildImage  `json:"images"`
	// Provenance is the digest of the statement whose description was rebuilt; empty for the twins of one build.
	Provenance map[string]string `json:"provenance,omitempty"`
	// InvocationID is the run's, as in the provenance.
	InvocationID string `json:"invocationId,omitempty"`
	// What follows is an auditor's (audit.go); the twins of one build leave it out.
	Inputs    InputsFrom `json:"inputs,omitempty"`
	Bases     BasesFrom  `json:"bases,omitempty"`
	Locked    *Locked    `json:"locked,omitempty"`
	Observed  *Observed  `json:"observed,omitempty"`
	Challenge *Challenge `json:"challenge,omitempty"`
}

// RebuildArtifact is one side of the comparison.
type RebuildArtifact struct {
	Digest map[string]string `json:"digest"`
}

// RebuildImage is one platform of the comparison.
type RebuildImage struct {
	Platform string          `json:"platform"`
	Original RebuildArtifact `json:"original"`
	Rebuilt  RebuildArtifact `json:"rebuilt"`
	DiffIDs  []digest.Digest `json:"diffIDs"` // equal on both sides
}

// RebuildPlace is a builder that took part: the twin's name and the builder.id that drove it.
type RebuildPlace struct {
	Name string `json:"name"`
	ID   string `json:"id"`
}

// Measured are the names of the axes on which the builders were seen to differ.
func (r Rebuild) Measured() []string {
	var out []string
	for _, a := range r.Axes {
		if a.State == AxisMeasured {
			out = append(out, a.Name)
		}
	}
	return out
}

// RebuildStatement makes a rebuild statement about subject. It refuses anything but a true match: another result, unequal
// digests at the level of manifests, a subject that is not the original, or no axis that was seen to differ.
func RebuildStatement(name string, subject ocispec.Descriptor, r Rebuild) (Subjected, error) {
	if err := r.Check(subject.Digest); err != nil {
		return Subjected{}, err
	}
	return marshal(name, subject, PredicateRebuild, r)
}

// Check says why r does not prove that subject was reproduced; nil when it does. The order is: result, original, rebuilt,
// level, images, axes, independence.
func (r Rebuild) Check(subject digest.Digest) error {
	original, rebuilt := r.Original.sha256(), r.Rebuilt.sha256()
	switch {
	case r.Result != ResultMatch:
		return fmt.Errorf("the result is %q, not %q", r.Result, ResultMatch)
	case original != subject:
		return fmt.Errorf("the original is %q, not the subject %s", original, subject)
	case r.Level == LevelManifest && rebuilt != original:
		return fmt.Errorf("the rebuilt digest is %q, not %s", rebuilt, original)
	case r.Level != LevelManifest && r.Level != LevelConfig && r.Level != LevelDiffIDs:
		return fmt.Errorf("the level of equality is %q, which is not known", r.Level)
	case checkSHA256("rebuilt", rebuilt) != nil:
		return checkSHA256("rebuilt", rebuilt)
	case len(r.Builders) == 0:
		return fmt.Errorf("no builder is named")
	}
	if err := checkImages(r); err != nil {
		return err
	}
	if err := checkAxes(r.Axes); err != nil {
		return err
	}
	if err := r.checkAudit(); err != nil {
		return err
	}
	return checkIndependence(r.Independence)
}

func checkImages(r Rebuild) error {
	if len(r.Images) == 0 {
		return fmt.Errorf("no platform was compared")
	}
	for _, i := range r.Images {
		a, b := i.Original.sha256(), i.Rebuilt.sha256()
		if a == "" || b == "" || (r.Level == LevelManifest && a != b) {
			return fmt.Errorf("platform %s was built as %q and rebuilt as %q", i.Platform, a, b)
		}
	}
	return nil
}

func (a RebuildArtifact) sha256() digest.Digest { return Subject{Digest: a.Digest}.SHA256() }

// rebuild is the statement that the twins of b agree on s.
func (b Build) rebuild(s subject) Rebuild {
	r := Rebuild{
		Result:       ResultMatch,
		Level:        LevelManifest,
		Original:     RebuildArtifact{Digest: digestSet(s.desc.Digest)},
		Rebuilt:      RebuildArtifact{Digest: digestSet(s.twin)},
		Independence: b.Independence,
		Axes:         b.Axes,
		InvocationID: b.InvocationID,
	}
	for _, t := range b.Twins {
		r.Builders = append(r.Builders, RebuildPlace{Name: t.Name, ID: b.BuilderID})
	}
	for _, i := range s.images {
		r.Images = append(r.Images, RebuildImage{
			Platform: i.Platform,
			Original: RebuildArtifact{Digest: digestSet(i.Manifest.Digest)},
			Rebuilt:  RebuildArtifact{Digest: digestSet(i.Twin)},
			DiffIDs:  i.DiffIDs,
		})
	}
	return r
}
