package sigstore

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Issuer is an OpenID Connect issuer on loopback. It vouches for whatever mail address it is asked for.
type Issuer struct {
	URL    string
	server *httptest.Server
	key    *ecdsa.PrivateKey

	mu     sync.Mutex
	nonces map[string]string // of a log-in that goes on, by its code
}

func startIssuer() (*Issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	i := &Issuer{key: key, nonces: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("/keys", i.keys)
	mux.HandleFunc("/auth", i.auth)
	mux.HandleFunc("/token", i.token)
	i.server = httptest.NewServer(mux)
	i.URL = i.server.URL
	return i, nil
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	reply(w, map[string]any{
		"issuer": i.URL, "authorization_endpoint": i.URL + "/auth", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"ES256"}, "response_types_supported": []string{"code", "id_token"},
		"subject_types_supported": []string{"public"}, "code_challenge_methods_supported": []string{"S256"},
	})
}

func (i *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	point, err := i.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	reply(w, map[string]any{"keys": []any{map[string]any{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "k1", "x": b64(point[1:33]), "y": b64(point[33:]),
	}}})
}

// auth is the page where somebody logs in; here they have done so already.
func (i *Issuer) auth(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || q.Get("code_challenge") == "" {
		http.Error(w, "no", http.StatusBadRequest)
		return
	}
	code := rand.Text()
	i.mu.Lock()
	i.nonces[code] = q.Get("nonce")
	i.mu.Unlock()
	back.RawQuery = url.Values{"code": {code}, "state": {q.Get("state")}}.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	code := r.PostFormValue("code")
	i.mu.Lock()
	nonce, known := i.nonces[code]
	delete(i.nonces, code)
	i.mu.Unlock()
	if !known {
		http.Error(w, "no", http.StatusBadRequest)
		return
	}
	reply(w, map[string]any{"access_token": "x", "token_type": "Bearer", "expires_in": 600, "id_token": i.mint("person@selfsame.example", map[string]any{"nonce": nonce})})
}

// Token vouches for a mail address, for ten minutes; claims go before ours.
func (i *Issuer) Token(tb testing.TB, mail string, claims map[string]any) string {
	tb.Helper()
	return i.mint(mail, claims)
}

func (i *Issuer) mint(mail string, claims map[string]any) string {
	now := time.Now().Unix()
	all := map[string]any{"iss": i.URL, "aud": "sigstore", "sub": mail, "email": mail, "email_verified": true, "iat": now, "exp": now + 600}
	for k, v := range claims {
		all[k] = v
	}
	body, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	signed := b64([]byte(`{"alg":"ES256","kid":"k1","typ":"JWT"}`)) + "." + b64(body)
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, sum[:])
	if err != nil {
		panic(err)
	}
	return signed + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Visit follows links from address, as a browser does in which somebody has logged in already.
func Visit(ctx context.Context, address string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return
	}
	if res, err := http.DefaultClient.Do(req); err == nil {
		_ = res.Body.Close()
	}
}
