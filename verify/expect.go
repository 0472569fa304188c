package verify

import (
	"sort"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/provenance"
)

// checkName: an attestation signs a digest, and so is valid in every repository that has it, unless names are compared.
//
//	> expectations are tied to a *package name*, whereas provenance is tied to an *artifact*
func (j *judge) checkName(f *findings, _ image, subject provenance.Subject, _ provenance.Provenance) {
	switch {
	case subject.Name == "":
		f.fail(VerdictInvalid, "name", "the statement names no repository")
	case j.name != "" && subject.Name != j.name:
		f.fail(VerdictInvalid, "name", "the statement is about %q, not %q", subject.Name, j.name)
	case j.options.ExpectName == "":
		f.skip("name", subject.Name, "no name to compare with: a folder has none")
	default:
		f.ok("name", "", "%s", subject.Name)
	}
}

// checkBuilder (forgotten in GHSA-r2xv-vpr2-42m9). The map here is small: the keys given, and our builders or the one expected.
//
//	> Ensuring that the builder identity is one of those in the map of trusted builder id's to SLSA level.
func (j *judge) checkBuilder(f *findings, _ image, _ provenance.Subject, p provenance.Provenance) {
	id, want := p.Builder(), j.options.ExpectBuilder
	switch {
	case want != "" && id != want:
		f.fail(VerdictInvalid, "builder", "it was built by %q, not %q", id, want)
	case want == "" && !provenance.IsBuilderID(id):
		f.fail(VerdictInvalid, "builder", "it was built by %q, which is no builder of selfsame's", id)
	default:
		f.ok("builder", id, "%s", versions(p))
	}
}

// checkBuildType:
//
//	> Ensuring that the values for `buildType` and `externalParameters` in the provenance match the expected values.
func (j *judge) checkBuildType(f *findings, _ image, _ provenance.Subject, p provenance.Provenance) {
	if t := p.BuildDefinition.BuildType; t != provenance.BuildType {
		f.fail(VerdictInvalid, "build type", "it is %q, not %q", t, provenance.BuildType)
		return
	}
	f.ok("build type", "", "%s", provenance.BuildType)
}

// checkParameters: what they must be is a policy's business; that they are complete and of a known form is checked here.
//
//	> Any unrecognized `externalParameters` SHOULD cause verification to fail.
func (j *judge) checkParameters(f *findings, _ image, _ provenance.Subject, p provenance.Provenance) {
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
func (j *judge) checkSource(f *findings, _ image, _ provenance.Subject, p provenance.Provenance) {
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
