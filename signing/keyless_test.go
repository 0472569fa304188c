package signing_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	tiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/signing"
)

// served is a forged instance with addresses. A test may put a handler of its own before a service.
type served struct {
	*forge
	url     string
	mu      sync.Mutex
	asked   []string // METHOD PATH
	instead map[string]http.HandlerFunc
}

const (
	pathCA  = "/api/v2/signingCert"
	pathTSA = "/tsa/api/v1/timestamp"
	pathLog = "/api/v2/log/entries"
)

func serveForge(t testing.TB) *served {
	s := &served{forge: newForge(t), instead: map[string]http.HandlerFunc{}}
	handlers := map[string]http.HandlerFunc{pathCA: s.serveCA, pathTSA: s.serveTSA, pathLog: s.serveLog}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.Method+" "+r.URL.Path)
		h := s.instead[r.URL.Path]
		s.mu.Unlock()
		if h == nil {
			h = handlers[r.URL.Path]
		}
		if h == nil {
			http.NotFound(w, r)
			return
		}
		body, err := io.ReadAll(r.Body) // or the server would not notice that the client has gone
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		h(w, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// requests are those that were made, as METHOD PATH.
func (s *served) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func (s *served) serveCA(w http.ResponseWriter, r *http.Request) {
	var q struct {
		PublicKeyRequest struct {
			PublicKey struct{ Content string } `json:"publicKey"`
		} `json:"publicKeyRequest"`
	}
	s.check(json.NewDecoder(r.Body).Decode(&q))
	block, _ := pem.Decode([]byte(q.PublicKeyRequest.PublicKey.Content))
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	s.check(err)
	leaf := s.leaf(&ecdsa.PrivateKey{PublicKey: *public.(*ecdsa.PublicKey)}, forgedSubject, forgedIssuer, s.now.Add(-time.Minute))
	answer := map[string]any{"signedCertificateEmbeddedSct": map[string]any{"chain": map[string]any{"certificates": []string{string(pemOf(leaf)), string(pemOf(s.ca))}}}}
	s.check(json.NewEncoder(w).Encode(answer))
}

func (s *served) serveTSA(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	s.check(err)
	q, err := timestamp.ParseRequest(raw)
	s.check(err)
	ts := timestamp.Timestamp{HashAlgorithm: q.HashAlgorithm, HashedMessage: q.HashedMessage, Time: s.now, Policy: []int{1, 2, 3}}
	out, err := ts.CreateResponseWithOpts(s.tsaLeaf, s.tsaKey, q.HashAlgorithm)
	s.check(err)
	w.WriteHeader(http.StatusCreated)
	_, err = w.Write(out)
	s.check(err)
}

func (s *served) serveLog(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	s.check(err)
	var q tiles.CreateEntryRequest
	s.check(protojson.Unmarshal(raw, &q))
	h := q.GetHashedRekordRequestV002()
	leaf, err := x509.ParseCertificate(h.GetSignature().GetVerifier().GetX509Certificate().GetRawBytes())
	s.check(err)
	w.WriteHeader(http.StatusCreated)
	s.check(json.NewEncoder(w).Encode(s.entry(s.logs[0], h.GetDigest(), h.GetSignature().GetContent(), leaf, nil, nil)))
}

// config is the instance's signing_config.json.
func (s *served) config(change func(map[string]any)) []byte {
	service := func(url string, version int) []any {
		return []any{map[string]any{"url": url, "majorApiVersion": version, "operator": "x", "validFor": map[string]string{"start": s.now.Add(-hour).Format(time.RFC3339)}}}
	}
	config := map[string]any{
		"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json", "caUrls": service(s.url, 1), "tsaUrls": service(s.url+pathTSA, 1),
		"rekorTlogUrls": service(s.url, 2), "oidcUrls": service(s.url, 1),
		"rekorTlogConfig": map[string]string{"selector": "ANY"}, "tsaConfig": map[string]string{"selector": "ANY"},
	}
	if change != nil {
		change(config)
	}
	raw, err := json.Marshal(config)
	s.check(err)
	return raw
}

// token is one that says who it is for, and ends at a time.
func token(t testing.TB, end time.Time) string {
	t.Helper()
	body := fmt.Sprintf(`{"iss":%q,"aud":"sigstore","sub":"s","email":%q,"email_verified":true,"exp":%d}`, forgedIssuer, forgedSubject, end.Unix())
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"ES256"}`)) + "." + enc([]byte(body)) + "." + enc([]byte("a signature that must never be seen"))
}

// How long services are waited for: those that answer, on a busy machine; and those that never do.
const (
	patience   = 15 * time.Second
	impatience = 300 * time.Millisecond
)

func (s *served) options(change func(*signing.KeylessOptions)) signing.KeylessOptions {
	s.t.Helper()
	instance, err := signing.LoadInstance(s.config(nil))
	s.check(err)
	o := signing.KeylessOptions{Instance: instance, Root: s.loadRoot(), Timeout: patience, Now: func() time.Time { return s.now },
		Token: func(context.Context) (signing.Token, error) { return signing.ParseToken(token(s.t, s.now.Add(hour))) }}
	if change != nil {
		change(&o)
	}
	return o
}

func (s *served) signer(change func(*signing.KeylessOptions)) *signing.Signer {
	s.t.Helper()
	k, err := signing.NewKeyless(s.options(change))
	s.check(err)
	return k
}

func TestKeyless(t *testing.T) {
	s := serveForge(t)
	tokens := 0
	now := s.now
	k := s.signer(func(o *signing.KeylessOptions) {
		from := o.Token
		o.Token = func(ctx context.Context) (signing.Token, error) { tokens++; return from(ctx) }
		o.Now = func() time.Time { return now }
	})
	if len(s.requests()) != 0 || tokens != 0 {
		t.Errorf("asked before there is anything to sign: %v, %d tokens", s.requests(), tokens)
	}
	first := sign(t, k, statement)
	wantGood(t, s.loadRoot(), first, s.now)
	sign(t, k, strings.Replace(statement, "app", "abc", 1))
	// One certificate for both (a build signs some ten statements), and a new one when it is about to end.
	now = now.Add(9 * time.Minute)
	sign(t, k, statement)
	want := "POST " + pathCA + " POST " + pathTSA + " POST " + pathLog
	more := " POST " + pathTSA + " POST " + pathLog
	if got := strings.Join(s.requests(), " "); got != want+more+" "+want || tokens != 2 {
		t.Errorf("asked %s with %d tokens", got, tokens)
	}
	if by, err := k.By(first); err != nil || by != forgedParty {
		t.Errorf("by %v: %v", by, err)
	}
	if k.Key().Hint != "" || k.Verifier() != nil {
		t.Error("a signer without a key has one")
	}
	if _, err := signing.SignUnchecked(t.Context(), k, []byte(`{"a":1,"a":2}`)); err == nil {
		t.Error("signed what is no strict JSON")
	}
}

// TestN4NothingIsAsked: an instance that describes itself wrongly is not believed. Everything it answers fits together, under a root
// of its own that it would gladly hand out; nobody asks for it.
func TestN4NothingIsAsked(t *testing.T) {
	s, honest := serveForge(t), newForge(t)
	k := s.signer(func(o *signing.KeylessOptions) { o.Root = honest.loadRoot() })
	_, err := signing.SignUnchecked(t.Context(), k, []byte(statement))
	wantCode(t, err, "A0554")
	for _, a := range s.requests() {
		if a != "POST "+pathCA && a != "POST "+pathTSA && a != "POST "+pathLog {
			t.Errorf("asked %s", a)
		}
	}
}

// TestN25ServicesThatFail: each service is down, slow, endless, lying, or says no; signing ends in time, with nothing to publish, and never
// with the token in its words. Nobody is followed to where he redirects, a metadata service say (CVE-2026-22772, CVE-2026-49478: a certificate
// authority that could be sent elsewhere).
func TestN25ServicesThatFail(t *testing.T) {
	answer := func(code int, body string) func(*served) http.HandlerFunc {
		return func(*served) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code); _, _ = io.WriteString(w, body) }
		}
	}
	slow := func(*served) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	}
	trickle := func(*served) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, " ")
				w.(http.Flusher).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		}
	}
	endless := func(*served) http.HandlerFunc {
		junk := bytes.Repeat([]byte("x"), 1<<16)
		return func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(junk); err != nil {
					return
				}
			}
		}
	}
	cut := func(*served) http.HandlerFunc {
		return func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	}
	redirect := func(s *served) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, s.url+"/elsewhere", http.StatusTemporaryRedirect)
		}
	}
	echo := func(*served) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{"message": "bad token " + r.Header.Get("Authorization")})
		}
	}
	otherKey := func(s *served) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			leaf := s.leaf(s.newKey(), forgedSubject, forgedIssuer, s.now)
			_ = json.NewEncoder(w).Encode(map[string]any{"signedCertificateEmbeddedSct": map[string]any{"chain": map[string]any{"certificates": []string{string(pemOf(leaf))}}}})
		}
	}
	oldStamp := func(s *served) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(s.stamp([]byte("something else"), s.now)) }
	}
	skewed := func(s *served) http.HandlerFunc { // its clock is a day behind
		return func(w http.ResponseWriter, r *http.Request) {
			behind := &served{forge: &forge{}}
			*behind.forge = *s.forge
			behind.now = s.now.Add(-24 * hour)
			behind.serveTSA(w, r)
		}
	}
	otherEntry := func(s *served) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			_ = json.NewEncoder(w).Encode(s.signed(statement).entries[0])
		}
	}
	for name, c := range map[string]struct {
		at   string
		how  func(*served) http.HandlerFunc
		want diag.Code
	}{
		"CA slow": {pathCA, slow, "A0554"}, "TSA slow": {pathTSA, slow, "A0554"}, "log slow": {pathLog, slow, "A0554"},
		"CA trickles": {pathCA, trickle, "A0554"}, "TSA trickles": {pathTSA, trickle, "A0554"}, "log trickles": {pathLog, trickle, "A0554"},
		"CA endless": {pathCA, endless, "A0554"}, "TSA endless": {pathTSA, endless, "A0554"}, "log endless": {pathLog, endless, "A0554"},
		"CA cut off": {pathCA, cut, "A0554"}, "TSA cut off": {pathTSA, cut, "A0554"}, "log cut off": {pathLog, cut, "A0554"},
		"CA redirects": {pathCA, redirect, "A0554"}, "TSA redirects": {pathTSA, redirect, "A0554"}, "log redirects": {pathLog, redirect, "A0554"},
		"CA broken": {pathCA, answer(500, ""), "A0554"}, "TSA broken": {pathTSA, answer(503, "<html>"), "A0554"}, "log broken": {pathLog, answer(500, `{"message":"x"}`), "A0554"},
		"CA says nothing": {pathCA, answer(200, ""), "A0554"}, "TSA says nothing": {pathTSA, answer(201, ""), "A0554"}, "log says nothing": {pathLog, answer(201, "{}"), "A0554"},
		"CA refuses": {pathCA, echo, "A0553"}, "CA for another key": {pathCA, otherKey, "A0554"}, "TSA on something else": {pathTSA, oldStamp, "A0554"},
		"TSA a day behind": {pathTSA, skewed, "A0554"}, "log on something else": {pathLog, otherEntry, "A0554"}, "log refuses": {pathLog, answer(409, `{"message":"there already"}`), "A0554"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveForge(t)
			s.instead[c.at] = c.how(s)
			k := s.signer(func(o *signing.KeylessOptions) {
				if strings.Contains(name, "slow") || strings.Contains(name, "trickles") {
					o.Timeout = impatience
				}
			})
			start := time.Now()
			out, err := signing.SignUnchecked(t.Context(), k, []byte(statement))
			wantCode(t, err, c.want)
			if out != nil || time.Since(start) > 20*time.Second {
				t.Errorf("%d bytes after %s", len(out), time.Since(start))
			}
			if diag.ExitCode(err) != diag.ExitUndecided {
				t.Errorf("exit %d", diag.ExitCode(err))
			}
			for word, says := range map[string]string{"endless": "more than", "slow": "within", "trickles": "within", "another key": "not for our key", "redirects": "redirects"} {
				if strings.Contains(name, word) && !strings.Contains(fmt.Sprint(err), says) {
					t.Errorf("%v does not say %q", err, says)
				}
			}
			wantNoToken(t, token(t, s.now.Add(hour)), fmt.Sprintf("%v %+v", err, diag.All(err)))
			for _, a := range s.requests() {
				if strings.Contains(a, "elsewhere") {
					t.Error("followed a redirect")
				}
			}
			if c.at == pathCA && len(s.requests()) > 3 {
				t.Errorf("asked %d times", len(s.requests()))
			}
		})
	}
}

func wantNoToken(t *testing.T, token, text string) {
	t.Helper()
	for _, part := range strings.Split(token, ".") {
		if strings.Contains(text, part) {
			t.Errorf("a part of the token is in %s", text)
		}
	}
}

// A service that is busy is asked again.
func TestServiceThatIsBusy(t *testing.T) {
	s := serveForge(t)
	times := 0
	s.instead[pathCA] = func(w http.ResponseWriter, r *http.Request) {
		if times++; times < 3 {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		s.serveCA(w, r)
	}
	wantGood(t, s.loadRoot(), sign(t, s.signer(nil), statement), s.now)
}

func TestKeylessInterrupted(t *testing.T) {
	s := serveForge(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	s.instead[pathTSA] = func(_ http.ResponseWriter, r *http.Request) { cancel(gone); <-r.Context().Done() }
	if out, err := signing.SignUnchecked(ctx, s.signer(nil), []byte(statement)); !errors.Is(err, gone) || out != nil {
		t.Errorf("%s, %v", out, err)
	}
}

func TestIdentityTokens(t *testing.T) {
	s := serveForge(t)
	for name, bad := range map[string]string{
		"nothing": "", "no token": "secret", "two parts": "a.b", "no base64": "a.!.c", "no JSON": "a." + base64.RawURLEncoding.EncodeToString([]byte("x")) + ".c",
		"no subject":      "a." + base64.RawURLEncoding.EncodeToString([]byte(`{}`)) + ".c",
		"mail unverified": "a." + base64.RawURLEncoding.EncodeToString([]byte(`{"email":"x@y.example"}`)) + ".c",
		"an odd end":      "a." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"x","exp":-5}`)) + ".c",
		"too long":        strings.Repeat("a", 1<<20) + ".b.c",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := signing.ParseToken(bad)
			wantCode(t, err, "A0552")
			if bad != "" && err != nil && strings.Contains(err.Error(), bad) {
				t.Errorf("the token is in %q", err)
			}
		})
	}
	raw := token(t, s.now.Add(-time.Second))
	old, err := signing.ParseToken(raw + "\n")
	if err != nil || !old.Expires().Equal(s.now.Add(-time.Second)) {
		t.Fatalf("%v, %v", old.Expires(), err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		wantNoToken(t, raw, fmt.Sprintf(format, old))
	}
	text, err := json.Marshal(struct{ Token signing.Token }{old})
	if err != nil {
		t.Fatal(err)
	}
	wantNoToken(t, raw, string(text))
	// A token that ended while the image was built is said so, before anybody is asked.
	_, err = signing.SignUnchecked(t.Context(), s.signer(func(o *signing.KeylessOptions) {
		o.Token = func(context.Context) (signing.Token, error) { return old, nil }
	}), []byte(statement))
	wantCode(t, err, "A0553")
	if len(s.requests()) != 0 {
		t.Errorf("asked %v", s.requests())
	}
}

func TestActionsToken(t *testing.T) {
	s := newForge(t)
	good := token(t, s.now.Add(hour))
	var status int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer password" || r.URL.Query().Get("audience") != "sigstore" || r.URL.Query().Get("a") != "b" {
			t.Errorf("%s with %v", r.URL, r.Header)
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"value": good})
	}))
	defer server.Close()
	status = http.StatusOK
	got, err := signing.ActionsToken(t.Context(), nil, server.URL+"/token?a=b", "password")
	if want, _ := signing.ParseToken(good); err != nil || got != want {
		t.Error(err)
	}
	status = http.StatusForbidden
	_, err = signing.ActionsToken(t.Context(), nil, server.URL+"/token?a=b", "password")
	wantCode(t, err, "A0552")
	_, err = signing.ActionsToken(t.Context(), nil, "http://tokens.example/x", "password")
	wantCode(t, err, "A0552")
}

func TestLoadInstance(t *testing.T) {
	s := serveForge(t)
	without := func(key string) []byte { return s.config(func(c map[string]any) { delete(c, key) }) }
	one := func(key, field string, v any) []byte {
		return s.config(func(c map[string]any) { c[key].([]any)[0].(map[string]any)[field] = v })
	}
	over := map[string]string{"start": "2020-01-01T00:00:00Z", "end": "2021-01-01T00:00:00Z"}
	for name, bad := range map[string][]byte{
		"nothing": nil, "no JSON": []byte("x"), "key twice": []byte(`{"a":1,"a":2}`), "no CA": without("caUrls"), "no TSA": without("tsaUrls"), "no log": without("rekorTlogUrls"),
		"no count of logs": without("rekorTlogConfig"), "no count of TSAs": without("tsaConfig"), "a CA whose time is over": one("caUrls", "validFor", over),
		"a log of the first kind": one("rekorTlogUrls", "majorApiVersion", 1), "a CA in the clear": one("caUrls", "url", "http://ca.example"),
		"a TSA by ftp": one("tsaUrls", "url", "ftp://127.0.0.1"), "a log with a password": one("rekorTlogUrls", "url", "https://a:b@log.example"),
		"a CA that is like this machine": one("caUrls", "url", "http://127.0.0.1.example"), "media type": s.config(func(c map[string]any) { c["mediaType"] = "x" }),
	} {
		t.Run(name, func(t *testing.T) {
			i, err := signing.LoadInstance(bad)
			if err == nil {
				o := s.options(nil)
				o.Instance = i
				_, err = signing.NewKeyless(o)
			}
			wantCode(t, err, "A0551")
		})
	}
}
