package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/test/sigstore"
	"github.com/selfsame-build/selfsame/verify/drill"
)

// TestDrill rehearses a revocation, of every kind, and leaves everything as it was.
func TestDrill(t *testing.T) {
	w := newTrusting(t, "release", "another", "nobody", "revoker")
	for _, kind := range []string{provenance.PredicateProvenance, provenance.PredicateRebuild} {
		w.attach("release", kind)
	}
	w.must(0, "", "deny", "new", "--list", "./deny.json", "--key", "revoker.key")
	w.must(0, "", "deny", "renew", "--list", "./deny.json", "--key", "revoker.key")
	args := func(more ...string) []string {
		return append([]string{"drill", "revoke", "image", "--key", "release.pub"}, more...)
	}
	list := []string{"--deny-list", "./deny.json", "--deny-key", "revoker.pub"}
	before := tree(t, ".")
	got := w.drill(0, args(list...)...)
	if got.List.Name != "denylist" || got.List.Sequence != 2 || got.List.AgeSeconds > 60 || got.List.Stateless {
		t.Errorf("%+v", got.List)
	}
	var steps []string
	for _, s := range got.Steps {
		steps = append(steps, string(s.Status)+" "+s.Name)
	}
	want := []string{
		"ok before", "ok digest", "ok platform", "ok signer", "ok signer since later, no trusted time", "ok builder", "ok builder since later, no trusted time",
		"ok base", "ok package", "ok another image", "ok older list", "ok ended list",
	}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, s := range got.Steps {
		exit := map[string]int{"before": 0, "another image": 0, "older list": 17, "ended list": 17}
		if e, special := exit[s.Name]; s.ExitCode != e && special || !special && s.ExitCode != 14 {
			t.Errorf("%+v", s)
		}
	}
	if diff := cmp.Diff(before, tree(t, ".")); diff != "" {
		t.Errorf("a drill changed something:\n%s", diff)
	}
	w.must(0, "drill passed: 12 of 12 steps", args(list...)...)

	// Two who vouch for the image: one of them alone takes nothing back, so both are denied.
	w.attach("another", provenance.PredicateProvenance)
	w.attach("another", provenance.PredicateRebuild)
	for _, s := range w.drill(0, args(append(list, "--key", "another.pub")...)...).Steps {
		if s.Name == "signer" && (len(s.Entries) != 2 || s.Status != drill.OK) {
			t.Errorf("%+v", s)
		}
	}
	// A verifier without memory takes an older list, and the drill says so.
	stateless := append(list, "--stateless")
	w.must(14, "FAIL  older list", args(stateless...)...)
	w.must(0, "drill passed", args(append(stateless, "--deny-minimum", "2")...)...)

	w.must(10, "a drill needs the deny list", args()...)
	w.must(15, "evidence invalid", "drill", "revoke", "image", "--key", "nobody.pub", "--deny-list", "./deny.json", "--deny-key", "revoker.pub")
	w.must(15, "does not hold", args("--deny-list", "./deny.json", "--deny-key", "another.pub")...)
	w.must(0, "", "deny", "add", "pkg:npm/left-pad", "--reason", "bad", "--list", "./deny.json", "--key", "revoker.key")
	w.must(14, "denied: image is not to be used", args(list...)...)
}

// drill is the JSON of one.
func (w *trusting) drill(code int, args ...string) drill.Result {
	w.t.Helper()
	var r drill.Result
	if err := json.Unmarshal([]byte(w.must(code, "", append(args, "--json")...)), &r); err != nil {
		w.t.Fatal(err)
	}
	return r
}

// tree is what is in a folder.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		out[path] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestDrillWithTimes: evidence that says when it was signed is denied since then, and not since later.
func TestDrillWithTimes(t *testing.T) {
	i := sigstore.Start(t)
	w := newTrusting(t, "release", "revoker")
	w.attachStamped(i, "release")
	w.must(0, "", "deny", "new", "--list", "./deny.json", "--key", "revoker.key")
	got := w.drill(0, "drill", "revoke", "image", "--key", "release.pub", "--trusted-root", i.TrustedRoot, "--deny-list", "./deny.json", "--deny-key", "revoker.pub")
	seen := 0
	for _, s := range got.Steps {
		switch s.Name {
		case "signer", "builder":
			if len(s.Entries) != 1 || !strings.Contains(s.Entries[0], " since 20") || s.ExitCode != 14 {
				t.Errorf("%+v", s)
			}
			seen++
		case "signer since later", "builder since later":
			if s.ExitCode != 0 || s.Status != drill.OK {
				t.Errorf("%+v", s)
			}
			seen++
		}
	}
	if seen != 4 {
		t.Errorf("%+v", got.Steps)
	}
}

// attachStamped attaches all statements, signed by a key whose signatures an instance dates.
func (w *trusting) attachStamped(i *sigstore.Instance, key string) {
	w.t.Helper()
	a := &app{Streams: Streams{Env: func(string) string { return "" }}}
	s, err := a.openSigner(w.t.Context(), key+".key", keylessFlags{config: i.SigningConfig, root: i.TrustedRoot}, "release")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, st := range w.statements {
		bundle, err := signing.Sign(w.t.Context(), s, st.Payload)
		if err == nil {
			_, err = w.image.Attach(w.t.Context(), st.Subject, artifact.Bundle(signing.BundleMediaType, bundle, st.PredicateType))
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}
