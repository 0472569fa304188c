package verify

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestVerified(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	res := w.must(w.options(), VerdictVerified, "")
	if !res.Reproduced || res.Independence != provenance.SameHost || res.Name != shop || len(res.Ignored) != 0 {
		t.Errorf("%+v", res)
	}
	if diff := cmp.Diff([]string{"clock", "cpus"}, res.Axes); diff != "" {
		t.Errorf("axes (-want +got):\n%s", diff)
	}
	if len(res.Subjects) != 3 {
		t.Fatalf("%d subjects, want the index and two platforms", len(res.Subjects))
	}
	want := []string{"signature", "subject", "predicate type", "name", "builder", "build type", "parameters", "source", "platforms", "reproduced", "sbom", "time"}
	for _, s := range res.Subjects {
		var got []string
		for _, c := range s.Checks {
			got = append(got, c.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("order of the checks of %s (-want +got):\n%s", s.Label, diff)
		}
	}
}

// The text is rendered from the value that is the JSON, so that the two cannot say different things.
func TestTextAndJSON(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	w.attach(w.build.Index, []byte(`{"junk":1}`))
	res := w.run(w.options())
	raw, err := res.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var back Result
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text(t, res), text(t, back)); diff != "" {
		t.Errorf("the text says what the JSON does not (-value +JSON):\n%s", diff)
	}
	golden(t, "verified.txt", scrub(w, text(t, res)))
	golden(t, "verified.json", scrub(w, string(raw)))

	bad := newWorld(t)
	bad.publish(func(s provenance.Subjected) *provenance.Subjected {
		if s.PredicateType == provenance.PredicateRebuild {
			return nil
		}
		return &s
	})
	golden(t, "not-reproduced.txt", scrub(bad, text(t, bad.run(bad.options()))))
}

var junkDigest = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// scrub replaces what the test's fresh key makes different in every run.
func scrub(w *world, s string) string {
	s = strings.ReplaceAll(s, w.signer.Key().Hint, "KEY")
	s = strings.ReplaceAll(s, w.build.Index.Digest.String(), "sha256:INDEX")
	for _, i := range w.build.Images {
		s = strings.ReplaceAll(s, i.Manifest.Digest.String(), "sha256:"+strings.ToUpper(strings.ReplaceAll(i.Platform, "/", "-")))
	}
	return junkDigest.ReplaceAllString(s, "sha256:OTHER")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestOneManifestByItself(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	o := w.options()
	o.Digest = w.build.Images[0].Manifest.Digest
	res := w.must(o, VerdictVerified, "")
	if len(res.Subjects) != 1 || res.Subjects[0].Label != "image" {
		t.Errorf("%+v", res.Subjects)
	}
}

func TestFolderWithoutName(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	o := w.options()
	o.ExpectName = ""
	res := w.must(o, VerdictVerified, "a folder has none")
	if res.Name != shop {
		t.Errorf("name %q", res.Name)
	}

	// Without an expectation the statements must still agree with each other.
	mixed := newWorld(t)
	mixed.publish(func(s provenance.Subjected) *provenance.Subjected {
		if s.Subject.Digest == mixed.build.Images[1].Manifest.Digest {
			return replaced(t, s, `"name":"`+shop, `"name":"registry.example.com/other/shop`)
		}
		return &s
	})
	o = mixed.options()
	o.ExpectName = ""
	mixed.must(o, VerdictInvalid, "other/shop")
}

func TestExpectations(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	o := w.options()
	o.ExpectSource = "git+https://git.example.com/shop.git"
	o.ExpectBuilder = provenance.BuilderID(provenance.ModeLocal)
	w.must(o, VerdictVerified, "")
	o.ExpectSource = "git+https://git.example.com/fork.git"
	w.must(o, VerdictInvalid, "fork")
	o = w.options()
	o.ExpectBuilder = provenance.BuilderID(provenance.ModeRemote)
	w.must(o, VerdictInvalid, "it was built by")
	o = w.options()
	o.ExpectName = "registry.example.com/team/other"
	w.must(o, VerdictInvalid, "team/other")
}

func TestAllowUnreproduced(t *testing.T) {
	w := newWorld(t)
	w.publish(func(s provenance.Subjected) *provenance.Subjected {
		if s.PredicateType == provenance.PredicateRebuild {
			return nil
		}
		return &s
	})
	o := w.options()
	o.AllowUnreproduced = true
	res := w.must(o, VerdictVerified, "NOT reproduced")
	if res.Reproduced {
		t.Error("reproduced without a rebuild")
	}
}

// The whole is as strong as its weakest platform.
func TestStrengthIsTheWeakest(t *testing.T) {
	w := newWorld(t)
	w.build.Independence = provenance.OtherOwner
	w.publish(func(s provenance.Subjected) *provenance.Subjected {
		if s.PredicateType == provenance.PredicateRebuild && s.Subject.Digest == w.build.Images[0].Manifest.Digest {
			c := replaced(t, s, "other-owner", "other-host")
			return replaced(t, *c, `"name":"cpus","state":"measured"`, `"name":"cpus","state":"applied"`)
		}
		return &s
	})
	res := w.must(w.options(), VerdictVerified, "")
	if res.Independence != provenance.OtherHost {
		t.Errorf("independence %s", res.Independence)
	}
	if diff := cmp.Diff([]string{"clock"}, res.Axes); diff != "" {
		t.Errorf("axes (-want +got):\n%s", diff)
	}
	// A stronger rebuild of the same digest lifts it.
	for _, s := range w.statements() {
		if s.PredicateType == provenance.PredicateRebuild {
			w.attach(s.Subject, w.sign(w.signer, s.Payload))
		}
	}
	if res := w.must(w.options(), VerdictVerified, ""); res.Independence != provenance.OtherOwner || len(res.Axes) != 2 {
		t.Errorf("after a better rebuild: %s %v", res.Independence, res.Axes)
	}
}

func TestSecondKeyCounts(t *testing.T) {
	w := newWorld(t)
	for i, s := range w.statements() {
		signer := w.signer
		if i%2 == 1 {
			signer = w.other
		}
		w.attach(s.Subject, w.sign(signer, s.Payload))
	}
	o := w.options()
	o.Trust.Keys = append(o.Trust.Keys, w.other.Verifier())
	w.must(o, VerdictVerified, "2 key(s)")
}

func TestSBOMIsShown(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	s, err := provenance.SBOMStatement(shop, w.build.Images[0].Manifest, []byte(`{"spdxVersion":"SPDX-2.3"}`))
	if err != nil {
		t.Fatal(err)
	}
	w.attach(s.Subject, w.sign(w.signer, s.Payload))
	res := w.must(w.options(), VerdictVerified, "SPDX")
	if c, _ := find(res.Subjects[2], "sbom"); c.Status != StatusNotChecked {
		t.Errorf("the other platform has an sbom: %+v", c)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	o := w.options()
	o.Trust.Keys = nil
	if _, err := Run(t.Context(), o); diag.ExitCode(err) != diag.ExitUsage {
		t.Errorf("without keys: %v", err)
	}
	o = w.options()
	o.Digest = "latest"
	if _, err := Run(t.Context(), o); err == nil {
		t.Error("a tag was taken for a digest")
	}
	o = w.options()
	o.Source = nil
	if _, err := Run(t.Context(), o); err == nil {
		t.Error("no source")
	}
}

func TestInterrupted(t *testing.T) {
	w := newWorld(t)
	w.publish(nil)
	ctx, cancel := context.WithCancel(t.Context())
	o := w.options()
	o.Source = faulty{Source: w.store, blob: func(artifact.Descriptor) ([]byte, error) {
		cancel()
		return nil, ctx.Err()
	}}
	if _, err := Run(ctx, o); !errors.Is(err, context.Canceled) || diag.ExitCode(err) != diag.ExitInterrupted {
		t.Errorf("error %v (exit %d)", err, diag.ExitCode(err))
	}
}

func TestZeroResultIsNoSuccess(t *testing.T) {
	if (Result{}).Err() == nil {
		t.Error("a result that nobody concluded passes")
	}
	var r Result
	if r.conclude(); r.Verdict != VerdictMissing {
		t.Errorf("nothing checked: %s", r.Verdict)
	}
	r = Result{Subjects: []Subject{{Checks: []Check{{Status: StatusOK}, {Status: StatusFail}}}}}
	if r.conclude(); r.Verdict == VerdictVerified {
		t.Error("a failure without a verdict passes")
	}
}

// A stranger's text must not be able to draw a second, better verdict on the terminal.
func TestStrangersTextIsPlain(t *testing.T) {
	w := newWorld(t)
	w.publish(func(s provenance.Subjected) *provenance.Subjected {
		return replaced(t, s, `"name":"`+shop, `"name":"x\u001b[2K\nverified: all is well\u202e`)
	})
	out := text(t, w.must(w.options(), VerdictInvalid, "all is well"))
	for _, r := range out {
		if r == '\x1b' || r == '\u202e' {
			t.Fatalf("control characters reach the terminal: %q", out)
		}
	}
	if strings.Contains(out, "\nverified") {
		t.Errorf("a forged line:\n%s", out)
	}
}
