package intoto

import (
	"crypto/elliptic"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/in-toto/in-toto-golang/in_toto"
	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/trust"
)

// anIdentity is a functionary in a layout's keys.
func anIdentity(id, subject, issuer, more string) string {
	return `{"keyid": "` + id + `", "keytype": "sigstore-oidc", "scheme": "Fulcio", "keyval": {"identity": "` + subject + `", "issuer": "` + issuer + `"` + more + `}}`
}

// small is a layout of one step that Parse takes, for tests to spoil.
func small(t testing.TB) string {
	t.Helper()
	raw, err := Standard{Expires: expires, Functionaries: []Functionary{{PEM: newPEM(t, elliptic.P256())}, {Step: "scan", PEM: newPEM(t, elliptic.P256())}}}.Layout()
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestN24Layouts: each case replaces a piece of a good layout.
func TestN24Layouts(t *testing.T) {
	good := small(t)
	if _, err := Parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	rule := func(words ...string) string {
		raw, _ := json.Marshal(words)
		return string(raw)
	}
	var doc in_toto.Layout
	if err := json.Unmarshal([]byte(good), &doc); err != nil {
		t.Fatal(err)
	}
	doc.Keys["abcd"] = func() in_toto.Key { k := doc.Keys[doc.Steps[0].PubKeys[0]]; k.KeyID = "abcd"; return k }()
	twoIDs, _ := json.Marshal(doc)
	delete(doc.Keys, "abcd")
	doc.Keys = map[string]in_toto.Key{}
	noKeys, _ := json.Marshal(doc)
	create := "[\n          \"CREATE\",\n          \"selfsame.lock\"\n        ]"
	for name, c := range map[string]struct{ doc, want string }{
		"no JSON":                {"layout", "reading a layout"},
		"unknown field":          {strings.Replace(good, `"readme"`, `"new": 1, "readme"`, 1), "unknown field"},
		"unknown step field":     {strings.Replace(good, `"pubkeys"`, `"run": ["rm"], "pubkeys"`, 1), "unknown field"},
		"key twice":              {strings.Replace(good, `"readme"`, `"expires": "2099-01-01T00:00:00Z", "readme"`, 1), "twice"},
		"key in another case":    {strings.Replace(good, `"expires"`, `"Expires"`, 1), "case"},
		"after the end":          {good + "{}", "after the end"},
		"deep":                   {strings.Replace(good, `"readme"`, `"x": `+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`, "readme"`, 1), "nested"},
		"large":                  {strings.Replace(good, `"readme": ""`, `"readme": "`+strings.Repeat("x", MaxLayoutBytes)+`"`, 1), "limit"},
		"a link":                 {strings.Replace(good, `"layout"`, `"link"`, 1), "`_type`"},
		"inspection":             {strings.Replace(good, `"inspect": []`, `"inspect": [{"_type": "inspection", "name": "untar", "run": ["sh", "-c", "touch /tmp/x"], "expected_materials": [], "expected_products": []}]`, 1), `inspection "untar" is refused`},
		"certificates":           {strings.Replace(good, `"readme"`, `"rootcas": {"ab": {"keyid": "ab", "keyid_hash_algorithms": null, "keytype": "", "keyval": {"public": ""}, "scheme": ""}}, "readme"`, 1), "rootcas"},
		"identity twice":         {strings.Replace(good, `"keys": {`, `"keys": {"aa": `+anIdentity("aa", "me", "https://i", "")+`, "bb": `+anIdentity("bb", "me", "https://i", "")+`,`, 1), "are one identity"},
		"identity with a key":    {strings.Replace(good, `"keys": {`, `"keys": {"aa": `+anIdentity("aa", "me", "https://i", `, "public": "ab"`)+`,`, 1), "holds a key or certificate"},
		"identity of no issuer":  {strings.Replace(good, `"keys": {`, `"keys": {"aa": `+anIdentity("aa", "me", "", "")+`,`, 1), "needs an issuer and a subject"},
		"identity of no subject": {strings.Replace(good, `"keys": {`, `"keys": {"aa": `+anIdentity("aa", "", "https://i", "")+`,`, 1), "needs an issuer and a subject"},
		"identity with a space":  {strings.Replace(good, `"keys": {`, `"keys": {"aa": `+anIdentity("aa", "me too", "https://i", "")+`,`, 1), "characters that none has"},
		"identity of a scheme":   {strings.Replace(good, `"keys": {`, `"keys": {"aa": `+strings.Replace(anIdentity("aa", "me", "https://i", ""), "Fulcio", "x", 1)+`,`, 1), "the scheme of an identity"},
		"identity by another id": {strings.Replace(good, `"keys": {`, `"keys": {"aa": `+anIdentity("bb", "me", "https://i", "")+`,`, 1), "calls itself"},
		"a key and an identity":  {strings.Replace(good, `"keyval": {`, `"keyval": {"identity": "me",`, 1), "names an identity"},
		"certificate of step":    {strings.Replace(good, `"pubkeys"`, `"cert_constraints": [{"common_name": "*", "dns_names": [], "emails": [], "organizations": [], "roots": [], "uris": []}], "pubkeys"`, 1), "cert_constraints"},
		"expires":                {strings.Replace(good, "2027-01-02T03:04:05Z", "2027-01-02", 1), "`expires`"},
		"no steps":               {`{"_type":"layout","steps":[],"inspect":[],"keys":{},"expires":"2027-01-02T03:04:05Z","readme":""}`, "0 steps"},
		"threshold 0":            {strings.Replace(good, `"threshold": 1`, `"threshold": 0`, 1), "the threshold is 0"},
		"threshold too high":     {strings.Replace(good, `"threshold": 1`, `"threshold": 2`, 1), "the threshold is 2"},
		"step twice":             {strings.Replace(good, `"name": "build-a"`, `"name": "lock"`, 1), "twice"},
		"step's name":            {strings.Replace(good, `"name": "lock"`, `"name": "../lock"`, 1), "no name for a step"},
		"one key, two ids":       {string(twoIDs), "are one key"},
		"functionary unknown":    {string(noKeys), "has no key"},
		"private key":            {strings.Replace(good, `"public":`, `"private": "x", "public":`, 1), "more than a public key"},
		"other scheme":           {strings.Replace(good, "nistp256", "nistp521", 1), "scheme"},
		"rule empty":             {strings.Replace(good, create, "[]", 1), "without words"},
		"rule unknown":           {strings.Replace(good, create, rule("EXEC", "x"), 1), "no form"},
		"rule short":             {strings.Replace(good, create, rule("MATCH", "x"), 1), "no form"},
		"match of nothing":       {strings.Replace(good, create, rule("MATCH", "*", "WITH", "FILES", "FROM", "lock"), 1), "neither"},
		"match of no step":       {strings.Replace(good, create, rule("MATCH", "*", "WITH", "PRODUCTS", "FROM", "soruce"), 1), "no such step"},
		"GHSA-pmwq: negation":    {strings.Replace(good, create, rule("DISALLOW", "[^a]*"), 1), "[!...]"},
		"broken class":           {strings.Replace(good, create, rule("DISALLOW", "[a"), 1), "syntax error"},
		"CVE-2021-41087 dots":    {strings.Replace(good, create, rule("DISALLOW", "a/../*"), 1), "clean"},
		"absolute":               {strings.Replace(good, create, rule("ALLOW", "/etc/*"), 1), "clean"},
		"prefix":                 {strings.Replace(good, create, rule("MATCH", "*", "IN", "../..", "WITH", "PRODUCTS", "FROM", "lock"), 1), "clean"},
		"require":                {strings.Replace(good, create, rule("REQUIRE", "./selfsame.lock"), 1), "clean"},
	} {
		if c.doc == good {
			t.Errorf("%s: nothing was changed", name)
		}
		if _, err := Parse([]byte(c.doc)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestStandard: what selfsame writes is what in-toto-golang reads, and the rules are those that the documents show.
func TestStandard(t *testing.T) {
	dev, ci := newPEM(t, elliptic.P256()), newPEM(t, elliptic.P384())
	raw, err := Standard{
		Expires: expires, Readme: "<shop> & more", Thresholds: map[string]int{StepLock: 2},
		Functionaries: []Functionary{{PEM: ci}, {Step: StepSource, PEM: dev}, {Step: StepLock, PEM: dev}, {Step: "scan", PEM: ci}, {Step: "promote", PEM: dev}, {Step: StepLock, PEM: dev}},
	}.Layout()
	if err != nil {
		t.Fatal(err)
	}
	l, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	devID, _ := KeyID(dev)
	ciID, _ := KeyID(ci)
	var got []string
	for _, s := range l.Steps() {
		got = append(got, s.Name+": "+strings.NewReplacer(devID, "dev", ciID, "ci").Replace(strings.Join(s.Functionaries, " "))+" "+strings.Repeat("I", s.Threshold))
	}
	want := []string{"source: dev I", "lock: ci dev II", "build-a: ci I", "build-b: ci I", "compare: ci I", "sign: ci I", "scan: ci I", "promote: dev I"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !l.Expires().Equal(expires) || l.Readme() != "<shop> & more" {
		t.Errorf("%v %q", l.Expires(), l.Readme())
	}
	for id, key := range l.Keys() {
		if again, err := KeyID(key); err != nil || again != id {
			t.Errorf("%s became %s: %v", id, again, err)
		}
	}
	if diff := cmp.Diff([]string{"REQUIRE image", "MATCH image* WITH PRODUCTS FROM scan", "DISALLOW image*", "ALLOW *"}, l.Steps()[7].Materials); diff != "" {
		t.Errorf("promote (-want +got):\n%s", diff)
	}
	path := filepath.Join(t.TempDir(), "layout")
	if err := os.WriteFile(path, []byte(`{"signatures":[],"signed":`+string(raw)+`}`), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := in_toto.LoadMetadata(path)
	if err != nil {
		t.Fatal(err)
	}
	block, ok := loaded.(*in_toto.Metablock)
	if !ok {
		t.Fatalf("%T", loaded)
	}
	if err := in_toto.ValidateMetablock(*block); err != nil {
		t.Errorf("in-toto-golang does not take it: %v", err)
	}
	for name, s := range map[string]Standard{
		"nobody builds":   {Expires: expires, Functionaries: []Functionary{{Step: StepLock, PEM: dev}}},
		"no such step":    {Expires: expires, Functionaries: []Functionary{{PEM: dev}}, Thresholds: map[string]int{"scan": 1}},
		"too high":        {Expires: expires, Functionaries: []Functionary{{PEM: dev}}, Thresholds: map[string]int{StepLock: 2}},
		"no name":         {Expires: expires, Functionaries: []Functionary{{PEM: dev}, {Step: "a/b", PEM: dev}}},
		"not a key":       {Expires: expires, Functionaries: []Functionary{{PEM: []byte("x")}}},
		"no functionary":  {Expires: expires},
		"only the source": {Expires: expires, Functionaries: []Functionary{{Step: StepSource, PEM: dev}}},
	} {
		if _, err := s.Layout(); err == nil {
			t.Errorf("%s: a layout all the same", name)
		}
	}
}

const hexA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// TestN24Links: names that functionaries choose (CVE-2021-41087), and forms that other readers let through.
func TestN24Links(t *testing.T) {
	art := func(name string) string { return `{"name":"` + name + `","digest":{"sha256":"` + hexA + `"}}` }
	link := func(product, material string) string {
		return `{"_type":"https://in-toto.io/Statement/v1","subject":[` + product + `],"predicateType":"` + provenance.PredicateLink +
			`","predicate":{"name":"lock","command":["make"],"materials":[` + material + `],"byproducts":{"a":1}}}`
	}
	good := link(art("a/b.txt"), art("c"))
	l, err := ReadLink([]byte(good))
	want := Link{Step: "lock", Command: []string{"make"}, Materials: Artifacts{"c": "sha256:" + hexA}, Products: Artifacts{"a/b.txt": "sha256:" + hexA}, ByProducts: map[string]any{"a": 1.0}}
	if diff := cmp.Diff(want, l); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if !IsLink([]byte(good)) || IsLink([]byte(`{"predicateType":"x"}`)) || IsLink([]byte("x")) {
		t.Error("IsLink")
	}
	if _, err := ReadLink([]byte(strings.Replace(good, `"name":"lock"`, `"new":{},"name":"lock"`, 1))); err != nil {
		t.Errorf("an unknown field: %v", err)
	}
	for _, name := range []string{
		"", ".", "..", "/etc/passwd", "../x", "a/../b", "./a", "a//b", "a/", `a\\b`, `a\u0000b`, `a\nb`, `\u202e`, `a\u0007`, strings.Repeat("x", 1025),
	} {
		if _, err := ReadLink([]byte(link(art(name), art("c")))); err == nil {
			t.Errorf("a product called %q", name)
		}
		if _, err := ReadLink([]byte(link(art("c"), art(name)))); err == nil {
			t.Errorf("a material called %q", name)
		}
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"v0.1":                  {"Statement/v1", "Statement/v0.1", "`_type`"},
		"another predicate":     {provenance.PredicateLink, "https://slsa.dev/provenance/v1", "predicate type"},
		"a sublayout":           {`"_type":"https://in-toto.io/Statement/v1"`, `"_type":"layout"`, "`_type`"},
		"the name":              {`"name":"lock"`, `"name":"../lock"`, "no name for a step"},
		"no name":               {`"name":"lock",`, ``, "no name for a step"},
		"no product":            {art("a/b.txt"), "", "no product"},
		"product twice":         {art("a/b.txt"), art("c") + "," + art("c"), "twice"},
		"no digest":             {`"digest":{"sha256":"` + hexA + `"}`, `"digest":{"md5":"aa"}`, "sha256"},
		"upper case":            {hexA, strings.ToUpper(hexA), "lower-case"},
		"key twice":             {`"command"`, `"name":"sign","command"`, "twice"},
		"case":                  {`"command"`, `"Name":"sign","command"`, "case"},
		"by-products no object": {`{"a":1}`, `[1]`, "cannot unmarshal"},
	} {
		if _, err := ReadLink([]byte(strings.Replace(good, c.old, c.new, 1))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := (Link{Step: "x", Materials: Artifacts{"a": sum("a")}}).Statement(); err == nil {
		t.Error("a link without products was made")
	}
}

// FuzzReadLink: nothing panics, and what is read survives its own writing.
func FuzzReadLink(f *testing.F) {
	payload, err := Link{Step: "lock", Materials: Artifacts{"a": sum("a")}, Products: Artifacts{"b": sum("b")}}.Statement()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := ReadLink(data)
		if err != nil {
			return
		}
		again, err := l.Statement()
		if err != nil {
			t.Fatal(err)
		}
		back, err := ReadLink(again)
		if err != nil || back.contents() != l.contents() || back.Step != l.Step {
			t.Fatalf("%v\n%+v\n%+v", err, l, back)
		}
	})
}

// FuzzParse: no layout makes Parse or Verify panic.
func FuzzParse(f *testing.F) {
	f.Add([]byte(small(f)))
	r := newRun(f, nil)
	links := r.list()
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := Parse(data)
		if err != nil {
			return
		}
		var signed []Signed
		for _, s := range links {
			for _, id := range l.doc.Steps[0].PubKeys {
				s.KeyID = id
				signed = append(signed, s)
			}
		}
		if outcomes, _ := l.Verify(signed, r.image); len(outcomes) != len(l.doc.Steps) {
			t.Fatal(outcomes)
		}
	})
}

// TestIdentityKey: an identity has the form and the id that securesystemslib gives it; the id is the sha256 of canonical JSON.
func TestIdentityKey(t *testing.T) {
	me := trust.Identity{Issuer: "https://i.example.com", Subject: "a&b@example.com"}
	raw, err := Standard{Expires: expires, Functionaries: []Functionary{{PEM: newPEM(t, elliptic.P256())}, {Step: "scan", Identity: me}}}.Layout()
	if err != nil {
		t.Fatal(err)
	}
	l, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	id := digest.FromString(`{"keytype":"sigstore-oidc","keyval":{"identity":"a&b@example.com","issuer":"https://i.example.com"},"scheme":"Fulcio"}`).Encoded()
	if diff := cmp.Diff(map[string]trust.Identity{id: me}, l.Identities()); diff != "" || len(l.Keys()) != 1 {
		t.Errorf("%s%s", diff, raw)
	}
	if steps := l.Steps(); len(steps) != 6 || cmp.Diff([]string{id}, steps[5].Functionaries) != "" {
		t.Errorf("%+v", steps)
	}
	if _, err := (Standard{Expires: expires, Functionaries: []Functionary{{PEM: newPEM(t, elliptic.P256())}, {Step: "scan", Identity: trust.Identity{Subject: "me"}}}}).Layout(); err == nil {
		t.Error("an identity without an issuer was taken")
	}
}
