package lock_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

func sha(s string) digest.Digest { return digest.FromString(s) }

func response(step, url, body string) lock.Entry {
	return lock.Entry{Kind: lock.KindResponse, Platform: "linux/amd64", Step: step, Key: url, Digest: sha(body),
		Size: int64(len(body)), Status: 200, Headers: sha("headers")}
}

func sample() *lock.Lock {
	odd := response("Dockerfile:3", "https://example.com/a%2Fb%20c d\u202e%2D%25?x=é\n", "one")
	odd.Accept, odd.PURL, odd.Evidence = "text/html, */*;q=0.1", "pkg:npm/%40scope/name@1.0.0", "-"
	return &lock.Lock{
		Header: lock.Header{Recipe: sha("recipe"), Dockerfile: sha("dockerfile"), Frontend: "dockerfile.v0@v0.34.2"},
		Entries: []lock.Entry{
			{Kind: lock.KindImage, Platform: "linux/arm64/v8", Step: "Dockerfile:1", Key: "debian:12", Digest: sha("image"), Size: 7},
			odd,
			response("Dockerfile:3", "https://example.com/empty", ""),
			response("Dockerfile:9", "https://example.com/empty", ""),
		},
	}
}

func TestFormatIsTheTextOfTheDocs(t *testing.T) {
	l := &lock.Lock{Header: lock.Header{Recipe: sha("r"), Frontend: "dockerfile.v0@v0.34.2"}, Entries: []lock.Entry{
		response("Dockerfile:3", "https://example.com/b c%2Fd%20", "x"),
		{Kind: lock.KindImage, Key: "debian:12", Digest: sha("i"), Size: 0},
	}}
	want := strings.Join([]string{
		"selfsame-lock v1",
		"recipe " + sha("r").String(),
		"dockerfile -",
		"dockerignore -",
		"frontend dockerfile.v0@v0.34.2",
		"image - - debian:12 - " + sha("i").String() + " 0 - - - -",
		"response linux/amd64 Dockerfile:3 https://example.com/b%20c%2Fd%2520 - " + sha("x").String() + " 1 200 " + sha("headers").String() + " - -",
		"",
	}, "\n")
	if d := cmp.Diff(want, string(l.Format())); d != "" {
		t.Error(d)
	}
}

func TestParseGivesBackWhatFormatWrote(t *testing.T) {
	l := sample()
	text := l.Format()
	got, err := lock.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(l, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(string(text), string(got.Format())); d != "" {
		t.Error(d)
	}
	for _, c := range text {
		if c != '\n' && (c < ' ' || c > '~') {
			t.Fatalf("the text holds byte %#x, which a reviewer may not see", c)
		}
	}
}

func TestOrderOfEntriesDoesNotMatter(t *testing.T) {
	a, b := sample(), sample()
	b.Entries[0], b.Entries[3] = b.Entries[3], b.Entries[0]
	if a.Digest() != b.Digest() {
		t.Error("the digest depends on the order in which entries were added")
	}
}

func TestParseRefuses(t *testing.T) {
	good := string(sample().Format())
	lines := strings.SplitAfter(good, "\n")
	entry := func(n int, from, to string) string {
		l := append([]string(nil), lines...)
		l[n] = strings.Replace(l[n], from, to, 1)
		return strings.Join(l, "")
	}
	cases := []struct {
		name, text string
		code       diag.Code
		line       int
	}{
		{"empty", "", diag.LockSyntax, 0},
		{"cut short", good[:len(good)-1], diag.LockSyntax, 0},
		{"header only half", strings.Join(lines[:3], ""), diag.LockSyntax, 3},
		{"not a lock", "hello\n", diag.LockSyntax, 1},
		{"next version", entry(0, "v1", "v2"), diag.LockVersion, 1},
		{"header digest", entry(1, "sha256:", "sha257:"), diag.LockSyntax, 2},
		{"header order", lines[0] + lines[2] + lines[1] + strings.Join(lines[3:], ""), diag.LockSyntax, 2},
		{"kind", entry(5, "image", "imago"), diag.LockKind, 6},
		{"columns", entry(5, " -\n", "\n"), diag.LockSyntax, 6},
		{"two spaces", entry(5, "image ", "image  "), diag.LockSyntax, 6},
		{"platform", entry(5, "linux/arm64/v8", "Linux"), diag.LockSyntax, 6},
		{"no key", entry(5, "debian:12", "-"), diag.LockSyntax, 6},
		{"no digest", entry(5, sha("image").String(), "-"), diag.LockSyntax, 6},
		{"sha512", entry(5, sha("image").String(), "sha512:"+strings.Repeat("0", 128)), diag.LockSyntax, 6},
		{"negative size", entry(5, " 7 ", " -7 "), diag.LockSyntax, 6},
		{"padded size", entry(5, " 7 ", " 07 "), diag.LockSyntax, 6},
		{"status of an image", entry(5, " 7 - ", " 7 200 "), diag.LockSyntax, 6},
		{"status out of range", entry(6, " 200 ", " 999 "), diag.LockSyntax, 7},
		{"no status", entry(6, " 200 ", " - "), diag.LockSyntax, 7},
		{"bad purl", entry(6, "pkg:", "pgk:"), diag.LockSyntax, 7},
		{"escapes that are plain text", entry(5, "debian:12", "debian%3A12%41%2"), "", 0},
		{"escape of nothing", entry(5, "debian:12", "%2Ddebian"), diag.LockSyntax, 6},
		{"hidden byte", entry(5, "debian:12", "debian\u200b:12"), diag.LockSyntax, 6},
		{"twice", strings.Join(lines[:6], "") + lines[5] + strings.Join(lines[6:], ""), diag.LockDuplicate, 7},
		{"two digests", strings.Join(lines[:6], "") + strings.Replace(lines[5], " 7 ", " 8 ", 1) + strings.Join(lines[6:], ""), diag.LockDuplicate, 7},
		{"two answers", entry(8, sha("").String(), sha("other").String()), diag.LockDuplicate, 9},
		{"unsorted", strings.Join(lines[:5], "") + lines[6] + lines[5] + strings.Join(lines[7:], ""), diag.LockUnsorted, 7},
		{"windows", strings.ReplaceAll(good, "\n", "\r\n"), diag.LockSyntax, 1},
		{"conflict", strings.Join(lines[:5], "") + "<<<<<<< HEAD\n" + lines[5] + "=======\n" + lines[6] + ">>>>>>> b\n", diag.LockConflict, 6},
		{"too many lines", good + strings.Repeat("\n", lock.MaxLines), diag.LockTooLarge, 0},
		{"too many bytes", good + strings.Repeat("x", lock.MaxBytes), diag.LockTooLarge, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l, err := lock.Parse([]byte(c.text))
			all := diag.All(err)
			if c.code == "" {
				if err != nil {
					t.Fatalf("error %v; want none", err)
				}
				return
			}
			if l != nil || len(all) == 0 {
				t.Fatalf("lock %v, error %v; want a diagnostic", l, err)
			}
			if all[0].Code != c.code || all[0].At == nil || all[0].At.Line != c.line {
				t.Errorf("got %s at %v (%v); want %s at line %d", all[0].Code, all[0].At, all[0], c.code, c.line)
			}
			if err != nil && diag.ExitCode(err) != diag.ExitLock {
				t.Errorf("exit code %d; want %d", diag.ExitCode(err), diag.ExitLock)
			}
		})
	}
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	text := strings.ReplaceAll(string(sample().Format()), " 200 ", " 20 ")
	_, err := lock.Parse([]byte(text))
	if n := len(diag.All(err)); n != 3 {
		t.Errorf("%d diagnostics; want one for each of 3 lines: %v", n, err)
	}
}

func TestStepDigestCoversWhatAStepSees(t *testing.T) {
	base := sample()
	want := base.StepDigest("linux/amd64", "Dockerfile:3")
	if want == "" || base.StepDigest("linux/amd64", "Dockerfile:4") != "" || base.StepDigest("linux/arm64", "Dockerfile:3") != "" {
		t.Fatal("a step with entries has a digest and one without has none")
	}
	for name, c := range map[string]struct {
		change func(*lock.Entry)
		same   bool
	}{
		"body":     {func(e *lock.Entry) { e.Digest = sha("two") }, false},
		"status":   {func(e *lock.Entry) { e.Status = 404 }, false},
		"headers":  {func(e *lock.Entry) { e.Headers = sha("others") }, false},
		"url":      {func(e *lock.Entry) { e.Key += "x" }, false},
		"accept":   {func(e *lock.Entry) { e.Accept = "" }, false},
		"purl":     {func(e *lock.Entry) { e.PURL = "" }, true},
		"evidence": {func(e *lock.Entry) { e.Evidence = "x" }, true},
	} {
		l := sample()
		c.change(&l.Entries[1])
		if got := l.StepDigest("linux/amd64", "Dockerfile:3"); (got == want) != c.same {
			t.Errorf("%s: digest same=%t; want %t", name, got == want, c.same)
		}
	}
	moved := sample()
	for i := range moved.Entries {
		moved.Entries[i].Step = strings.ReplaceAll(moved.Entries[i].Step, ":3", ":4")
	}
	if moved.StepDigest("linux/amd64", "Dockerfile:4") != want {
		t.Error("moving a step to another line changes its digest")
	}
}

func TestFind(t *testing.T) {
	l := sample()
	l.Entries = append(l.Entries, lock.Entry{Kind: lock.KindGit, Key: "https://example.com/r.git#v1", Digest: sha("g")})
	if e, ok := l.Find(lock.KindImage, "linux/arm64/v8", "debian:12"); !ok || e.Digest != sha("image") {
		t.Errorf("found %v, %t", e, ok)
	}
	if _, ok := l.Find(lock.KindImage, "linux/amd64", "debian:12"); ok {
		t.Error("found an image of another platform")
	}
	if _, ok := l.Find(lock.KindGit, "linux/amd64", "https://example.com/r.git#v1"); !ok {
		t.Error("an entry for all platforms was not found")
	}
}

func TestFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), lock.FileName)
	if _, err := lock.ReadFile(path); !errors.Is(err, os.ErrNotExist) || diag.All(err)[0].Code != diag.LockMissing {
		t.Errorf("no lock: %v; want LockMissing", err)
	}
	if err := lock.WriteFile(path, sample()); err != nil {
		t.Fatal(err)
	}
	got, err := lock.ReadFile(path)
	if err != nil || cmp.Diff(sample(), got) != "" {
		t.Errorf("read back %v, %v", got, err)
	}
	bad := sample()
	bad.Entries[3].Digest = sha("another answer")
	if err := lock.WriteFile(path, bad); err == nil {
		t.Error("a lock with two answers to one request was written")
	}
	if again, err := lock.ReadFile(path); err != nil || again.Digest() != got.Digest() {
		t.Errorf("the refused write changed the file: %v", err)
	}
}

func BenchmarkParse10000(b *testing.B) {
	l := sample()
	for i := range 10_000 {
		l.Entries = append(l.Entries, response("Dockerfile:3", fmt.Sprintf("https://example.com/pool/%06d", i), "x"))
	}
	text := l.Format()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := lock.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

// A lock of 50,000 lines is written, read and compared, and one line that changed is found.
func TestFiftyThousandLines(t *testing.T) {
	l := sample()
	for i := range 50_000 {
		l.Entries = append(l.Entries, response("Dockerfile:5", fmt.Sprintf("https://example.com/packages/%d.tar.gz", i), fmt.Sprint(i)))
	}
	text := l.Format()
	back, err := lock.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(back.Entries) != len(l.Entries) || string(back.Format()) != string(text) {
		t.Fatalf("%d entries came back of %d, or other ones", len(back.Entries), len(l.Entries))
	}
	for i, e := range back.Entries {
		if strings.HasSuffix(e.Key, "/40000.tar.gz") {
			back.Entries[i].Digest = sha("another")
		}
	}
	if p := lock.Diff(l, back); len(p.Changed) != 1 || len(p.Added)+len(p.Removed)+len(p.Header) != 0 {
		t.Errorf("%d changed, %d added, %d removed", len(p.Changed), len(p.Added), len(p.Removed))
	}
}
