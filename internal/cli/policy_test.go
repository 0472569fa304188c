package cli

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/provenance"
)

// aPolicy is one of a version and one rule.
func aPolicy(version, require string) string {
	return "policy: v1\nname: prod\nversion: " + version + "\nrules:\n  - name: reproduced\n    match: [\"registry.example.com/team/**\"]\n    require: " + require + "\n    message: it was not built twice\n    fix: build it with selfsame build\n"
}

// TestVerifyByPolicy has a policy decide, from a file, from a signed bundle, and from the trust file.
func TestVerifyByPolicy(t *testing.T) {
	w := newTrusting(t, "release", "rules", "other", "revoker")
	w.attach("release", provenance.PredicateProvenance)
	w.write("policy.yaml", aPolicy("3", "summary.reproduced"))
	verify := func(code int, say string, more ...string) string {
		t.Helper()
		return w.must(code, say, append([]string{"verify", "image", "--key", "release.pub"}, more...)...)
	}
	verify(14, "FAIL  reproduced  it was not built twice - build it with selfsame build", "--policy", "policy.yaml")
	verify(10, "A0654", "--policy", "policy.yaml", "--allow-unreproduced")
	w.write("lenient.yaml", aPolicy("3", "provenance.every(p, p.subject != '')"))
	verify(0, "allowed by policy prod, version 3: image", "--policy", "lenient.yaml")
	w.attach("release", provenance.PredicateRebuild)
	verify(0, "allowed by policy prod, version 3", "--policy", "policy.yaml")
	var shown struct {
		Verdict  string         `json:"verdict"`
		ExitCode int            `json:"exitCode"`
		Policy   policy.Verdict `json:"policy"`
	}
	if err := json.Unmarshal([]byte(verify(0, "", "--policy", "policy.yaml", "--json")), &shown); err != nil || shown.Verdict != "verified" || !shown.Policy.Allow || len(shown.Policy.Rules) != 1 {
		t.Errorf("%+v, %v", shown, err)
	}
	// The time of day is the rules', the evidence is today's.
	w.write("soon.yaml", strings.Replace(aPolicy("3", "summary.level > 3"), "    require", "    effectiveOn: 2100-01-01\n    require", 1))
	verify(14, "no rule of the policy prod is about", "--policy", "soon.yaml")
	verify(14, "it was not built twice", "--policy", "soon.yaml", "--at", "2100-01-01")
	w.must(0, "", "deny", "new", "--list", "./deny.json", "--key", "revoker.key")
	verify(14, "it was not built twice", "--policy", "soon.yaml", "--at", "2100-01-01", "--deny-list", "./deny.json", "--deny-key", "revoker.pub")
	verify(10, "--at is when", "--at", "2100-01-01")
	for _, flag := range []string{"--vsa", "--vsa-reproduced", "--svr"} { // what is signed is what holds now
		verify(10, "--at asks the policy as of another time", "--policy", "policy.yaml", "--at", "2100-01-01", flag, "summary.json", "--sign-with", "other.key")
	}
	verify(10, "it is a day or a time", "--policy", "policy.yaml", "--at", "soon")
	verify(10, "--policy-key and --policy-identity need --policy", "--policy-key", "rules.pub")

	// Signed: by its own key, newer than seen.
	push := func(code int, say, file string, more ...string) {
		t.Helper()
		w.must(code, say, append([]string{"policy", "push", file, "./signed.json", "--key", "rules.key"}, more...)...)
	}
	push(0, "sequence 3", "lenient.yaml", "--name", "prod")
	signed := []string{"--policy", "./signed.json", "--policy-key"}
	verify(0, "allowed by policy prod, version 3", append(signed, "rules.pub")...)
	verify(15, "A0561", append(signed, "other.pub")...)
	verify(10, "A0567", append(signed, "release.pub")...)
	verify(10, "A0653", "--policy", "./signed.json")
	push(10, "A0651", "policy.yaml", "--name", "prod")
	old, err := os.ReadFile("signed.json")
	if err != nil {
		t.Fatal(err)
	}
	w.write("policy.yaml", aPolicy("4", "summary.reproduced"))
	push(0, "", "policy.yaml", "--name", "prod")
	verify(0, "version 4", append(signed, "rules.pub")...)
	w.write("signed.json", string(old))
	verify(17, "an older one than was seen", append(signed, "rules.pub")...)
	verify(0, "version 3", append(signed, "rules.pub", "--stateless")...)

	// And named by the trust file, whose signers speak in it.
	w.write("trust.yaml", "trust: v1\nsigners:\n  release: {keys: [release.pub], roles: [release]}\n  rules: {keys: [rules.pub], roles: [policy]}\npolicy: {at: signed.json, minimum: 3}\n")
	w.must(0, "policy prod, version 3", "verify", "image", "--trust", "trust.yaml", "--stateless")
	w.must(17, "an older one", "verify", "image", "--trust", "trust.yaml")
	w.must(10, "A0654", "verify", "image", "--trust", "trust.yaml", "--stateless", "--min-level", "1")
	w.write("images.txt", "image\nimage\n")
	if out := w.must(0, "", "verify", "--from-file", "images.txt", "--trust", "trust.yaml", "--stateless"); strings.Count(out, "allowed by policy prod, version 3") != 2 {
		t.Error(out)
	}
}

// TestPolicyVerbs goes the way from a policy to start from to one that is compared with the next.
func TestPolicyVerbs(t *testing.T) {
	w := newTrusting(t, "release", "other")
	w.attach("release", provenance.PredicateProvenance)
	w.must(0, "reproduced-here", "policy", "new")
	w.must(10, "there is no policy `nonsense`", "policy", "new", "nonsense")
	w.must(0, "policy_test.yaml", "policy", "new", "reproduced-here")
	w.must(10, "is there already", "policy", "new", "reproduced-here")
	w.must(0, "", "policy", "check", "policy.yaml", "--strict")
	w.must(0, "cases as wanted", "policy", "test", "policy.yaml", "--junit", "out.xml")
	if xml, err := os.ReadFile("out.xml"); err != nil || !strings.Contains(string(xml), "<testsuite") {
		t.Errorf("%s, %v", xml, err)
	}
	if out := w.must(0, "", "policy", "test", "policy_test.yaml", "--json"); !strings.HasPrefix(out, `{"schemaVersion":1,"files":[{"file":"policy_test.yaml"`) {
		t.Error(out)
	}
	// A folder's name says nothing of what lies in it.
	if err := os.Mkdir("a_test.d", 0o700); err != nil {
		t.Fatal(err)
	}
	w.must(0, "", "policy", "new", "reproduced-here", "--out", "a_test.d/policy.yaml")
	w.must(0, "cases as wanted", "policy", "test", "a_test.d/policy.yaml")
	w.write("broken.yaml", strings.Replace(aPolicy("1", "summary.reproduced"), "match", "mach", 1))
	w.must(10, "A0622", "policy", "check", "broken.yaml")
	w.write("vague.yaml", aPolicy("1", "provenance.all(p, p.level > 1)"))
	w.must(0, "A0630", "policy", "check", "vague.yaml")
	w.must(10, "A0630", "policy", "check", "vague.yaml", "--strict")

	w.must(14, "deny registry.example.com/team/shop@sha256:", "policy", "eval", "image", "--policy", "policy.yaml", "--key", "release.pub", "--save", "evidence.json")
	w.must(10, "needs --key", "policy", "eval", "image", "--policy", "policy.yaml")
	w.must(10, "--policy is missing", "policy", "eval", "evidence.json")
	w.must(14, "FAIL  reproduced", "policy", "eval", "evidence.json", "--policy", "policy.yaml")
	if out := w.must(14, "", "policy", "eval", "evidence.json", "--policy", "policy.yaml", "--json"); !strings.HasPrefix(out, `{"schemaVersion":1,"images":[{"allow":false,"image":{"name":"registry.example.com/team/shop"`) {
		t.Error(out)
	}
	w.must(14, "summary.reproduced", "policy", "explain", "evidence.json", "--policy", "policy.yaml")
	w.write("lenient.yaml", aPolicy("2", "provenance.every(p, p.signer != '')"))
	w.must(0, "allow registry.example.com/team/shop@sha256:", "policy", "eval", "image", "--policy", "lenient.yaml", "--key", "release.pub")
	w.must(13, "1 of 1 images change verdict", "policy", "diff", "policy.yaml", "lenient.yaml", "evidence.json")
	w.must(0, "0 of 1 images change verdict", "policy", "diff", "policy.yaml", "policy.yaml", "evidence.json")
	if out := w.must(13, "", "policy", "diff", "policy.yaml", "lenient.yaml", "image", "--key", "release.pub", "--json"); !strings.HasPrefix(out, `{"schemaVersion":1,"images":1,"changes":[{"image":`) {
		t.Error(out)
	}
	// The trust file says whose word counts; the policy that it names takes no part.
	w.write("absent.yaml", "trust: v1\nsigners:\n  release: {keys: [release.pub], roles: [release]}\n  rules: {keys: [other.pub], roles: [policy]}\npolicy: {at: ./absent.json}\n")
	w.must(17, "A0650", "verify", "image", "--trust", "absent.yaml")
	w.must(13, "1 of 1 images change verdict", "policy", "diff", "policy.yaml", "lenient.yaml", "image", "--trust", "absent.yaml")
	w.write("broken.json", `{"image":{"naem":""}}`)
	w.must(10, "is no evidence", "policy", "eval", "broken.json", "--policy", "policy.yaml")
	w.must(0, `"$schema"`, "schema", "policy")

	w.write("cip.yaml", "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: shop}\nspec:\n  images:\n    - glob: registry.example.com/team/*\n  authorities:\n    - name: us\n      key:\n        data: |\n"+indent(t, "release.pub"))
	w.must(0, "imported.yaml", "policy", "import", "cip.yaml", "--out", "imported.yaml", "--trust-out", "imported-trust.yaml")
	w.must(0, "", "policy", "check", "imported.yaml")
	w.must(0, "", "trust", "check", "imported-trust.yaml")
	w.must(10, "is there already", "policy", "import", "cip.yaml", "--out", "imported.yaml", "--trust-out", "imported-trust.yaml")
	w.must(10, "--key is missing", "policy", "push", "policy.yaml", "./p.json")
}

func indent(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return "          " + strings.ReplaceAll(strings.TrimSpace(string(raw)), "\n", "\n          ") + "\n"
}

// TestPolicyPaths has paths misspelt, and files that are there already.
func TestPolicyPaths(t *testing.T) {
	w := newTrusting(t, "release")
	w.attach("release", provenance.PredicateProvenance)
	w.write("policy.yaml", aPolicy("3", "summary.reproduced"))
	if err := os.Mkdir("folder", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"polcy.yaml", "./polcy.yml", "none/policy.yaml", "folder"} { // nobody need be named who signs a typo
		w.must(10, "A0620", "policy", "eval", "image", "--key", "release.pub", "--policy", at)
		w.must(10, "A0620", "verify", "image", "--key", "release.pub", "--policy", at)
	}
	w.must(10, "A0708", "policy", "new", "signed-by-us", "--out", "none/policy.yaml")
	w.must(10, "A0708", "policy", "eval", "image", "--key", "release.pub", "--policy", "policy.yaml", "--save", "none/evidence.json")
	w.must(10, "A0708", "key", "new", "--out", "none/release")
	w.must(10, "name another file", "policy", "new", "signed-by-us", "--out", "policy.yaml")
	w.must(10, "run `selfsame policy eval --help`", "policy", "eval", "image", "--policy", "policy.yaml")
	w.must(10, "`selfsame policy` needs a command: check, diff", "policy")
}

// TestPolicyCheck looks at what check says where all is well, and at its JSON.
func TestPolicyCheck(t *testing.T) {
	w := newTrusting(t, "release")
	w.write("policy.yaml", aPolicy("3", "summary.reproduced"))
	w.write("over.yaml", strings.Replace(aPolicy("4", "summary.reproduced"), "rules:", "expires: 2020-01-31\nrules:", 1))
	w.write("wrong.yaml", "policy: v1\n")
	w.write("warns.yaml", aPolicy("5", "provenance.all(p, p.level > 1)"))
	w.must(0, "policy.yaml: policy prod version 3\n", "policy", "check", "policy.yaml")
	for _, c := range []struct {
		code  int
		want  string
		flags []string
	}{
		{0, `{"schemaVersion":1,"policies":[{"file":"policy.yaml","name":"prod","version":3}],"findings":[]}`, []string{"policy.yaml"}},
		{14, `"findings":[{"code":"A0633","severity":"error"`, []string{"over.yaml"}},
		{10, `"policies":[{"file":"policy.yaml","name":"prod","version":3}],"findings":[{"code":"A0622"`, []string{"wrong.yaml", "policy.yaml"}},
		{0, `"severity":"warning"`, []string{"warns.yaml"}},
		{10, `"severity":"warning"`, []string{"warns.yaml", "--strict"}},
	} {
		w.must(c.code, c.want, append([]string{"policy", "check", "--json"}, c.flags...)...)
	}
	w.must(0, `{"schemaVersion":1,"policies":[{"name":"signed-by-us","title":"Signed by us."},`, "policy", "new", "--json")
}
