package trust_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/trust"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// key stands for the reader of public keys: the text behind "key:" is the hint.
func key(pem []byte) (trust.Key, error) {
	text := strings.TrimSpace(string(pem))
	if hint, ok := strings.CutPrefix(text, "key:"); ok {
		return trust.Key{Hint: hint}, nil
	}
	if strings.HasPrefix(text, "-----BEGIN PUBLIC KEY-----") {
		return trust.Key{Hint: "inline"}, nil
	}
	return trust.Key{}, errors.New("not a public key")
}

// folder has the keys that the tests' files name.
func folder(t testing.TB, keys ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "trusted_root.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if err := os.WriteFile(filepath.Join(dir, k+".pub"), []byte("key:"+k), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func parse(t testing.TB, text string) (trust.Roots, error) {
	t.Helper()
	return trust.Parse(filepath.Join(folder(t, "a", "b", "c"), "trust.yaml"), []byte(text), key)
}

const whole = `trust: v1
sigstore: trusted_root.json
signers:
  release:
    keys:
      - a.pub
      - |
        -----BEGIN PUBLIC KEY-----
        AAAA
        -----END PUBLIC KEY-----
    roles: [release, promoter]
    builders:
      https://selfsame.build/builder/local/v1: L1
      https://ci.example.com/builder: L3
    names: [registry.example.com/team/shop, registry.example.com/other/*]
    from: 2026-01-31
    until: "2027-01-31T12:00:00Z"
    owner: example.com
    environment: ci
  qa:
    identities:
      - {issuer: "https://token.example.com", subject: qa@example.com}
      - {issuer: "https://token.example.com", subjectRegexp: 'https://ci\.example\.com/team/[a-z]+'}
    roles: [finding]
`

func TestLoad(t *testing.T) {
	dir := folder(t, "a")
	path := filepath.Join(dir, "trust.yaml")
	if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := trust.Load(path, key)
	if err != nil {
		t.Fatal(err)
	}
	if r.Sigstore != filepath.Join(dir, "trusted_root.json") || len(r.SHA256) != 64 || len(r.Warnings) != 0 || len(r.Signers) != 2 {
		t.Errorf("%+v", r)
	}
	release := r.Signers[1]
	release.Identities = nil
	want := trust.Signer{
		Name: "release", Keys: []trust.Key{{Hint: "a"}, {Hint: "inline"}}, Roles: []trust.Role{"release", "promoter"},
		Builders: map[string]trust.Level{"https://selfsame.build/builder/local/v1": 1, "https://ci.example.com/builder": 3},
		From:     time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC), Until: time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC),
		Names: []string{"registry.example.com/team/shop", "registry.example.com/other/*"}, Owner: "example.com", Environment: "ci",
	}
	if diff := cmp.Diff(want, release); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// CVE-2025-29778: an expression for the identity that was ignored, so that anybody's signature passed.
func TestN8Identities(t *testing.T) {
	r, err := parse(t, whole)
	if err != nil {
		t.Fatal(err)
	}
	const issuer = "https://token.example.com"
	for _, c := range []struct {
		issuer, subject string
		want            bool
	}{
		{issuer, "qa@example.com", true},
		{issuer, "QA@example.com", false},
		{issuer, "qa@example.com.evil.example", false},
		{issuer + "/", "qa@example.com", false},
		{"", "qa@example.com", false},
		{issuer, "", false},
		{issuer, "https://ci.example.com/team/shop", true},
		{issuer, "https://ci.example.com/team/", false},
		{issuer, "https://evil.example/https://ci.example.com/team/shop", false},
		{issuer, "https://ci.example.com/team/shop/evil", false},
		{issuer, "https://ci.example.com/team/shop\nx", false},
		{issuer, "https://ciXexample.com/team/shop", false},
		{"https://evil.example", "https://ci.example.com/team/shop", false},
	} {
		party := trust.Party{Identity: trust.Identity{Issuer: c.issuer, Subject: c.subject}}
		if c.issuer == "" && c.subject == "" {
			continue
		}
		if got := r.Signers[0].Is(party); got != c.want {
			t.Errorf("%q by %q: %v", c.subject, c.issuer, got)
		}
	}
	for _, p := range []trust.Party{{}, {Key: trust.Key{Algorithm: "x"}}} {
		for _, s := range append(r.Signers, trust.Signer{Keys: []trust.Key{{}}, Identities: []trust.IdentityRule{{}}}) {
			if s.Is(p) {
				t.Errorf("nobody is %s", s.Name)
			}
		}
	}
}

func TestSpeaksFor(t *testing.T) {
	s := trust.Signer{Names: []string{"r.example/team/shop", "r.example/other/*"}}
	for name, want := range map[string]bool{
		"r.example/team/shop": true, "r.example/team/shop2": false, "r.example/team": false, "r.example/team/shop/x": false,
		"r.example/other/a": true, "r.example/other/a/b": true, "r.example/other/": false, "r.example/other": false, "r.example/otherx/a": false, "": false,
	} {
		if got := s.SpeaksFor(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTiming(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	s := trust.Signer{From: day(10), Until: day(20)}
	for _, c := range []struct {
		s    trust.Signer
		at   time.Time
		want trust.Timing
	}{
		{trust.Signer{}, time.Time{}, trust.InTime},
		{s, time.Time{}, trust.TimeUnknown},
		{trust.Signer{Until: day(20)}, time.Time{}, trust.TimeUnknown},
		{s, day(9), trust.OutOfTime}, {s, day(10), trust.InTime}, {s, day(19), trust.InTime}, {s, day(20), trust.OutOfTime},
		{trust.Signer{From: day(10)}, day(30), trust.InTime},
	} {
		if got := c.s.Timing(c.at); got != c.want {
			t.Errorf("%s at %s: %v, want %v", c.s.From, c.at, got, c.want)
		}
	}
}

// TestAllAtOnce: everything that is wrong with a file, at its place, as people see it.
func TestAllAtOnce(t *testing.T) {
	dir := folder(t, "a")
	t.Chdir(dir)
	_, err := trust.Parse("trust.yaml", []byte(`trust: v1
signers:
  release:
    keys: [a.pub, gone.pub]
    roles: [release, finding]
    builders: {"https://selfsame.build/builder/local/v1": L9}
    untill: 2026-01-01
  ci:
    identities:
      - issuer: https://token.example.com
        subjectRegexp: 'a)|(b'
      - issuer: https://token.example.com
    roles: [releas]
    from: 2026-13-01
  head:
    keys: [a.pub]
    roles: [waiver]
  late:
    keys: [a.pub]
    roles: [promoter]
    from: 2026-02-01
    until: 2026-01-01
  nobody:
    roles: [finding]
    names: [registry.example.com/team/shop:v1]
    owner: yes
`), key)
	var out bytes.Buffer
	if renderErr := diag.Render(&out, diag.All(err), diag.RenderOptions{Width: 120}); renderErr != nil {
		t.Fatal(renderErr)
	}
	golden(t, "all-at-once.golden", out.Bytes())
	for _, d := range diag.All(err) {
		if _, known := diag.Lookup(d.Code); !known || d.Code.Exit() != diag.ExitUsage || d.Help == "" {
			t.Errorf("a diagnostic that says too little: %+v", d)
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join(origin, "testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// origin is the package's folder, whatever a test has changed to.
var origin, _ = os.Getwd()

// TestRefused has one fault a file, and the code that it must be.
func TestRefused(t *testing.T) {
	one := func(rest string) string { return "trust: v1\nsigners:\n  a:\n" + rest }
	for name, c := range map[string]struct {
		text string
		code diag.Code
	}{
		"nothing":                   {"", "A0604"},
		"no YAML":                   {"trust: [", "A0602"},
		"not UTF-8":                 {"trust: \xff", "A0602"},
		"anchor":                    {"trust: &a v1\n", "A0602"},
		"another version":           {"trust: v2\nsigners: {a: {keys: [a.pub], roles: [release]}}\n", "A0605"},
		"no signers":                {"trust: v1\n", "A0603"},
		"empty signers":             {"trust: v1\nsigners: {}\n", "A0604"},
		"twice":                     {one("    keys: [a.pub]\n    keys: [b.pub]\n    roles: [release]\n"), "A0603"},
		"no roles":                  {one("    keys: [a.pub]\n"), "A0603"},
		"empty roles":               {one("    keys: [a.pub]\n    roles: []\n"), "A0604"},
		"empty keys":                {one("    keys: []\n    roles: [release]\n"), "A0604"},
		"a list":                    {one("    keys: a.pub\n    roles: [release]\n"), "A0604"},
		"release and finding":       {one("    keys: [a.pub]\n    roles: [release, finding]\n"), "A0607"},
		"waiver and finding":        {one("    keys: [a.pub]\n    roles: [waiver, finding]\n"), "A0607"},
		"waiver of a rebuilder":     {one("    keys: [a.pub]\n    roles: [waiver]\n  b:\n    keys: [a.pub]\n    roles: [rebuilder]\n    owner: b\n"), "A0607"},
		"waiver of a promoter":      {one("    keys: [a.pub]\n    roles: [waiver]\n  b:\n    keys: [a.pub]\n    roles: [promoter]\n"), "A0607"},
		"a rebuilder of two owners": {one("    keys: [a.pub]\n    roles: [rebuilder]\n    owner: x\n  b:\n    keys: [a.pub]\n    roles: [rebuilder]\n    owner: y\n"), "A0610"},
		"release and waiver":        {one("    keys: [a.pub]\n    roles: [waiver, release]\n"), "A0607"},
		"verifier and release":      {one("    keys: [a.pub]\n    roles: [verifier, release]\n"), "A0607"},
		"verifier and rules":        {one("    keys: [a.pub]\n    roles: [verifier]\n  b:\n    keys: [a.pub]\n    roles: [policy]\n"), "A0607"},
		"a verifier of no scheme":   {one("    keys: [a.pub]\n    roles: [verifier]\n    verifiers: [me]\n"), "A0605"},
		"of two entries":            {one("    keys: [a.pub]\n    roles: [release]\n  b:\n    keys: [b.pub, a.pub]\n    roles: [finding]\n"), "A0607"},
		"of one identity": {one("    identities: [{issuer: \"https://i.example\", subject: x}]\n    roles: [release]\n" +
			"  b:\n    identities: [{issuer: \"https://i.example\", subjectRegexp: \"[xy]\"}]\n    roles: [waiver]\n"), "A0607"},
		"private key":        {one("    keys: [\"-----BEGIN PRIVATE KEY-----\"]\n    roles: [release]\n"), "A0606"},
		"key twice":          {one("    keys: [a.pub, a.pub]\n    roles: [release]\n"), "A0604"},
		"both":               {one("    identities: [{issuer: \"https://i.example\", subject: x, subjectRegexp: y}]\n    roles: [release]\n"), "A0608"},
		"issuer without URL": {one("    identities: [{issuer: github, subject: x}]\n    roles: [release]\n"), "A0605"},
		"level as a number":  {one("    keys: [a.pub]\n    roles: [release]\n    builders: {\"https://b.example\": 3}\n"), "A0605"},
		"builder without":    {one("    keys: [a.pub]\n    roles: [release]\n    builders: {b: L1}\n"), "A0605"},
		"star in between":    {one("    keys: [a.pub]\n    roles: [release]\n    names: [r.example/*/shop]\n"), "A0605"},
		"a star alone":       {one("    keys: [a.pub]\n    roles: [release]\n    names: [\"*\"]\n"), "A0605"},
		"time of YAML 1.1":   {one("    keys: [a.pub]\n    roles: [release]\n    until: 2026-1-1\n"), "A0605"},
		"a day that is none": {one("    keys: [a.pub]\n    roles: [release]\n    until: 2026-02-30\n"), "A0605"},
		"no trusted root":    {"sigstore: gone.json\n" + one("    keys: [a.pub]\n    roles: [release]\n"), "A0606"},
		"a folder as a key":  {one("    keys: [.]\n    roles: [release]\n"), "A0606"},
		"65 levels":          {"trust: " + strings.Repeat("[", 65) + strings.Repeat("]", 65), "A0602"},
		"more than 1 MiB":    {"# " + strings.Repeat("x", 1<<20), "A0602"},
	} {
		_, err := parse(t, c.text)
		found := false
		for _, d := range diag.All(err) {
			found = found || d.Code == c.code
		}
		if !found {
			t.Errorf("%s: want %s, got %v", name, c.code, diag.All(err))
		}
	}
}

func TestRoster(t *testing.T) {
	path := filepath.Join(folder(t, "a", "b", "c"), "roster.yaml")
	r, err := trust.ParseRoster(path, []byte(`roster: v1
owners:
  qa.example.org:
    keys: [a.pub, b.pub]
    builders: ["https://selfsame.build/builder/audit/v1"]
    environment: arm-cluster
  univ:
    keys: [c.pub]
demand: {owners: 2, environments: 1, refetched: 1, includeOriginal: true}
`), key)
	if err != nil {
		t.Fatal(err)
	}
	want := []trust.Signer{
		{Name: "qa.example.org", Owner: "qa.example.org", Keys: []trust.Key{{Hint: "a"}, {Hint: "b"}}, Roles: []trust.Role{"rebuilder", "finding"},
			Builders: map[string]trust.Level{"https://selfsame.build/builder/audit/v1": 1}, Environment: "arm-cluster"},
		{Name: "univ", Owner: "univ", Keys: []trust.Key{{Hint: "c"}}, Roles: []trust.Role{"rebuilder", "finding"}},
	}
	if diff := cmp.Diff(want, r.Owners); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if r.Demand != (trust.Demand{Owners: 2, Environments: 1, Refetched: 1, IncludeOriginal: true}) {
		t.Errorf("%+v", r.Demand)
	}
	for name, c := range map[string]struct {
		text string
		code diag.Code
	}{
		"N2 one key, two owners": {"roster: v1\nowners: {x: {keys: [a.pub]}, y: {keys: [b.pub, a.pub]}}\n", "A0610"},
		"more than there are":    {"roster: v1\nowners: {x: {keys: [a.pub]}}\ndemand: {owners: 2}\n", "A0605"},
		"classes":                {"roster: v1\nowners: {x: {keys: [a.pub]}}\ndemand: {environments: 1}\n", "A0605"},
		"a negative number":      {"roster: v1\nowners: {x: {keys: [a.pub]}}\ndemand: {owners: -1}\n", "A0604"},
		"a word":                 {"roster: v1\nowners: {x: {keys: [a.pub]}}\ndemand: {includeOriginal: yes}\n", "A0604"},
		"roles":                  {"roster: v1\nowners: {x: {keys: [a.pub], roles: [release]}}\n", "A0603"},
		"a trust file":           {"trust: v1\nsigners: {x: {keys: [a.pub], roles: [release]}}\n", "A0603"},
	} {
		_, err := trust.ParseRoster(path, []byte(c.text), key)
		if list := diag.All(err); len(list) == 0 || list[0].Code != c.code {
			t.Errorf("%s: want %s, got %v", name, c.code, err)
		}
	}
}

func TestStricter(t *testing.T) {
	a, b := trust.Demand{Owners: 1, Refetched: 2}, trust.Demand{Owners: 2, Environments: 1, IncludeOriginal: true}
	if got := a.Stricter(b); got != (trust.Demand{2, 1, 2, true}) || got != b.Stricter(a) {
		t.Errorf("%+v", got)
	}
}

func TestCheckWarns(t *testing.T) {
	r, err := parse(t, `trust: v1
signers:
  old: {keys: [a.pub], roles: [release], until: 2026-01-01}
  new: {keys: [b.pub], roles: [release], from: 2027-01-01}
  wide:
    identities: [{issuer: "https://i.example", subjectRegexp: "https://ci.example.com/.*"}, {issuer: "https://i.example", subjectRegexp: ".*"}]
    roles: [finding]
`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range r.Check(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)) {
		if d.Severity != diag.SeverityWarning {
			t.Errorf("%+v", d)
		}
		got = append(got, string(d.Code)+" "+d.Summary)
	}
	want := []string{
		"A0611 `https://ci.example.com/.*` matches more than it seems to", "A0611 `.*` matches more than it seems to",
		"A0609 the time of `new` begins on 2027-01-01T00:00:00Z", "A0609 `new` has a window and a plain key",
		"A0609 the time of `old` ended on 2026-01-01T00:00:00Z", "A0609 `old` has a window and a plain key",
		"A0608 `wide` has identities, and the file names no `sigstore:`",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRosterBesideTrustFile: an owner's key in another entry of the trust file.
func TestRosterBesideTrustFile(t *testing.T) {
	roster := trust.Roster{Owners: []trust.Signer{{Name: "qa", Owner: "qa", Roles: []trust.Role{trust.Rebuilder, trust.Finding}, Keys: []trust.Key{{Hint: "a"}}}}}
	for _, c := range []struct {
		signer trust.Signer
		want   string
	}{
		{trust.Signer{Roles: []trust.Role{trust.Release}}, "warning A0607"},
		{trust.Signer{Roles: []trust.Role{trust.Waiver}}, "error A0607"},
		{trust.Signer{Roles: []trust.Role{trust.Rebuilder}, Owner: "another"}, "warning A0610"},
		{trust.Signer{Roles: []trust.Role{trust.Rebuilder}, Owner: "qa"}, ""},
		{trust.Signer{Roles: []trust.Role{trust.BreakGlass}}, "error A0607"},
		{trust.Signer{Roles: []trust.Role{trust.Verifier}}, "error A0607"},
		{trust.Signer{Roles: []trust.Role{trust.Promoter}}, ""},
	} {
		c.signer.Name, c.signer.Keys = "x", []trust.Key{{Hint: "a"}}
		got := ""
		for _, d := range roster.Check([]trust.Signer{c.signer}) {
			got += string(d.Severity) + " " + string(d.Code)
		}
		if got != c.want {
			t.Errorf("%v: %q, want %q", c.signer.Roles, got, c.want)
		}
	}
}

func TestLoadOfNothing(t *testing.T) {
	for _, path := range []string{filepath.Join(t.TempDir(), "gone.yaml"), t.TempDir(), os.DevNull} {
		_, err := trust.Load(path, key)
		if list := diag.All(err); len(list) != 1 || list[0].Code != "A0601" {
			t.Errorf("%s: %v", path, err)
		}
		if _, err := trust.LoadRoster(path, key); diag.ExitCode(err) != diag.ExitUsage {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// FuzzParse: nothing panics; what is accepted names somebody for something, and never lets one party release and object.
func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("trust: v1\nsigners:\n  a: {keys: [a.pub], roles: [release]}\n"))
	f.Add([]byte("roster: v1\nowners: {x: {keys: [a.pub]}}\ndemand: {owners: 1}\n"))
	dir := folder(f, "a", "b")
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(dir, "f.yaml")
		if r, err := trust.ParseRoster(path, data, key); err == nil && len(r.Owners) == 0 {
			t.Fatal("a roster of nobody")
		}
		r, err := trust.Parse(path, data, key)
		if err != nil {
			if len(diag.All(err)) == 0 {
				t.Fatalf("refused without a word: %v", err)
			}
			return
		}
		for _, s := range r.Signers {
			if len(s.Keys)+len(s.Identities) == 0 || len(s.Roles) == 0 || s.May(trust.Release) && s.May(trust.Finding, trust.Waiver) {
				t.Fatalf("%+v", s)
			}
		}
	})
}
