package signing_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/signing"
)

// stamping has an instance of a forged root and no log say when.
func (s *served) stamping(change func(map[string]any)) signing.StampOptions {
	s.t.Helper()
	instance, err := signing.LoadInstance(s.config(func(c map[string]any) {
		delete(c, "rekorTlogUrls")
		delete(c, "caUrls") // nobody asks it
		if change != nil {
			change(c)
		}
	}))
	s.check(err)
	return signing.StampOptions{Instance: instance, Root: s.loadRoot(), Timeout: patience, Now: func() time.Time { return s.now }}
}

// TestStamped: a key's signature with a time that somebody else vouches for.
func TestStamped(t *testing.T) {
	s, key := serveForge(t), newKey(t)
	stamped, err := key.Stamped(s.stamping(nil))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.requests()) != 0 {
		t.Errorf("asked before there is anything to sign: %v", s.requests())
	}
	bundle := sign(t, stamped, statement)
	if got := strings.Join(s.requests(), " "); got != "POST "+pathTSA {
		t.Errorf("asked %s", got)
	}
	keys := []*signing.Verifier{key.Verifier()}
	for _, c := range []struct {
		trust signing.Trust
		want  time.Time
	}{
		{signing.Trust{Keys: keys, Root: s.loadRoot()}, s.now},
		{signing.Trust{Keys: keys}, time.Time{}},                               // who trusts no authority knows no time
		{signing.Trust{Keys: keys, Root: newForge(t).loadRoot()}, time.Time{}}, // nor does who trusts another one
	} {
		got, err := c.trust.Verify(bundle)
		if err != nil || string(got.Payload) != statement || got.By.Key != key.Key() || !got.Time.Equal(c.want) {
			t.Errorf("by %v at %v, want %v: %v", got.By, got.Time, c.want, err)
		}
	}
	// The key without times stays as it was, and one without a key has times anyway.
	if got, err := (signing.Trust{Keys: keys, Root: s.loadRoot()}).Verify(sign(t, key, statement)); err != nil || !got.Time.IsZero() {
		t.Errorf("%v, %v", got.Time, err)
	}
	keyless := s.signer(nil)
	if same, err := keyless.Stamped(s.stamping(nil)); err != nil || same != keyless {
		t.Errorf("%v, %v", same, err)
	}
}

// TestStampedByServicesThatFail: nothing is handed out that would not verify.
func TestStampedByServicesThatFail(t *testing.T) {
	for name, c := range map[string]struct {
		root    func(*served, *signing.StampOptions)
		service http.HandlerFunc
	}{
		"another instance's root": {root: func(_ *served, o *signing.StampOptions) { o.Root = newForge(t).loadRoot() }},
		"after its window": {root: func(s *served, o *signing.StampOptions) {
			s.tsaWindow.end = s.now.Add(-time.Minute)
			o.Root = s.loadRoot()
		}},
		"an error": {service: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }},
		"no stamp": {service: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }},
		"silence":  {root: func(_ *served, o *signing.StampOptions) { o.Timeout = impatience }, service: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveForge(t)
			o := s.stamping(nil)
			if c.root != nil {
				c.root(s, &o)
			}
			s.instead[pathTSA] = c.service
			stamped, err := newKey(t).Stamped(o)
			if err != nil {
				t.Fatal(err)
			}
			bundle, err := signing.SignUnchecked(t.Context(), stamped, []byte(statement))
			wantCode(t, err, "A0554")
			if bundle != nil {
				t.Error("it gave a bundle all the same")
			}
		})
	}
}

// TestStampedRefuses what could never be checked, before anything is built or signed.
func TestStampedRefuses(t *testing.T) {
	s := serveForge(t)
	logs := s.stamping(func(c map[string]any) {
		c["rekorTlogUrls"] = []any{map[string]any{"url": s.url, "majorApiVersion": 2, "operator": "x",
			"validFor": map[string]string{"start": s.now.Add(-hour).Format(time.RFC3339)}}}
	})
	for _, algorithm := range []string{"ed25519", "rsa-sign-pkcs1-3072-sha256"} {
		private, _, err := signing.NewKeyOf(algorithm, []byte("secret"))
		s.check(err)
		key, err := signing.LoadSigner(private, []byte("secret"))
		s.check(err)
		_, err = key.Stamped(logs)
		wantCode(t, err, "A0504")
		if _, err := key.Stamped(s.stamping(nil)); err != nil {
			t.Errorf("%s: no log, and refused: %v", algorithm, err)
		}
	}
	_, err := newKey(t).Stamped(s.stamping(func(c map[string]any) { delete(c, "tsaUrls") }))
	wantCode(t, err, "A0551")
	if diag.ExitCode(err) != diag.ExitUsage {
		t.Error(err)
	}
}
