package inputs_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/inputs"
)

// TestValuesOfSecretsAreKeptNowhere puts a secret into each place of a request and an answer that is kept.
func TestValuesOfSecretsAreKeptNowhere(t *testing.T) {
	const secret = "correct horse/battery"
	escaped := "correct%20horse%2Fbattery"
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/header":
			w.Header().Set("Etag", `"`+secret+`"`)
		case "/body":
			_, _ = io.WriteString(w, "you sent "+secret)
		case "/pieces":
			for _, c := range secret {
				_, _ = io.WriteString(w, string(c))
				_ = http.NewResponseController(w).Flush()
			}
		case "/long":
			_, _ = io.WriteString(w, strings.Repeat("x", 1<<20)+secret)
		case "/known":
			_, _ = io.WriteString(w, "content")
		}
	})
	dir := t.TempDir()
	rec := recorder(t, open(t, dir), inputs.RecorderOptions{Secrets: [][]byte{[]byte(secret)}})
	for _, refused := range []struct {
		path   string
		header []string
	}{
		{path: "/" + escaped}, {path: "/x?auth=" + escaped}, {path: "/x?auth=correct+horse/battery"},
		{"/x", []string{"Accept", secret}}, {path: "/header"}, {path: "/body"}, {path: "/pieces"}, {path: "/long"},
	} {
		if got := ask(t, rec, "GET", up+refused.path, refused.header...); got.Status == http.StatusOK && !got.Err {
			t.Errorf("%s %v: served %.40v", refused.path, refused.header, got)
		}
	}
	served := [][]string{{up + "/x", "Authorization", "Bearer " + secret}, {up + "/known?token=" + escaped}}
	for _, s := range served {
		if got := ask(t, rec, "GET", s[0], s[1:]...); got.Status != http.StatusOK || got.Err {
			t.Errorf("%v: %v, want it served", s, got)
		}
	}
	if n := len(rec.Refused()); n != 8 {
		t.Errorf("%d requests are refused, want 8: %+v", n, rec.Refused())
	}
	for _, form := range []string{secret, escaped, "correct+horse/battery", base64.StdEncoding.EncodeToString([]byte(secret))} {
		if file := grep(t, dir, form); file != "" {
			t.Errorf("the store holds %s in %s", form, file)
		}
		if strings.Contains(fmt.Sprintf("%+v", rec.Requests()), form) {
			t.Errorf("the journal holds %s", form)
		}
	}
}

// TestTurnedAwayThenAskedWithCredentials is how wget and many others log in: the answer to the second request is the one that is kept.
func TestTurnedAwayThenAskedWithCredentials(t *testing.T) {
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "s3cr3t-word" {
			w.Header().Set("Www-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, "content")
	})
	store := open(t, t.TempDir())
	rec := recorder(t, store, inputs.RecorderOptions{})
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:s3cr3t-word"))
	if got := ask(t, rec, "GET", up+"/x"); got.Status != http.StatusUnauthorized || got.Header.Get("Www-Authenticate") == "" {
		t.Fatalf("without credentials: %v", got)
	}
	if got := ask(t, rec, "GET", up+"/x", "Authorization", "Basic d3Jvbmc="); got.Status != http.StatusUnauthorized {
		t.Fatalf("with wrong credentials: %v", got)
	}
	if got := ask(t, rec, "GET", up+"/x", "Authorization", basic); got.Body != "content" {
		t.Fatalf("with credentials: %v", got)
	}
	sea := seal(t, store, rec)
	for _, header := range [][]string{nil, {"Authorization", "Basic d3Jvbmc="}} {
		if got := ask(t, sea, "GET", up+"/x", header...); got.Body != "content" {
			t.Errorf("sealed, with %v: %v", header, got)
		}
	}
}
