package cli

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/test/sigstore"
)

// TestLinkWaits: a registry that takes its time is named, while there is nothing else to see.
func TestLinkWaits(t *testing.T) {
	w := newTrusting(t, "scanner")
	slow := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(2500 * time.Millisecond): // longer than registry's patience of two seconds
		case <-r.Context().Done():
		}
		http.NotFound(rw, r)
	}))
	t.Cleanup(slow.Close)
	host := strings.TrimPrefix(slow.URL, "http://")
	if code, _, errs := w.run("link", "scan", host+"/team/shop:v1", "--key", "scanner.key"); code == 0 || !strings.Contains(errs, "waiting for "+host+", which has not answered yet") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// TestLinkFlagsWithoutUse: what would change nothing is said, and not passed over.
func TestLinkFlagsWithoutUse(t *testing.T) {
	for command, says := range map[string]string{
		"lock . --signing-config c --trusted-root r":                                "are for links",
		"lock . --trusted-root r":                                                   "are for links",
		"lock . --link-key ci.key --trusted-root r":                                 "times beside a key need",
		"build . --link-identity-token sign=ci --signing-config c --trusted-root r": "a link of the step sign needs --key or --keyless",
	} {
		wrong(t, nil, 10, says, strings.Fields(command)...)
	}
}

// TestLinksAreNotTheReleases: the key, or the identity, that releases an image signs no link, whatever its file is called: stock cosign takes any
// statement of a release key for an approval.
func TestLinksAreNotTheReleases(t *testing.T) {
	w := newTrusting(t, "release", "ci")
	key, err := os.ReadFile("release.key")
	if err != nil {
		t.Fatal(err)
	}
	w.write("copy.key", string(key))
	const one = "--key and --link-key are one key"
	w.must(10, one, "build", ".", "--key", "release.key", "--link-key", "ci.key", "--link-key", "sign=copy.key")
	w.must(10, one, "build", ".", "--key", "release.key", "--link-key", "./release.key")
	apart := func(args ...string) { // they get as far as a recipe or builders, which are not there
		t.Helper()
		if code, _, errs := w.run(args...); code == 0 || !strings.Contains(errs, "A0704") && !strings.Contains(errs, "A0101") {
			t.Errorf("exit %d: %s", code, errs)
		}
	}
	apart("build", ".", "--key", "release.key", "--link-key", "ci.key")

	i := sigstore.Start(t)
	token := func(name, who string) { w.write(name, i.Issuer.Token(t, who, nil)) }
	token("release", "release@selfsame.example")
	token("same", "release@selfsame.example")
	token("other", "ci@selfsame.example")
	by := []string{"build", ".", "--keyless", "--signing-config", i.SigningConfig, "--trusted-root", i.TrustedRoot, "--identity-token", "release", "--link-identity-token"}
	w.must(10, "--identity-token and --link-identity-token are for one identity", append(by, "sign=same")...)
	apart(append(by, "sign=other")...)
	apart("build", ".", "--link-key", "ci.key", "--signing-config", i.SigningConfig, "--trusted-root", i.TrustedRoot) // it says when the link was signed
}

// TestN7PanicIsNoSuccess: a bug that ends a command is no verdict (CVE-2026-44310: a panic, and exit 0).
func TestN7PanicIsNoSuccess(t *testing.T) {
	var out, errs bytes.Buffer
	code := Main(t.Context(), []string{"verify", "image", "--key", "k"}, Streams{Out: &out, Err: &errs, Env: func(string) string { panic("a bug") }})
	if code != diag.ExitInternal || out.Len() > 0 || !strings.Contains(errs.String(), "internal error: a bug") {
		t.Errorf("exit %d: %s%s", code, out.String(), errs.String())
	}
}
