package admission

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

func TestWhatIsNoReview(t *testing.T) {
	okay := podAsk(`{"containers":[{"name":"app","image":"` + shop + "@" + good.String() + `"}]}`).body()
	deep := strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200)
	for _, test := range []struct {
		name, body string
		code       int
	}{
		{"nothing", "", 400},
		{"not JSON", "kind: AdmissionReview", 400},
		{"a list", "[]", 400},
		{"another kind", `{"apiVersion":"admission.k8s.io/v1","kind":"Pod"}`, 400},
		{"another version", strings.Replace(okay, "admission.k8s.io/v1", "admission.k8s.io/v1beta1", 1), 400},
		{"no request", `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}`, 400},
		{"no uid", strings.Replace(okay, `"uid":"u-1"`, `"uid":""`, 1), 400},
		{"long uid", strings.Replace(okay, `"uid":"u-1"`, `"uid":"`+strings.Repeat("u", 1000)+`"`, 1), 400},
		{"equal keys", strings.Replace(okay, `"operation":"CREATE"`, `"operation":"CREATE","operation":"DELETE"`, 1), 400},
		{"equal keys, one escaped", strings.Replace(okay, `"operation":"CREATE"`, `"operation":"CREATE","\u006fperation":"DELETE"`, 1), 400},
		{"a folded key", strings.Replace(okay, `"operation":"CREATE"`, `"operation":"CREATE","Operation":"DELETE"`, 1), 400},
		{"equal keys in the object", strings.Replace(okay, `"name":"app"`, `"name":"app","image":"x"`, 1), 400},
		{"something after it", okay + okay, 400},
		{"deep", strings.Replace(okay, `"options":{`, `"options":{"deep":`+deep+`,`, 1), 400},
		{"not UTF-8", strings.Replace(okay, "ann", "\xff", 1), 400},
		{"10 MB", strings.Replace(okay, "ann", strings.Repeat("a", 10<<20), 1), 413},
		{"a response", strings.Replace(okay, `"request":{`, `"response":{"allowed":true},"request":{`, 1), 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGate(t, &asker{allow: map[digest.Digest]bool{good: true}}, nil)
			for _, path := range []string{"/validate", "/mutate"} {
				if code, _, raw := g.post(t, path, test.body); code != test.code || len(raw) > 2000 {
					t.Errorf("%s: %d: %.300s\nwant %d", path, code, raw, test.code)
				}
			}
		})
	}
}

func TestOtherRequests(t *testing.T) {
	g := newGate(t, &asker{}, nil)
	for _, test := range []struct {
		method, path, kind string
		code               int
	}{
		{"GET", "/validate", "application/json", 405},
		{"POST", "/validate", "text/plain", 415},
		{"POST", "/validate", "", 415},
		{"POST", "/", "application/json", 404},
		{"POST", "/validate/", "application/json", 404},
	} {
		r := httptest.NewRequestWithContext(t.Context(), test.method, test.path, strings.NewReader(podAsk("{}").body()))
		r.Header.Set("Content-Type", test.kind)
		w := httptest.NewRecorder()
		g.Handler().ServeHTTP(w, r)
		if w.Code != test.code {
			t.Errorf("%s %s as %q: %d, want %d", test.method, test.path, test.kind, w.Code, test.code)
		}
	}
}
