package faults

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVerify checks a signed image, then spoils what makes it good, one thing at a time.
func TestVerify(t *testing.T) {
	home := newMachine(t)
	dir := scratch(t)
	home.must(0, dir, words("lock -q"))
	home.must(0, dir, words("key new --out good"))
	home.must(0, dir, words("key new --out other"))
	home.must(0, dir, words("build -q --key good.key"))
	home.must(0, dir, words("build -q --out unsigned"))
	home.must(0, dir, words("verify selfsame-out/image --key good.pub"))

	copyOf := func(t *testing.T) string {
		t.Helper()
		to := filepath.Join(t.TempDir(), "image")
		if err := os.CopyFS(to, os.DirFS(filepath.Join(dir, "selfsame-out", "image"))); err != nil {
			t.Fatal(err)
		}
		return to
	}
	for name, c := range map[string]struct {
		spoil func(t *testing.T, layout string)
		args  string
		code  int
	}{
		"as it is":          {nil, "--key good.pub", 0},
		"another key":       {nil, "--key other.pub", 15},
		"either key":        {nil, "--key other.pub --key good.pub", 0},
		"a private key":     {nil, "--key good.key", 10},
		"no key":            {nil, "", 10},
		"no such key":       {nil, "--key gone.pub", 10},
		"no key at all":     {func(t *testing.T, _ string) { put(t, filepath.Join(dir, "junk.pub"), "junk") }, "--key junk.pub", 10},
		"another name":      {nil, "--key good.pub --name registry.example.com/else", 15},
		"another builder":   {nil, "--key good.pub --builder https://else.example/", 15},
		"another source":    {nil, "--key good.pub --source https://else.example/", 15},
		"bundles tampered":  {func(t *testing.T, l string) { rebundle(t, l, payload) }, "--key good.pub", 15},
		"signature changed": {func(t *testing.T, l string) { rebundle(t, l, signature) }, "--key good.pub", 15},
		"bundle damaged":    {func(t *testing.T, l string) { uncarry(t, l); damageBundles(t, l) }, "--key good.pub", 17}, // what it said may have been a veto
		"blob damaged":      {func(t *testing.T, l string) { damageBundles(t, l) }, "--key good.pub", 0},                 // the manifest that names it carries it too
		"evidence removed":  {func(t *testing.T, l string) { unlist(t, l) }, "--key good.pub", 16},
		"no image":          {func(t *testing.T, l string) { _ = os.RemoveAll(filepath.Join(l, "index.json")) }, "--key good.pub", 10},
	} {
		t.Run(name, func(t *testing.T) {
			m := home.on(t)
			layout := copyOf(t)
			if c.spoil != nil {
				c.spoil(t, layout)
			}
			r := m.must(c.code, dir, append([]string{"verify", layout}, words(c.args)...))
			if r.code != 0 && strings.Contains(r.out, "\nverified") {
				t.Errorf("the verdict is good:\n%s", r.out)
			}
			j := m.run(dir, append([]string{"verify", "--json", layout}, words(c.args)...)...)
			if j.code != c.code {
				t.Errorf("with --json: exit %d, want %d", j.code, c.code)
			}
			if c.code != 10 && !json.Valid([]byte(j.out)) {
				t.Errorf("with --json stdout holds\n%s", j.out)
			}
		})
	}
	home.must(16, dir, words("verify unsigned/image --key good.pub"))
	home.must(10, dir, words("build -q --push=127.0.0.1:1/x"), "A0315", "--key")
	home.must(10, dir, words("build -q --push --unsigned"), "A0316", "output")
	home.must(10, dir, words("build -q --key good.pub"), "A0501")
	home.must(10, dir, words("build -q --key gone.key"))
	home.on(t, "SELFSAME_KEY_PASSWORD=wrong").must(10, dir, words("build -q --key good.key"), "A0502")
	home.must(17, dir, words("verify 127.0.0.1:1/x:v1 --key good.pub"), "A0511")
}

// bundles lists the blobs of a layout that are sigstore bundles.
func bundles(t *testing.T, layout string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(layout, "blobs/sha256/*"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, p := range all {
		if st, err := os.Stat(p); err == nil && st.Size() < 4<<20 && strings.Contains(read(t, p), "dsseEnvelope") {
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		t.Fatal("the layout has no bundles")
	}
	return out
}

// damageBundles flips a byte of each bundle, so that its digest does not fit any more.
func damageBundles(t *testing.T, layout string) {
	for _, p := range bundles(t, layout) {
		damages["flipped bit"](t, p)
	}
}

// payload and signature change a bundle's parts so that it stays well formed.
func payload(env map[string]any) {
	data, _ := base64.StdEncoding.DecodeString(env["payload"].(string))
	env["payload"] = base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(data), "1700000000", "1700000001", 1) + " "))
}

func signature(env map[string]any) {
	sig := env["signatures"].([]any)[0].(map[string]any)
	data, _ := base64.StdEncoding.DecodeString(sig["sig"].(string))
	data[len(data)-1] ^= 1
	sig["sig"] = base64.StdEncoding.EncodeToString(data)
}
