package secrets

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// letters are n characters that no dictionary has; planted keys are made here, so that no file of ours looks like one.
func letters(n int) string {
	const set = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same ones every time
	out := make([]byte, n)
	for i := range out {
		out[i] = set[r.IntN(len(set))]
	}
	return string(out)
}

func TestPlanted(t *testing.T) {
	begin := func(kind string) string { return "-----BEGIN " + kind + "PRIVATE KEY-----\n" }
	for name, c := range map[string]struct{ place, text, kind string }{
		"PKCS #8":           {"a.pem", begin("") + letters(64), "private key"},
		"RSA, with headers": {"a.pem", begin("RSA ") + "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n" + letters(64), "private key"},
		"OpenSSH":           {"id", begin("OPENSSH ") + letters(70), "private key"},
		"cosign":            {"k", begin("ENCRYPTED SIGSTORE ") + letters(64), "private key"},
		"in JSON":           {"sa.json", `{"private_key": "` + strings.TrimSpace(begin("")) + `\n` + letters(64) + `"}`, "private key"},
		"AWS":               {"env", "AWS_ACCESS_KEY_ID=AKIA" + strings.ToUpper(letters(16)), "AWS access key"},
		"GitHub":            {"x", "token: ghp_" + letters(36), "GitHub token"},
		"fine-grained":      {"x", "github_pat_" + letters(82), "GitHub token"},
		"GitLab":            {"x", "glpat-" + letters(20), "GitLab token"},
		"npm":               {"x", "npm_" + letters(36), "npm token"},
		"npmrc":             {"app/.npmrc", "//registry.example.com/:_authToken=" + letters(20), "npm credentials"},
		"netrc":             {".netrc", "machine a.b login me password " + letters(12), "password of .netrc"},
		"docker":            {".docker/config.json", `{"auths": {"r": {"auth": "` + letters(24) + `"}}}`, "registry credentials"},
		"address":           {"pip.conf", "index-url = https://me:" + letters(12) + "@pypi.corp.net/simple", "password in an address"},
		"cookie":            {"headers", "Content-Type: text/html\nSet-Cookie: session=" + letters(20), "cookie"},
		"JWT":               {"body", "eyJ" + letters(20) + ".eyJ" + letters(20) + "." + letters(40), "JSON web token"},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := Text(c.place, strings.NewReader("first\n"+c.text+"\nlast\n"))
			if err != nil || len(found) != 1 || found[0].Kind != c.kind || found[0].Place != c.place || found[0].Line != strings.Count(c.text[:max(0, strings.Index(c.text, "Set-"))], "\n")+2 {
				t.Errorf("found %v, %v; want a %s at line 2", found, err, c.kind)
			}
			if len(found) > 0 && strings.Contains(found[0].String(), letters(8)) {
				t.Errorf("the finding shows the secret: %s", found[0])
			}
		})
	}
}

// TestNoFalseAlarm: what documentation, tests and manuals are full of.
func TestNoFalseAlarm(t *testing.T) {
	for place, text := range map[string]string{
		"README.md":    "curl https://user:password@example.com/\nhttps://me:${TOKEN}@git.corp.net/x\nhttps://a:b3c4d5@localhost/",
		"doc.go":       "// a file that begins with -----BEGIN PRIVATE KEY----- is refused",
		"aws.md":       "AKIAIOSFODNN7EXAMPLE",
		".npmrc":       "//registry.example.com/:_authToken=${NPM_TOKEN}\nregistry=https://registry.example.com/",
		".netrc":       "machine example.com login me password <password>",
		"tokens.txt":   "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx npm_000000000000000000000000000000000000",
		"pub.pem":      "-----BEGIN PUBLIC KEY-----\n" + letters(64),
		"package.json": `{"auth": "none", "author": "A <a@b.c>"}`,
		"lock":         "npm:sha512-" + letters(86),
	} {
		if found, err := Text(place, strings.NewReader(text)); err != nil || len(found) > 0 {
			t.Errorf("%s: %v, %v", place, found, err)
		}
	}
}

// TestAcrossPieces: what lies over the end of a piece is found, once, at its line.
func TestAcrossPieces(t *testing.T) {
	token := "ghp_" + letters(36)
	for _, at := range []int{piece - 20, piece + overlap - 20, 2*piece - 5, 3 * piece} {
		text := strings.Repeat("x", at-1) + "\n" + token + "\n" + strings.Repeat("y\n", 100)
		found, err := Text("big", strings.NewReader(text))
		if want := (Found{"GitHub token", "big", 2}); err != nil || len(found) != 1 || found[0] != want {
			t.Errorf("at %d: %v, %v", at, found, err)
		}
	}
}

func TestTar(t *testing.T) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range [][2]string{{"a/.npmrc", "//r/:_authToken=" + letters(20)}, {"b", "nothing"}} {
		name, text := f[0], f[1]
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(text)), Typeflag: tar.TypeReg, Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, text)
	}
	_ = w.Close()
	found, err := Tar(bytes.NewReader(buf.Bytes()))
	if want := (Found{"npm credentials", "a/.npmrc", 1}); err != nil || len(found) != 1 || found[0] != want {
		t.Errorf("%v, %v", found, err)
	}
	if _, err := Tar(bytes.NewReader(buf.Bytes()[:530])); err == nil {
		t.Error("a tar that breaks off was searched")
	}
}

// TestBreaksOff: half a text that was searched is no text without secrets.
func TestBreaksOff(t *testing.T) {
	for _, end := range []error{io.ErrUnexpectedEOF, errors.New("damaged")} {
		if _, err := Text("x", io.MultiReader(strings.NewReader("half"), iotest.ErrReader(end))); !errors.Is(err, end) {
			t.Errorf("%v, want %v", err, end)
		}
	}
}

// TestExamples: nothing in our own examples, which are sealed in the documents, is taken for a secret.
func TestExamples(t *testing.T) {
	n := 0
	err := filepath.WalkDir("../../examples", func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		n++
		found, err := Text(path, f)
		for _, x := range found {
			t.Error(x)
		}
		return err
	})
	if err != nil || n < 10 {
		t.Fatalf("%d files, %v", n, err)
	}
}
