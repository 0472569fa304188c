package provenance

import (
	"fmt"
	"strings"
	"unicode/utf8"

	digest "github.com/opencontainers/go-digest"
)

// checkSHA256 holds a digest to the one form that is accepted, in writing and in reading: in-toto asks for lower case.
func checkSHA256(what string, d digest.Digest) error {
	if hex, ok := strings.CutPrefix(string(d), "sha256:"); !ok || len(hex) != 64 || !lowerHex(hex) {
		return fmt.Errorf("%s: %q is no sha256 digest", what, d)
	}
	return nil
}

// lowerHex tells whether text is hexadecimal digits in lower case alone. A loop, not a pattern: every verification asks it of every digest.
func lowerHex(text string) bool {
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// checkName refuses a name with a tag or digest: the tag moves, and the digest is the subject's own.
func checkName(name string) error {
	last := name[strings.LastIndex(name, "/")+1:]
	switch {
	case name == "":
		return fmt.Errorf("the image has no name")
	case len(name) > 1024 || !utf8.ValidString(name):
		return fmt.Errorf("the image's name is too long or not valid text")
	case strings.ContainsAny(last, ":@"):
		return fmt.Errorf("the image's name %q has a tag or digest", name)
	}
	return nil
}

// check finds the holes in a build's description. It also compares the twins, so that no statement of a match is made of
// anything else.
func (b Build) check() error {
	if err := checkName(b.Name); err != nil {
		return err
	}
	for _, d := range []struct {
		what   string
		digest digest.Digest
	}{
		{"index", b.Index.Digest}, {"recipe", b.Recipe.Digest}, {"canonical recipe", b.Recipe.Canonical},
		{"lock", b.Lock.Digest}, {"context", b.Source.Context},
	} {
		if err := checkSHA256(d.what, d.digest); err != nil {
			return err
		}
	}
	if err := b.checkContents(); err != nil {
		return err
	}
	if err := b.checkTwins(); err != nil {
		return err
	}
	if err := b.checkBuilders(); err != nil {
		return err
	}
	if b.Source.Path == "" && b.Source.Git == "" {
		return fmt.Errorf("the source has neither path nor git URL")
	}
	return checkIndependence(b.Independence)
}

func (b Build) checkContents() error {
	if c := b.Recipe.Content; c != nil && digest.FromBytes(c) != b.Recipe.Digest {
		return fmt.Errorf("the recipe's content does not have its digest")
	}
	if c := b.Lock.Content; c != nil && digest.FromBytes(c) != b.Lock.Digest {
		return fmt.Errorf("the lock's content does not have its digest")
	}
	for _, e := range b.Lock.Entries {
		if err := checkSHA256("locked input "+e.Key, e.Digest); err != nil {
			return err
		}
	}
	return nil
}

func (b Build) checkTwins() error {
	if b.IndexTwin != b.Index.Digest {
		return fmt.Errorf("the twins differ: index %s and %q", b.Index.Digest, b.IndexTwin)
	}
	if len(b.Images) == 0 {
		return fmt.Errorf("no platform was built")
	}
	seen := map[string]bool{}
	for _, i := range b.Images {
		if err := checkSHA256("manifest of "+i.Platform, i.Manifest.Digest); err != nil {
			return err
		}
		switch {
		case i.Platform == "" || seen[i.Platform]:
			return fmt.Errorf("platform %q is missing or there twice", i.Platform)
		case i.Twin != i.Manifest.Digest:
			return fmt.Errorf("the twins differ on %s: %s and %q", i.Platform, i.Manifest.Digest, i.Twin)
		}
		seen[i.Platform] = true
		for _, d := range i.DiffIDs {
			if err := checkSHA256("diffID on "+i.Platform, d); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b Build) checkBuilders() error {
	switch {
	case b.BuilderID == "":
		return fmt.Errorf("the builder has no id")
	case len(b.Twins) != 2 || b.Twins[0].Name == b.Twins[1].Name:
		return fmt.Errorf("two twins with different names were expected, there are %d", len(b.Twins))
	case b.Settings.BuildKit == "":
		return fmt.Errorf("the version of BuildKit is not given")
	case b.Finished.Before(b.Started):
		return fmt.Errorf("the build finished before it started")
	}
	return checkAxes(b.Axes)
}

// checkAxes demands one axis that was seen to differ: two builds in the same surroundings prove next to nothing.
func checkAxes(axes []Axis) error {
	measured := 0
	seen := map[string]bool{}
	for _, a := range axes {
		switch {
		case a.Name == "" || seen[a.Name]:
			return fmt.Errorf("axis %q is nameless or there twice", a.Name)
		case a.State == AxisMeasured && a.A == a.B:
			return fmt.Errorf("axis %s counts as measured, but both sides saw %q", a.Name, a.A)
		case a.State == AxisNotApplied && a.Reason == "":
			return fmt.Errorf("axis %s was not applied, and no reason is given", a.Name)
		case a.State == AxisMeasured:
			measured++
		case a.State != AxisApplied && a.State != AxisNotApplied:
			return fmt.Errorf("axis %s has the unknown state %q", a.Name, a.State)
		}
		seen[a.Name] = true
	}
	if measured == 0 {
		return fmt.Errorf("no axis was seen to differ between the builders")
	}
	return nil
}

func checkIndependence(i Independence) error {
	switch i {
	case SameHost, OtherHost, OtherOwner:
		return nil
	}
	return fmt.Errorf("independence %q is not known", i)
}
