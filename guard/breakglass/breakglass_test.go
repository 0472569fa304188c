package breakglass_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/breakglass"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/signing/signingtest"
	"github.com/selfsame-build/selfsame/trust"
)

const (
	shop  = "registry.example.com/team/shop"
	image = digest.Digest("sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	other = digest.Digest("sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func statement(t *testing.T, s *signing.Signer, b provenance.BreakGlass) []byte {
	t.Helper()
	made, err := provenance.BreakGlassStatement(shop, image, b)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := signing.Sign(t.Context(), s, made.Payload)
	if err != nil {
		t.Fatal(err)
	}
	return bundle
}

var usual = provenance.BreakGlass{Namespaces: []string{"shop"}, Owner: "ops@example.com", Reason: "incident 4711", Issued: now.Add(-time.Hour), Expires: now.Add(time.Hour)}

func who(s *signing.Signer, change func(*trust.Signer)) breakglass.Who {
	e := trust.Signer{Name: "ops", Keys: []trust.Key{s.Key()}, Roles: []trust.Role{trust.BreakGlass}}
	if change != nil {
		change(&e)
	}
	return breakglass.Who{Trust: signing.Trust{Keys: []*signing.Verifier{s.Verifier()}}, Signers: []trust.Signer{e}}
}

// denied is w where the deny list names whoever signs without a trusted time.
func denied(w breakglass.Who) breakglass.Who {
	w.Denied = func(_ trust.Party, at time.Time) string {
		if at.IsZero() {
			return "stolen"
		}
		return ""
	}
	return w
}

func TestOpen(t *testing.T) {
	s, stranger := signingtest.NewSigner(t, trust.BreakGlass), signingtest.NewSigner(t, trust.BreakGlass)
	for name, c := range map[string]struct {
		who  breakglass.Who
		by   *signing.Signer
		at   time.Time
		edit func([]byte) []byte
		want string // in the error; empty: it holds
	}{
		"holds":                 {who(s, nil), s, now, nil, ""},
		"to the last second":    {who(s, nil), s, now.Add(time.Hour - time.Second), nil, ""},
		"over":                  {who(s, nil), s, now.Add(time.Hour), nil, "it expired"},
		"not begun":             {who(s, nil), s, now.Add(-2 * time.Hour), nil, "lies ahead"},
		"a stranger":            {who(s, nil), stranger, now, nil, "another key"},
		"another role":          {who(s, func(e *trust.Signer) { e.Roles = []trust.Role{trust.Release, trust.Waiver} }), s, now, nil, "may not break glass"},
		"another repository's":  {who(s, func(e *trust.Signer) { e.Names = []string{"registry.example.com/other/*"} }), s, now, nil, "may not break glass"},
		"a window, and no time": {who(s, func(e *trust.Signer) { e.Until = now.Add(time.Hour) }), s, now, nil, "may not break glass"},
		"a byte changed":        {who(s, nil), s, now, func(b []byte) []byte { return flip(t, b) }, "signature"},
		"nobody is trusted":     {breakglass.Who{}, s, now, nil, "another key"},
		"denied":                {denied(who(s, nil)), s, now, nil, "is denied: stolen"},
		"not a bundle":          {who(s, nil), s, now, func([]byte) []byte { return []byte("{}") }, "bundle"},
	} {
		data := statement(t, c.by, usual)
		if c.edit != nil {
			data = c.edit(data)
		}
		got, err := c.who.Open(data, c.at)
		switch {
		case c.want == "" && (err != nil || got.Name != shop || got.Digest != image || got.SignedBy != "ops" || len(got.ID) != 16):
			t.Errorf("%s: %+v, %v", name, got, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v", name, err)
		}
	}
}

// flip changes the reason in what was signed.
func flip(t *testing.T, bundle []byte) []byte {
	t.Helper()
	payload, err := signing.Claimed(bundle)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(payload), "4711", "4712", 1)
	out := strings.Replace(string(bundle), base64.StdEncoding.EncodeToString(payload), base64.StdEncoding.EncodeToString([]byte(changed)), 1)
	if out == string(bundle) {
		t.Fatal("nothing was changed")
	}
	return []byte(out)
}

// TestReleaseKeysCannot: the key that builds images has no say in when rules do not count, nor the other way round.
func TestReleaseKeysCannot(t *testing.T) {
	made, err := provenance.BreakGlassStatement(shop, image, usual)
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range trust.Roles {
		_, err := signing.Sign(t.Context(), signingtest.NewSigner(t, role), made.Payload)
		if (err == nil) != (role == trust.BreakGlass) {
			t.Errorf("%s: %v", role, err)
		}
	}
}

func TestStatementsThatAreRefused(t *testing.T) {
	for name, change := range map[string]func(*provenance.BreakGlass){
		"no namespace":  func(b *provenance.BreakGlass) { b.Namespaces = nil },
		"a pattern":     func(b *provenance.BreakGlass) { b.Namespaces = []string{"*"} },
		"a long name":   func(b *provenance.BreakGlass) { b.Namespaces = []string{strings.Repeat("a", 64)} },
		"no owner":      func(b *provenance.BreakGlass) { b.Owner = " " },
		"no reason":     func(b *provenance.BreakGlass) { b.Reason = "" },
		"no end":        func(b *provenance.BreakGlass) { b.Expires = time.Time{} },
		"no beginning":  func(b *provenance.BreakGlass) { b.Issued = time.Time{} },
		"backwards":     func(b *provenance.BreakGlass) { b.Expires = b.Issued },
		"for too long":  func(b *provenance.BreakGlass) { b.Expires = b.Issued.Add(provenance.MaxBreakGlass + time.Second) },
		"a long reason": func(b *provenance.BreakGlass) { b.Reason = strings.Repeat("a", 4097) },
	} {
		b := usual
		change(&b)
		if _, err := provenance.BreakGlassStatement(shop, image, b); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestFolder(t *testing.T) {
	s := signingtest.NewSigner(t, trust.BreakGlass)
	f := &breakglass.Folder{Dir: filepath.Join(t.TempDir(), "later")}
	if err := f.Read(who(s, nil), now); err != nil || len(f.Active(now)) != 0 {
		t.Errorf("a folder that is not there yet: %v", err)
	}
	if err := os.Mkdir(f.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(f.Dir, name), data, 0o644); err != nil { //nolint:gosec // anybody may read it
			t.Fatal(err)
		}
	}
	write("a.json", statement(t, s, usual))
	write("stranger.json", statement(t, signingtest.NewSigner(t, trust.BreakGlass), usual))
	write("notes.txt", []byte("not looked at"))
	write("large.json", make([]byte, 300<<10))
	err := f.Read(who(s, nil), now)
	if err == nil || !strings.Contains(err.Error(), "stranger.json") || !strings.Contains(err.Error(), "large.json") || strings.Contains(err.Error(), "a.json") {
		t.Errorf("%v", err)
	}
	for name, c := range map[string]struct {
		digest    digest.Digest
		namespace string
		anywhere  bool
		after     time.Duration
		want      bool
	}{
		"its namespace":              {image, "shop", false, 0, true},
		"another namespace":          {image, "pay", false, 0, false},
		"no namespace":               {image, "", false, 0, false},
		"a gate that does not know":  {image, "", true, 0, true},
		"another image":              {other, "shop", false, 0, false},
		"over, though not read anew": {image, "shop", false, time.Hour, false},
	} {
		if _, got := f.Find(shop, c.digest, c.namespace, c.anywhere, now.Add(c.after)); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if _, got := f.Find("registry.example.com/team/other", image, "shop", false, now); got {
		t.Error("another name")
	}
	outside := usual
	outside.Namespaces = []string{provenance.OutsideNamespaces}
	write("a.json", statement(t, s, outside))
	_ = f.Read(who(s, nil), now)
	if _, got := f.Find(shop, image, "", false, now); !got {
		t.Error("outside of namespaces")
	}
	if err := os.Remove(filepath.Join(f.Dir, "a.json")); err != nil {
		t.Fatal(err)
	}
	_ = f.Read(who(s, nil), now)
	if len(f.Active(now)) != 0 {
		t.Error("it is gone, and counts")
	}
	var none *breakglass.Folder
	if _, got := none.Find(shop, image, "shop", true, now); got || none.Read(breakglass.Who{}, now) != nil {
		t.Error("no folder opens something")
	}
}
