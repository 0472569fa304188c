package guardcli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/config"
	"github.com/selfsame-build/selfsame/internal/invocation"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/signingtest"
	"github.com/selfsame-build/selfsame/trust"
)

// TestListThatEndedStaysSo: setting the clock back while the guard runs does not bring a deny list back that has ended, nor a break-glass
// statement.
func TestListThatEndedStaysSo(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sign := func(role trust.Role, made provenance.Subjected, err error) []byte {
		t.Helper()
		key := signingtest.NewSigner(t, role)
		write(string(role)+".pub", key.Verifier().PEM())
		if err != nil {
			t.Fatal(err)
		}
		bundle, err := signing.Sign(t.Context(), key, made.Payload)
		if err != nil {
			t.Fatal(err)
		}
		return bundle
	}
	start, image := time.Now().UTC().Truncate(time.Second), digest.FromString("x")
	made, err := provenance.DenyListStatement("denylist", provenance.DenyList{Edition: provenance.NewEdition(1, start, 24*time.Hour)})
	write("denylist.json", sign(trust.Revoker, made, err))
	made, err = provenance.BreakGlassStatement("registry.example.com/a", image, provenance.BreakGlass{Namespaces: []string{"shop"}, Owner: "ops", Reason: "incident", Issued: start, Expires: start.Add(time.Hour)})
	glass := sign(trust.BreakGlass, made, err)
	if err := os.Mkdir(filepath.Join(dir, "glass"), 0o700); err != nil {
		t.Fatal(err)
	}
	write("glass/a.json", glass)
	write("trust.yaml", []byte("trust: v1\nsigners:\n  r: {keys: [revoker.pub], roles: [revoker]}\n  g: {keys: [break-glass.pub], roles: [break-glass]}\ndenylist: {list: denylist.json}\n"))
	write("policy.yaml", []byte("policy: v1\nname: prod\nversion: 1\nrules:\n  - {name: none, match: [\"**\"], require: 'false', message: nothing may run, fix: wait}\n"))
	c, err := config.Parse(filepath.Join(dir, "guard.yaml"), []byte("guard: v1\ntrust: trust.yaml\npolicy: {file: policy.yaml}\nstate: state\nbreakGlass: glass\n"))
	if err != nil {
		t.Fatal(err)
	}
	var wall atomic.Int64 // since start
	var out bytes.Buffer
	a := &app{Streams: invocation.Streams{Out: &out, Err: &out}, clock: func() time.Time { return start.Add(time.Duration(wall.Load())) }}
	g, err := a.open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer g.close()
	if err := g.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	grants := func() int {
		who, _ := g.ground.BreakGlass()
		_ = g.Folder.Read(who, g.Now()) // says why it opens nothing
		return len(g.Folder.Active(g.Now()))
	}
	if _, _, err := g.ground.Denied(image); err != nil || grants() != 1 {
		t.Fatalf("before: %v, %d statements", err, grants())
	}
	for _, at := range []time.Duration{25 * time.Hour, 0, -48 * time.Hour} {
		wall.Store(int64(at))
		_, _, err := g.ground.Denied(image)
		_, gathered := g.ground.Gather(t.Context(), "registry.example.com/a", image)
		if err == nil || gathered == nil || !strings.Contains(gathered.Error(), "does not count any more") || grants() != 0 {
			t.Errorf("the clock at %s: %v, %v, %d statements", at, err, gathered, grants())
		}
		if err := g.Refresh(t.Context()); err == nil {
			t.Errorf("the clock at %s: the list is read again", at)
		}
	}
}
