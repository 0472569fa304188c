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
		err := f.Deny(t.Context(), &o)
		return o.Deny, err
	}
	refused := func(err error, says string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
	if f, err := trusting(""); err != nil || f.Deny != nil {
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
		if err != nil || f.Deny == nil {
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
	f, err := by(signers)
	if err != nil || f.Deny != nil || len(f.Release.Keys) != 2 || len(f.Signers) != 2 || f.Signers[0].Name != "maker" || !f.Signers[0].SpeaksFor(shop) || f.Signers[0].SpeaksFor(shop+"2") {
		t.Fatalf("%+v, %v", f.Options, err)
	}
	if f, err = by(signers + "denylist: {list: ./deny.json}\n"); err != nil {
		t.Fatal(err)
	}
	var o verify.Options
	if err := f.Deny(t.Context(), &o); err != nil || o.Deny == nil || o.Deny.Sequence != 1 || len(o.Trust.Keys) > 0 || o.Signers != nil {
		t.Fatalf("%+v, %v", o, err)
	}
	// Whoever lost the role meanwhile signs no list for a watch that goes on.
	w.write("trust.yaml", strings.Replace(signers, "revoker.pub", "other.pub", 1)+"denylist: {list: ./deny.json}\n")
	if err := f.Deny(t.Context(), &o); err == nil || o.Deny != nil {
		t.Errorf("a list by a signer who is gone: %v", err)
	}
	for text, says := range map[string]string{
		signers + "denylist: {list: ./none.json}\n":               "there is no deny list",
		signers + "denylist: {list: ./deny.json, minimum: 9}\n":   "sequence 1",
		"trust: v1\nsigners:\n  x: {keys: [none.pub], roles: []}": "none.pub",
	} {
		if _, err := by(text); err == nil || !strings.Contains(fmt.Sprint(diag.All(err)), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
	_, err = by(signers+"denylist: {list: ./deny.json}\n", "--deny-list", "./deny.json", "--deny-key", "revoker.pub")
	if diag.ExitCode(err) != diag.ExitUsage {
		t.Errorf("two lists: %v", err)
	}
	if f, err = by(signers, "--deny-list", "./deny.json", "--deny-key", "revoker.pub"); err != nil || f.Deny == nil || len(f.Signers) != 2 {
		t.Errorf("a list by a flag: %v", err)
	}
}
