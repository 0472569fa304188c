package verify

import (
	"sort"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/trust"
)

// checkName: an attestation signs a digest, and so is valid in every repository that has it, unless names are compared.
//
//	> expectations are tied to a *package name*, whereas provenance is tied to an *artifact*
func (j *judge) checkName(f *findings, _ image, s statement, _ provenance.Provenance) {
	switch {
	case s.name() == "":
		f.fail(VerdictInvalid, "name", "the statement names no repository")
	case j.name != "" && s.name() != j.name:
		f.fail(VerdictInvalid, "name", "the statement is about %q, not %q", s.name(), j.name)
	case j.options.ExpectName == "":
		f.skip("name", s.name(), "no name to compare with: a folder has none")
	default:
		f.ok("name", "", "%s", s.name())
	}
}

// checkBuilder (forgotten in GHSA-r2xv-vpr2-42m9). The map is the trust file's; with keys alone it is our own builders, or the one
// that is expected.
//
//	> Ensuring that the builder identity is one of those in the map of trusted builder id's to SLSA level.
func (j *judge) checkBuilder(f *findings, _ image, s statement, p provenance.Provenance) {
	id, want := p.Builder(), j.options.ExpectBuilder
	level, listed := j.level(s, id)
	switch {
	case want != "" && id != want:
		f.fail(VerdictInvalid, "builder", "it was built by %q, not %q", id, want)
	case level == 0 && listed:
		f.fail(VerdictInvalid, "builder", "it was built by %q, which %s may not claim", id, s.releaser())
	case level == 0:
		f.fail(VerdictInvalid, "builder", "it was built by %q, which is no builder of selfsame's", id)
	default:
		f.ok("builder", id, "%s", versions(p))
	}
}

// checkLevel: the level is what this verifier trusts the pair of signer and builder up to, never what a statement says of itself.
// SLSA v1.2, "Verifying artifacts", step 1:
//
//	> 4. Look up the SLSA Build Level in the roots of trust, using the recognized public keys and the `builder.id`, defaulting to
//	>    SLSA Build L1.
func (j *judge) checkLevel(f *findings, _ image, s statement, p provenance.Provenance) {
	level, listed := j.level(s, p.Builder())
	if !listed && j.options.MinLevel == 0 {
		return // nobody asked, and nothing but the default is known
	}
	if level < j.options.MinLevel {
		f.fail(VerdictRefused, "level", "this verifier trusts %s by %s up to SLSA Build %s, and %s is asked for", p.Builder(), s.releaser(), level, j.options.MinLevel)
		return
	}
	f.ok("level", s.releaser(), "SLSA Build %s", level)
}

// leastLevel is the least level of all images; 0: not every one is known.
func (j *judge) leastLevel(images []image) trust.Level {
	least := trust.Level(0)
	for i, img := range images {
		level := j.levels[img.desc.Digest]
		if i == 0 || level < least {
			least = level
		}
	}
	return least
}

// level is up to which level the signers of s are trusted when they say that builder made it, 0: not at all; and whether a list
// says so. "Consumers MUST accept only specific (signer, builder.id) pairs" (SLSA v1.2, build-provenance).
func (j *judge) level(s statement, builder string) (best trust.Level, listed bool) {
	for _, w := range s.who {
		if !w.May(trust.Release) {
			continue
		}
		listed = listed || w.Builders != nil
		if l, ok := j.levelOf(w, builder); ok {
			best = max(best, l)
		}
	}
	return best, listed
}

// levelOf is the level of one entry. Without a list of its own an entry may claim our builders, or the one that is expected.
func (j *judge) levelOf(w trust.Signer, builder string) (trust.Level, bool) {
	if w.Builders != nil {
		l, ok := w.Builders[builder]
		return l, ok
	}
	return 1, builder == j.options.ExpectBuilder || provenance.IsBuilderID(builder)
}

// checkBuildTypeName is the name of the check that provenance by other builders fails.
const checkBuildTypeName = "build type"

// checkBuildType:
//
//	> Ensuring that the values for `buildType` and `externalParameters` in the provenance match the expected values.
func (j *judge) checkBuildType(f *findings, _ image, _ statement, p provenance.Provenance) {
	if t := p.BuildDefinition.BuildType; t != provenance.BuildType {
		f.fail(VerdictInvalid, checkBuildTypeName, "it is %q, not %q", t, provenance.BuildType)
		return
	}
	f.ok(checkBuildTypeName, "", "%s", provenance.BuildType)
}

// checkParameters: what they must be is a policy's business; that they are complete and of a known form is checked here.
//
//	> Any unrecognized `externalParameters` SHOULD cause verification to fail.
func (j *judge) checkParameters(f *findings, _ image, _ statement, p provenance.Provenance) {
	x, err := p.External()
	switch {
	case err != nil:
		f.fail(VerdictInvalid, "parameters", "%v", err)
	case x.Recipe.Path == "" || x.Recipe.Digest["sha256"] == "":
		f.fail(VerdictInvalid, "parameters", "no recipe is named")
	default:
		f.ok("parameters", "", "%s sha256:%.12s, %d locked inputs", x.Recipe.Path, x.Recipe.Digest["sha256"], locked(p))
	}
}

// checkSource compares the one parameter that matters most, where it was said what to expect.
func (j *judge) checkSource(f *findings, _ image, _ statement, p provenance.Provenance) {
	x, err := p.External()
	if err != nil {
		f.fail(VerdictInvalid, "source", "%v", err)
		return
	}
	uri, want := x.Source.URI, j.options.ExpectSource
	detail := uri
	if uri == "" {
		detail = "folder " + x.Source.Path
	}
	if d, ok := p.Dependency(provenance.DependencySource); ok {
		detail += " at " + d.Digest["gitCommit"]
		if dirty, is := d.Annotations["dirty"].(bool); !is || dirty {
			detail += ", with uncommitted changes"
		}
	}
	switch {
	case want == "":
		f.skip("source", detail, "no source was given to compare with")
	case uri != want:
		f.fail(VerdictInvalid, "source", "it was built from %q, not %q", detail, want)
	default:
		f.ok("source", "", "%s", detail)
	}
}

// locked counts the inputs from the lock: all dependencies but the four that are always there.
func locked(p provenance.Provenance) int {
	n := 0
	for _, d := range p.BuildDefinition.ResolvedDependencies {
		if d.Name == "" {
			n++
		}
	}
	return n
}

// versions says with what it was built, and when by the builder's own word.
func versions(p provenance.Provenance) string {
	var out []string
	for _, k := range sortedKeys(p.RunDetails.Builder.Version) {
		out = append(out, k+" "+p.RunDetails.Builder.Version[k])
	}
	if t := p.Finished(); !t.IsZero() {
		out = append(out, "by its own word at "+t.UTC().Format(time.RFC3339))
	}
	return strings.Join(out, ", ")
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
