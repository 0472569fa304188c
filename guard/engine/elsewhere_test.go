package engine_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/policy"
)

// TestStolenEvidence: a denial says that what is attached to the image is another one's, from cache and disk too; an answer that allows says
// nothing of it.
func TestStolenEvidence(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	w := newWorld(t, func(c *engine.Config) { c.State = dir })
	w.f.elsewhere = []policy.Elsewhere{{Digest: good.String(), Statements: 3}}
	for _, how := range []string{"gathered", "kept"} {
		a := w.ask(evil)
		if lines := strings.Split(a.Denial(), "\n"); len(lines) != 3 || lines[1] != "by policy prod, version 1, rule signed; 3 statements are about "+good.String()+", not this image" {
			t.Errorf("%s: %q", how, lines)
		}
	}
	w.Close()
	w.open()
	if a := w.want("from disk", evil, false, engine.ClassRule, true, 1); !strings.Contains(a.Denial(), "3 statements are about "+good.String()) {
		t.Error(a.Denial())
	}
	if a := w.ask(good); !a.Allow || a.Elsewhere != nil {
		t.Errorf("%+v", a)
	}
	w.f.elsewhere = []policy.Elsewhere{{Digest: evil.String(), Statements: 1}, {Digest: good.String(), Statements: 1}}
	a := engine.Answer{Class: engine.ClassRule, Elsewhere: w.f.elsewhere}
	if line := strings.Split(a.Denial(), "\n")[1]; !strings.HasSuffix(line, "; 1 statement is about "+evil.String()+", not this image, and more are about others") {
		t.Error(line)
	}
}
