package plugin

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// script opens a key of a program that is a shell script.
func script(t *testing.T, body string, pin string, timeout time.Duration) *Key {
	t.Helper()
	dir := t.TempDir()
	p := Programs{Timeout: timeout, Env: append(os.Environ(), "HERE="+dir, PINVariable+"=of another key"), Find: func(name string) (string, error) {
		path := filepath.Join(dir, name)
		return path, os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o755)
	}}
	k, err := p.Open("test", "the/key", []byte(pin))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestProgramsThatMisbehave: each ends in one diagnostic, soon.
func TestProgramsThatMisbehave(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		code diag.Code
		want string
	}{
		"nothing":            {"", codeBroken, "not one JSON object"},
		"junk":               {"echo junk; echo oops >&2", codeBroken, "it says: oops"},
		"null":               {"echo null", codeBroken, "has no public key"},
		"no result":          {"echo '{}'", codeBroken, "has no public key"},
		"two answers":        {`echo '{"publicKey":{"publicKeyPEM":"QQ=="}}{"publicKey":{"publicKeyPEM":"Qg=="}}'`, codeBroken, "not one JSON object"},
		"another's result":   {`echo '{"signMessage":{"signature":"QQ=="}}'`, codeBroken, "has no public key"},
		"dies":               {"kill -9 $$", codeBroken, "was ended"},
		"dies with a word":   {"echo cannot >&2; kill -9 $$", codeBroken, "it says: cannot"},
		"another protocol":   {`echo '{"errorMessage":"unsupported protocol version: v1"}'; exit 1`, codeRefused, "unsupported protocol version: v1"},
		"an error":           {`echo '{"errorMessage":"no such key"}'`, codeRefused, "sigstore-kms-test: no such key"},
		"an error in colour": {`printf '{"errorMessage":"\\u001b[31mred\\n\\nline"}'`, codeRefused, `\x1b[31mred line`},
		"an endless answer":  {"yes", codeBroken, "more than 65536 bytes"},
		"an endless message": {`yes words >&2`, codeBroken, "did not answer within"},
		"hangs":              {"sleep 1000", codeBroken, "did not answer within"},
		"hangs with a child": {"sleep 1000 & echo $! > $HERE/child; trap '' TERM; wait; wait", codeBroken, "did not answer within"},
		"child holds output": {"sleep 1000 & echo $! > $HERE/child; echo '{}'", codeBroken, "held its output"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			k := script(t, c.body, "", time.Second)
			_, err := k.PublicKey(t.Context())
			var d *diag.Diagnostic
			if !errors.As(err, &d) || d.Code != c.code || !strings.Contains(d.Summary+"\n"+d.Why, c.want) {
				t.Errorf("%v", err)
			}
			if took := time.Since(start); took > 8*time.Second {
				t.Errorf("it took %s", took)
			}
			if pid, err := os.ReadFile(filepath.Join(filepath.Dir(k.path), "child")); err == nil {
				time.Sleep(50 * time.Millisecond)
				stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
				if err == nil && !strings.Contains(string(stat), ") Z ") {
					t.Errorf("a child outlived the call: %s", stat)
				}
			}
		})
	}
}

// TestWhatAProgramGets: version and arguments, the message on stdin, the environment without another key's password; the PIN only when it is
// for this program, and never in what is repeated of its words.
func TestWhatAProgramGets(t *testing.T) {
	body := `printf '%s\n' "$1" "$2" > $HERE/args; cat > $HERE/stdin; env > $HERE/env; echo "the PIN is $SELFSAME_KEY_PASSWORD" >&2; echo '{"signMessage":{"signature":"QUJD"}}'`
	for _, pin := range []string{"", "7391"} {
		k := script(t, body, pin, 0)
		sig, err := k.Sign(t.Context(), crypto.SHA256, []byte("digest"), []byte("message"))
		if err != nil || string(sig) != "ABC" {
			t.Fatalf("%q, %v", sig, err)
		}
		got := func(name string) string {
			data, err := os.ReadFile(filepath.Join(filepath.Dir(k.path), name))
			if err != nil {
				t.Fatal(err)
			}
			return string(data)
		}
		args := got("args")
		for _, want := range []string{"v1\n{", `"protocolVersion":"v1"`, `"keyResourceID":"the/key"`, `"methodName":"signMessage"`, `"digest":"ZGlnZXN0"`, `"hashFunc":5`, `"ctxDeadline":`} {
			if !strings.Contains(args, want) {
				t.Errorf("the arguments lack %s: %s", want, args)
			}
		}
		if got("stdin") != "message" || strings.Contains(args, "7391") || strings.Contains(got("env"), "of another key") || strings.Contains(got("env"), PINVariable+"=") != (pin != "") {
			t.Errorf("%s\n%s\n%s", got("stdin"), args, got("env"))
		}
	}
	k := script(t, `echo "the PIN is $SELFSAME_KEY_PASSWORD" >&2; echo '{"errorMessage":"'"bad: $SELFSAME_KEY_PASSWORD"'"}'`, "7391", 0)
	_, err := k.PublicKey(t.Context())
	var d *diag.Diagnostic
	if !errors.As(err, &d) || strings.Contains(d.Summary+d.Why, "7391") || !strings.Contains(d.Why, "the PIN is ***") {
		t.Errorf("%v: %s", err, d.Why)
	}
}

// TestCancelled: Ctrl-C ends the program.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	time.AfterFunc(200*time.Millisecond, func() { cancel(interrupted) })
	start := time.Now()
	_, err := script(t, "sleep 1000", "", 0).PublicKey(ctx)
	if !errors.Is(err, interrupted) || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %s", err, time.Since(start))
	}
}

// TestLargeMessage: a program that does not read the message gets no harm from it.
func TestLargeMessage(t *testing.T) {
	message := bytes.Repeat([]byte("x"), 20<<20)
	for _, body := range []string{"", "cat >/dev/null; "} {
		if sig, err := script(t, body+`echo '{"signMessage":{"signature":"QUJD"}}'`, "", 0).Sign(t.Context(), 0, nil, message); err != nil || string(sig) != "ABC" {
			t.Errorf("%q: %q, %v", body, sig, err)
		}
	}
}

func TestNoProgram(t *testing.T) {
	_, err := Programs{Find: exec.LookPath}.Open("no-such-kms", "x", nil)
	var d *diag.Diagnostic
	if !errors.As(err, &d) || d.Code != codeNoProgram || !strings.Contains(d.Summary, "sigstore-kms-no-such-kms") {
		t.Errorf("%v", err)
	}
}
