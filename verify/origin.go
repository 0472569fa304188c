package verify

import (
	"fmt"
	"sort"
	"strings"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

// origin checks where the image came from. Several signed provenance statements may be attached (the same bytes built twice):
// one that passes every check is enough; when none does, the one that came furthest is shown, and the others are listed.
func (j *judge) origin(f *findings, img image, e *evidence) {
	var best *findings
	var bestAt statement
	kinds := map[string]bool{}
	for _, s := range e.trusted {
		kinds[s.PredicateType] = true
		if s.PredicateType != provenance.PredicateProvenance {
			if !known[s.PredicateType] {
				e.ignore(img, s.referrer, "signed, but of a kind that proves nothing here: %s", s.PredicateType)
			}
			continue
		}
		g := j.originOf(img, s)
		switch {
		case best == nil:
		case best.failed() && (!g.failed() || len(g.checks) > len(best.checks)):
			e.ignore(img, bestAt.referrer, "signed provenance that does not hold: %s", best.last())
		default:
			if g.failed() {
				e.ignore(img, s.referrer, "signed provenance that does not hold: %s", g.last())
			}
			continue
		}
		best, bestAt = g, s
	}
	if best == nil {
		f.fail(VerdictMissing, "predicate type", "no signed statement says where the image came from; signed are: %s", list(kinds))
		return
	}
	f.checks = append(f.checks, best.checks...)
	if !best.failed() {
		j.name = bestAt.Subject[0].Name
	}
}

// known are the kinds of statement that have a check of their own.
var known = map[string]bool{
	provenance.PredicateProvenance: true, provenance.PredicateRebuild: true, provenance.PredicateSPDX: true,
}

// originOf follows "Verifying artifacts" of SLSA v1.2, step by step.
func (j *judge) originOf(img image, s statement) *findings {
	f := &findings{}
	// > Verify that statement's `subject` matches the digest of the artifact in question.
	subject, err := about(s, img.desc.Digest)
	if err != nil {
		f.fail(VerdictInvalid, "subject", "%v", err)
		return f
	}
	f.ok("subject", "", "%s", img.desc.Digest)
	// > Verify that the `predicateType` is `https://slsa.dev/provenance/v1`.
	f.ok("predicate type", "", "%s", s.PredicateType)
	p, err := s.Provenance()
	if err != nil {
		f.fail(VerdictInvalid, "provenance", "%v", err)
		return f
	}
	steps := []func(*findings, image, provenance.Subject, provenance.Provenance){
		j.checkName, j.checkBuilder, j.checkBuildType, j.checkParameters, j.checkSource, j.checkPlatforms,
	}
	for _, step := range steps {
		if step(f, img, subject, p); f.failed() {
			return f
		}
	}
	return f
}

// checkName: an attestation signs a digest, and is valid in every repository that has it, unless the name is compared (SLSA:
// expectations are bound to a package name).
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

// checkBuilder: "Verify that the `builder.id` ... matches" the one that the signer is trusted for (not done in GHSA-r2xv-vpr2-42m9).
func (j *judge) checkBuilder(f *findings, _ image, _ provenance.Subject, p provenance.Provenance) {
	id, want := p.Builder(), j.options.ExpectBuilder
	switch {
	case want != "" && id != want:
		f.fail(VerdictInvalid, "builder", "it was built by %q, not %q", id, want)
	case want == "" && !provenance.IsBuilderID(id):
		f.fail(VerdictInvalid, "builder", "it was built by %q, which is no builder of selfsame's", id)
	default:
		f.ok("builder", id, "%s", versions(p.RunDetails.Builder.Version))
	}
}

// checkBuildType: "Verify that the `buildType` matches the expected value."
func (j *judge) checkBuildType(f *findings, _ image, _ provenance.Subject, p provenance.Provenance) {
	if t := p.BuildDefinition.BuildType; t != provenance.BuildType {
		f.fail(VerdictInvalid, "build type", "it is %q, not %q", t, provenance.BuildType)
		return
	}
	f.ok("build type", "", "%s", provenance.BuildType)
}

// checkParameters: "Verify that all external parameters ... are expected; unrecognized fields ... reject". What they must be
// is a policy's business; that they are complete and of a known form is checked here.
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

// checkSource: "Canonical source repository ... matches the expected value".
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

// checkPlatforms compares what the index lists with what the signed provenance says was built, both ways; a platform
// manifest must be among what was built.
func (j *judge) checkPlatforms(f *findings, img image, _ provenance.Subject, p provenance.Provenance) {
	built := map[string]string{}
	for _, b := range p.RunDetails.Byproducts {
		built[b.Name] = "sha256:" + b.Digest["sha256"]
	}
	if err := comparePlatforms(img, built); err != nil {
		f.fail(VerdictInvalid, "platforms", "%v", err)
		return
	}
	f.ok("platforms", "", "%s", strings.Join(sortedKeys(built), ", "))
}

func comparePlatforms(img image, built map[string]string) error {
	if !img.index {
		for platform, d := range built {
			if d == img.desc.Digest.String() && (img.platform == "" || img.platform == platform) {
				return nil
			}
		}
		return fmt.Errorf("the build made no such manifest for %s", img.label)
	}
	if len(img.children) == 0 {
		return fmt.Errorf("the index lists nothing")
	}
	listed := map[string]string{}
	for _, c := range img.children {
		if _, twice := listed[c.platform]; twice {
			return fmt.Errorf("the index lists %s twice", c.platform)
		}
		if !artifact.IsManifest(c.desc.MediaType) {
			return fmt.Errorf("the index lists %s as %q, which is no manifest", c.platform, c.desc.MediaType)
		}
		listed[c.platform] = c.desc.Digest.String()
		if built[c.platform] != c.desc.Digest.String() {
			return fmt.Errorf("the index lists %s as %s, the build made %q", c.platform, c.desc.Digest, built[c.platform])
		}
	}
	for platform := range built {
		if listed[platform] == "" {
			return fmt.Errorf("the build made %s, the index does not list it", platform)
		}
	}
	return nil
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

func versions(m map[string]string) string {
	var out []string
	for _, k := range sortedKeys(m) {
		out = append(out, k+" "+m[k])
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

func list(kinds map[string]bool) string { return strings.Join(sortedKeys(kinds), ", ") }

func (f *findings) last() string {
	c := f.checks[len(f.checks)-1]
	return c.Name + ": " + c.Reason
}
