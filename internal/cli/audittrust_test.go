package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/verify"
)

// TestAuditAsksTheDenyList: the flags of an audit name the list as those of verify do, and it is read for each audit anew.
func TestAuditAsksTheDenyList(t *testing.T) {
	w := newTrusting(t, "revoker", "other")
	w.must(0, "", "deny", "new", "--list", "./deny.json", "--key", "revoker.key", "--stateless")
	a := &app{Streams: Streams{Err: io.Discard, Env: func(string) string { return "" }}}
	a.global.state = "state"
	trusting := func(args string) (auditFlags, error) {
		var f auditFlags
		cmd := &cobra.Command{Use: "audit"}
		f.define(cmd)
		if err := cmd.ParseFlags(strings.Fields(args)); err != nil {
			t.Fatal(err)
		}
		return f, f.trusting(t.Context(), a, registry.New(registry.Options{}))
	}
	ask := func(f auditFlags) (*freshness.DenyList, error) {
		var o verify.Options
		err := f.Ground(t.Context(), &o)
		return o.Deny, err
	}
	refused := func(err error, says string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
	if f, err := trusting(""); err != nil || f.Ground != nil {
		t.Errorf("without a list: %v", err)
	}
	_, err := trusting("--deny-list ./deny.json")
	refused(err, "go together")
	_, err = trusting("--deny-key revoker.pub")
	refused(err, "go together")
	_, err = trusting("--deny-list ./deny.json --deny-key none.pub")
	refused(err, "none.pub")
	for args, says := range map[string]string{
		"--deny-list ./none.json --deny-key revoker.pub":                                              "there is no deny list",
		"--deny-list ./deny.json --deny-key other.pub":                                                "does not hold",
		"--deny-list ./deny.json --deny-key revoker.pub --deny-minimum 2 --stateless":                 "sequence 1",
		"--deny-list ./deny.json --deny-identity ops@example.com --deny-issuer https://login.example": "needs `--trusted-root`",
	} {
		f, err := trusting(args)
		if err != nil || f.Ground == nil {
			t.Fatalf("%s: %v", args, err)
		}
		_, err = ask(f)
		refused(err, says)
	}
	f, err := trusting("--deny-list ./deny.json --deny-key revoker.pub")
	if err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile("deny.json")
	if err != nil {
		t.Fatal(err)
	}
	for sequence := int64(1); sequence < 3; sequence++ {
		l, err := ask(f)
		if err != nil || l.Sequence != sequence {
			t.Fatalf("%v, %v, want sequence %d", l, err, sequence)
		}
		w.must(0, "", "deny", "renew", "--list", "./deny.json", "--key", "revoker.key", "--stateless")
	}
	// What was seen is remembered, unless it is not to be.
	w.write("deny.json", string(first))
	_, err = ask(f)
	refused(err, "sequence 1")
	if f, err = trusting("--deny-list ./deny.json --deny-key revoker.pub --stateless"); err != nil {
		t.Fatal(err)
	}
	if l, err := ask(f); err != nil || !l.Stateless() {
		t.Errorf("%v, %v", l, err)
	}
}

// TestAuditByTrustFile: the file says who may release, and names the list, which is asked for each audit.
func TestAuditByTrustFile(t *testing.T) {
	w := newTrusting(t, "release", "other", "revoker")
	w.must(0, "", "deny", "new", "--list", "./deny.json", "--key", "revoker.key", "--stateless")
	a := &app{Streams: Streams{Err: io.Discard, Env: func(string) string { return "" }}}
	a.global.state = "state"
	const signers = "trust: v1\nsigners:\n  maker: {keys: [release.pub], roles: [release], names: [registry.example.com/team/shop]}\n  ops: {keys: [revoker.pub], roles: [revoker]}\n"
	by := func(text string, args ...string) (auditFlags, error) {
		w.write("trust.yaml", text)
		f := auditFlags{trust: "trust.yaml"}
		cmd := &cobra.Command{Use: "audit"}
		f.define(cmd)
		if err := cmd.ParseFlags(append([]string{"--trust", "trust.yaml"}, args...)); err != nil {
			t.Fatal(err)
		}
		return f, f.trusting(t.Context(), a, registry.New(registry.Options{}))
	}
	const listed = "denylist: {list: ./deny.json}\n"
	ground := func(f auditFlags) (o verify.Options, code diag.Code) {
		if err := f.Ground(t.Context(), &o); err != nil {
			code = diag.All(err)[0].Code
		}
		return o, code
	}
	// The file counts at the start, and as it is at each audit.
	for name, c := range map[string]struct {
		first, then string
		code        diag.Code
		list        bool
		maker       string
	}{
		"no list":                       {signers, signers, "", false, "release"},
		"a list":                        {signers + listed, signers + listed, "", true, "release"},
		"a list that is named later":    {signers, signers + listed, "", true, "release"},
		"a list that is named no more":  {signers + listed, signers, "A0564", false, ""},
		"who signs the list has gone":   {signers + listed, strings.Replace(signers, "revoker.pub", "other.pub", 1) + listed, "A0561", false, ""},
		"somebody else releases":        {signers + listed, strings.Replace(signers, "release.pub", "other.pub", 1) + listed, "", true, "other"},
		"the file is written by halves": {signers + listed, signers[:len(signers)/2], "A0602", false, ""},
	} {
		f, err := by(c.first)
		if err != nil || len(f.Release.Keys) != 2 || len(f.Signers) != 2 || !f.Signers[0].SpeaksFor(shop) || f.Signers[0].SpeaksFor(shop+"2") {
			t.Fatalf("%s: %+v, %v", name, f.Options, err)
		}
		w.write("trust.yaml", c.then)
		o, code := ground(f)
		if code != c.code || (o.Deny != nil) != c.list {
			t.Errorf("%s: %q, a list: %v", name, code, o.Deny != nil)
		}
		if c.maker == "" {
			if len(o.Trust.Keys) > 0 || o.Signers != nil {
				t.Errorf("%s: it counts all the same", name)
			}
		} else if maker, err := a.verifiers(t.Context(), []string{c.maker + ".pub"}); err != nil || len(o.Signers) != 2 || o.Signers[0].Keys[0] != maker[0].Key() || len(o.Trust.Keys) != 2 {
			t.Errorf("%s: %+v, %v", name, o.Signers, err)
		}
	}
	// What is wrong with the file is said before anything is asked; its list is asked by an audit.
	if f, err := by(signers + "denylist: {list: ./none.json}\n"); err != nil {
		t.Error(err)
	} else if _, code := ground(f); code != "A0564" {
		t.Errorf("no list: %q", code)
	}
	if f, err := by(signers + "denylist: {list: ./deny.json, minimum: 9}\n"); err != nil {
		t.Error(err)
	} else if _, code := ground(f); code != "A0560" {
		t.Errorf("an older list: %q", code)
	}
	if _, err := by("trust: v1\nsigners:\n  x: {keys: [none.pub], roles: []}\n"); diag.ExitCode(err) != diag.ExitUsage || !strings.Contains(fmt.Sprint(diag.All(err)), "none.pub") {
		t.Errorf("a file that is wrong: %v", err)
	}
	_, err := by(signers+listed, "--deny-list", "./deny.json", "--deny-key", "revoker.pub")
	if diag.ExitCode(err) != diag.ExitUsage {
		t.Errorf("two lists: %v", err)
	}
	f, err := by(signers, "--deny-list", "./deny.json", "--deny-key", "revoker.pub")
	if err != nil {
		t.Fatal(err)
	}
	if o, code := ground(f); code != "" || o.Deny == nil || len(o.Signers) != 2 {
		t.Errorf("a list by a flag: %q, %+v", code, o)
	}
}
