package cli

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/verify"
)

// TestAuditAsksTheDenyList: the flags of an audit name the list as those of verify do, and it is read for each audit anew.
func TestAuditAsksTheDenyList(t *testing.T) {
	w := newTrusting(t, "revoker", "other")
	w.must(0, "", "deny", "new", "--list", "./deny.json", "--key", "revoker.key", "--stateless")
	a := &app{Streams: Streams{Err: io.Discard, Env: func(string) string { return "" }}}
	a.global.state = "state"
	denying := func(args string) (auditFlags, error) {
		var f auditFlags
		cmd := &cobra.Command{Use: "audit"}
		f.define(cmd)
		if err := cmd.ParseFlags(strings.Fields(args)); err != nil {
			t.Fatal(err)
		}
		return f, f.denying(t.Context(), a, registry.New(registry.Options{}))
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
	if f, err := denying(""); err != nil || f.Deny != nil {
		t.Errorf("without a list: %v", err)
	}
	_, err := denying("--deny-list ./deny.json")
	refused(err, "go together")
	_, err = denying("--deny-key revoker.pub")
	refused(err, "go together")
	_, err = denying("--deny-list ./deny.json --deny-key none.pub")
	refused(err, "none.pub")
	for args, says := range map[string]string{
		"--deny-list ./none.json --deny-key revoker.pub":                                              "there is no deny list",
		"--deny-list ./deny.json --deny-key other.pub":                                                "does not hold",
		"--deny-list ./deny.json --deny-key revoker.pub --deny-minimum 2 --stateless":                 "sequence 1",
		"--deny-list ./deny.json --deny-identity ops@example.com --deny-issuer https://login.example": "needs `--trusted-root`",
	} {
		f, err := denying(args)
		if err != nil || f.Deny == nil {
			t.Fatalf("%s: %v", args, err)
		}
		_, err = ask(f)
		refused(err, says)
	}
	f, err := denying("--deny-list ./deny.json --deny-key revoker.pub")
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
	if f, err = denying("--deny-list ./deny.json --deny-key revoker.pub --stateless"); err != nil {
		t.Fatal(err)
	}
	if l, err := ask(f); err != nil || !l.Stateless() {
		t.Errorf("%v, %v", l, err)
	}
}
