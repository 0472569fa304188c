package sigstore

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/trust"
)

const pem = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEOz9FcbJM/oOkC26Wfo9paG2tYGBL
usDLHze93DzgLaAPDsyJrygpVnL9M6SOyfyXEsjpBTUu6uFZqHua8hwAlA==
-----END PUBLIC KEY-----`

// indented is pem where the resources below have it.
var indented = strings.ReplaceAll(pem, "\n", "\n          ")

// cip is a resource with a spec.
func cip(name, spec string) string {
	return "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata:\n  name: " + name + "\nspec:\n" + spec
}

const images = "  images:\n  - glob: registry.example.com/team/**\n"

var key = "    key:\n      data: |\n          " + indented + "\n"

// load imports text, and reads what came of it as everybody else will.
func load(t *testing.T, text string) (Imported, *policy.Policy, trust.Roots) {
	t.Helper()
	im, err := Import("imported", "cip.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	p, err := policy.Parse("imported.yaml", im.Policy)
	if err != nil {
		t.Fatalf("%v\n%s", err, im.Policy)
	}
	dir := t.TempDir()
	for _, f := range []string{"trusted_root.json", "p-kms.pub", "p-secret.pub"} {
		if err := os.WriteFile(filepath.Join(dir, f), []byte(pem), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(string(im.Trust), "signers:") {
		return im, p, trust.Roots{}
	}
	roots, err := trust.Parse(filepath.Join(dir, "trust.yaml"), im.Trust, func(text []byte) (trust.Key, error) { return trust.Key{Hint: string(text)}, nil })
	if err != nil {
		t.Fatalf("%v\n%s", err, im.Trust)
	}
	return im, p, roots
}

func notes(im Imported) string {
	var b strings.Builder
	for _, n := range im.Notes {
		b.WriteString(n.String() + "\n")
	}
	return b.String()
}

var (
	start  = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	format = "    signatureFormat: bundle\n    ctlog: {}\n"
)

// signature is a signature by signer about the image that decide asks for.
func signature(signer, uri string) policy.Signature {
	return policy.Signature{Signer: signer, Type: uri, Subject: "sha256:aa", Time: start}
}

func decide(p *policy.Policy, signatures ...policy.Signature) policy.Verdict {
	e := policy.Evidence{Image: policy.Image{Name: "registry.example.com/team/shop", Digest: "sha256:aa"}, Signatures: signatures}
	return p.Decide(context.Background(), &e, start)
}

// TestKey carries a whole resource over: nothing is left to say.
func TestKey(t *testing.T) {
	im, p, roots := load(t, cip("By Key", images+"  authorities:\n  - name: release\n"+key+format))
	const want = `# Imported from ClusterImagePolicy resources in "cip.yaml".
# ` + "`false`" + ` in a rule is a condition that has to be written in CEL.
policy: v1
name: imported
version: 1
rules:
  - name: by-key
    match:
      - "registry.example.com/team/**"
    require: |
      (signatures.exists(s, s.signer in ["by-key-release"] && s.type == "https://sigstore.dev/cosign/sign/v1" && s.subject == image.digest))
    message: "no authority of the policy By Key vouches for it: release"
    fix: "have one of them sign it in the bundle format: release"
`
	if d := cmp.Diff(want, string(im.Policy)); d != "" {
		t.Error(d)
	}
	if len(im.Notes) > 0 || len(roots.Signers) != 1 || roots.Signers[0].Name != "by-key-release" || !strings.HasPrefix(roots.Signers[0].Keys[0].Hint, pem) {
		t.Errorf("%s %+v", notes(im), roots.Signers)
	}
	for name, c := range map[string]struct {
		s    policy.Signature
		want bool
	}{
		"signed":                  {signature("by-key-release", signatureType), true},
		"by another":              {signature("other", signatureType), false},
		"something else was said": {signature("by-key-release", "https://example.com/scan-failed"), false},
		"about another digest":    {policy.Signature{Signer: "by-key-release", Type: signatureType, Subject: "sha256:bb"}, false},
	} {
		if v := decide(p, c.s); v.Allow != c.want {
			t.Errorf("%s: %v", name, v.Reasons)
		}
	}
}

// TestKeyless: identities go to the trust file with their expressions as wide as they were.
func TestKeyless(t *testing.T) {
	im, p, roots := load(t, cip("p", images+`  authorities:
  - name: github
    keyless:
      url: https://fulcio.sigstore.dev
      identities:
      - issuer: https://token.actions.githubusercontent.com
        subjectRegExp: ^https://github\.com/team/shop/.*$
      - issuer: https://accounts.example.com
        subject: release@example.com
      - issuer: https://token.actions.githubusercontent.com
        subjectRegExp: team/shop
    ctlog:
      url: https://rekor.sigstore.dev
    signatureFormat: bundle
`))
	if roots.Sigstore == "" || len(roots.Signers) != 1 || len(roots.Signers[0].Identities) != 3 {
		t.Fatalf("%+v", roots)
	}
	for _, id := range []trust.Identity{{Issuer: "https://token.actions.githubusercontent.com", Subject: "https://github.com/team/shop/.github/workflows/x.yaml"},
		{Issuer: "https://accounts.example.com", Subject: "release@example.com"}, {Issuer: "https://token.actions.githubusercontent.com", Subject: "xteam/shopx"}} {
		if !roots.Signers[0].Is(trust.Party{Identity: id}) {
			t.Errorf("%v is not the signer", id)
		}
	}
	if roots.Signers[0].Is(trust.Party{Identity: trust.Identity{Issuer: "https://accounts.example.com", Subject: "team/shop"}}) {
		t.Error("an expression holds for another issuer")
	}
	const want = `cip.yaml:11:7: spec.authorities[0].keyless: identities count against trusted_root.json, beside the trust file: put the trusted root there that has https://fulcio.sigstore.dev (todo)
cip.yaml:20:7: spec.authorities[0].ctlog: that a log has it is asked for as: a trusted log or timestamp authority says when. Which ones are trusted says the trusted root (differs)
`
	if d := cmp.Diff(want, notes(im)); d != "" {
		t.Error(d)
	}
	timeless := signature("p-github", signatureType)
	timeless.Time = time.Time{}
	if a, b := decide(p, signature("p-github", signatureType)), decide(p, timeless); !a.Allow || b.Allow {
		t.Errorf("with a time %v, without %v", a.Reasons, b.Allow)
	}
}

// TestNothingIsDropped: what is not carried over is listed, and makes the rule no weaker. None of these allows an image that its authorities
// have signed, or is wider in any way.
func TestNothingIsDropped(t *testing.T) {
	authority := func(s string) string { return cip("p", images+"  authorities:\n  - name: a\n"+s) }
	type want struct {
		note  string
		allow bool // an image that is signed in the way that could be carried over
	}
	for text, w := range map[string]want{
		authority(key): {"cip.yaml:9:5: spec.authorities[0]: the source takes cosign's old signature format; here only bundles count (stricter)", true},
		authority(key + format + "    policy:\n      x: y\n"):                                 {"cip.yaml:18:5: spec.authorities[0].policy: this importer does not know it (denies)", false},
		authority(key + format + "    source:\n    - oci: registry.example.com/signatures\n"): {"cip.yaml:19:5: spec.authorities[0].source: evidence is looked for beside the image only (stricter)", true},
		authority(key + format + "    attestations:\n    - name: x\n      predicateType: custom\n      policy:\n        type: rego\n        data: \"package x\"\n"): {
			"cip.yaml:22:9: spec.authorities[0].attestations[0].policy: a condition in REGO: write it in CEL in the place of `false` (denies)", false},
		authority(key+format) + "  policy:\n    type: cue\n    includeSpec: true\n    data: \"x: 1\"\n": {"cip.yaml:19:5: spec.policy: a condition in CUE: write it in CEL in the place of `false` (denies)", false},
		authority(key+format) + "  mode: warn\n":                                                        {"cip.yaml:6:3: spec: `mode: warn` lets images through; rules deny. Set the namespace to audit at the gate instead (stricter)", true},
		authority(key+format) + "  match:\n  - resource: pods\n":                                        {"cip.yaml:19:3: spec.match: rules do not see who asks: the rule is about all resources (stricter)", true},
		authority(key + "    signatureFormat: bundle\n"):                                                {"cip.yaml:9:5: spec.authorities[0]: that the public log has it is asked for as: a trusted log or timestamp authority says when. Which ones are trusted says the trusted root (differs)", true},
		authority(key+format) + "  novelty: 1\n":                                                        {"cip.yaml:18:3: spec.novelty: this importer does not know it (denies)", false},
		authority("    key:\n      kms: awskms:///alias/x\n" + format):                                  {"cip.yaml:11:7: spec.authorities[0].key: put the public key of awskms:///alias/x into p-a.pub, beside the trust file (todo)", true},
		authority("    key:\n      data: nonsense\n" + format):                                          {"cip.yaml:11:7: spec.authorities[0].key: a key is one of data (a public key in PEM), kms and secretRef (denies)", false},
		authority("    keyless:\n      url: https://x.example.com\n" + format):                          {"cip.yaml:11:7: spec.authorities[0].keyless: no identity could be carried over: anybody who can log in is nobody here (denies)", false},
		authority("    keyless:\n      identities:\n      - issuerRegExp: .*\n        subject: a\n" + format): {
			"cip.yaml:12:9: spec.authorities[0].keyless.identities[0]: an identity needs one issuer, exactly: write it into the trust file (denies)", false},
		authority("    static:\n      action: fail\n      message: no\n"): {"", false},
		authority(key + "    static:\n      action: pass\n"):              {"cip.yaml:9:5: spec.authorities[0]: an authority has one of key, keyless and static (denies)", false},
		cip("p", images): {"cip.yaml:6:3: spec: there are no authorities, so nothing could make it true (denies)", false},
	} {
		if strings.Contains(text, "kms") { // its key file has another name than load makes
			text = strings.Replace(text, "name: a", "name: kms", 1)
			w.note = strings.Replace(w.note, "p-a.pub", "p-kms.pub", 1)
		}
		im, p, roots := load(t, text)
		if got := notes(im); w.note != "" && !strings.Contains(got, w.note+"\n") {
			t.Errorf("%s\ngot  %swant %s", text, got, w.note)
		}
		var all []policy.Signature
		for _, s := range append(roots.Signers, trust.Signer{Name: "p-a"}) {
			all = append(all, signature(s.Name, signatureType), signature(s.Name, types["custom"]))
		}
		if v := decide(p, all...); v.Allow != w.allow {
			t.Errorf("%s\nallow %v, %s", text, v.Allow, im.Policy)
		}
		if v := decide(p); v.Allow {
			t.Errorf("%s\nallows an image without evidence", text)
		}
	}
}

// TestAttestations: all that an authority asks for have to be there, or another authority.
func TestAttestations(t *testing.T) {
	im, p, _ := load(t, cip("p", images+"  authorities:\n  - name: a\n"+key+format+`    attestations:
    - name: sbom
      predicateType: spdxjson
      policy:
        type: cue
        data: |
          predicateType: "https://spdx.dev/Document"
    - name: scan
      predicateType: https://example.com/scan
  - name: everybody
    static:
      action: fail
`))
	sbom, scan := signature("p-a", "https://spdx.dev/Document"), signature("p-a", "https://example.com/scan")
	if a, b, c := decide(p, sbom, scan), decide(p, sbom), decide(p, scan); !a.Allow || b.Allow || c.Allow {
		t.Errorf("both %v, one %v, the other %v\n%s%s", a.Allow, b.Allow, c.Allow, im.Policy, notes(im))
	}
	if len(im.Notes) > 0 {
		t.Error(notes(im))
	}
}

// TestStaticPass allows without evidence, as its source did, and says so.
func TestStaticPass(t *testing.T) {
	im, p, _ := load(t, cip("p", images+"  authorities:\n  - static:\n      action: pass\n"))
	if v := decide(p); !v.Allow || !strings.Contains(notes(im), "it allows images without any evidence, as it did (nothing)") {
		t.Errorf("%v %s", v.Reasons, notes(im))
	}
}

// TestSeveral: each resource of a file is a rule; one key is one signer; other kinds are listed; places are those of the file.
func TestSeveral(t *testing.T) {
	text := "# a comment\n---\n" + cip("one", images+"  authorities:\n  - name: a\n"+key+format) + "---\n" + cip("two", images+"  authorities:\n  - name: b\n"+key+format) +
		"---\n# nothing\n---\napiVersion: policy.sigstore.dev/v1alpha1\nkind: TrustRoot\nspec: {}\n"
	im, p, roots := load(t, text)
	if d := cmp.Diff([]string{"one", "two"}, p.Rules()); d != "" || len(roots.Signers) != 1 || im.Rules != 2 {
		t.Errorf("%s %+v", d, roots.Signers)
	}
	if v := decide(p, signature("one-a", signatureType)); !v.Allow {
		t.Error(v.Reasons)
	}
	if got := notes(im); !strings.Contains(got, `cip.yaml:41:1: resource: a resource of kind "TrustRoot" is not a policy`) {
		t.Error(got)
	}
}

func TestRefused(t *testing.T) {
	for _, text := range []string{"", "a: &a b\n", "kind: Pod\napiVersion: v1\n", "- x\n", strings.Repeat("#", 2<<20), "kind: ClusterImagePolicy\nkind: ClusterImagePolicy\n"} {
		if _, err := Import("x", "cip.yaml", []byte(text)); diag.ExitCode(err) != diag.ExitUsage {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

func TestGlobs(t *testing.T) {
	for glob, want := range map[string]string{
		"**": "**", "registry.example.com/**": "registry.example.com/**", "registry.example.com/*": "registry.example.com/*",
		"**demo**": "**/*demo*/**", "ghcr.io/x/stamp**": "ghcr.io/x/stamp*/**", "ghcr.io/a**b/c": "ghcr.io/a*b/c ghcr.io/a*/**/*b/c",
		"*": "index.docker.io/library/* docker.io/library/*", "*/*": "index.docker.io/*/* docker.io/*/*", "nginx*": "docker.io/library/nginx*",
		"index.docker.io/library/nginx:**": "index.docker.io/library/nginx docker.io/library/nginx", "ghcr.io/x/y:v1*": "ghcr.io/x/y | v1*", "a//b": "refused", "a b": "refused",
		"registry.example.com:5000/x/***": "registry.example.com:5000/x/**", "**/x": "**/x",
	} {
		got, tag, ok := globPatterns(glob)
		text := strings.Join(got, " ")
		if tag != "" {
			text += " | " + tag
		}
		if !ok {
			text = "refused"
		}
		if text != want {
			t.Errorf("%s: %s, want %s", glob, text, want)
		}
	}
}

// FuzzImport: whatever is imported loads, and does not allow an image without evidence unless it says so.
func FuzzImport(f *testing.F) {
	f.Add(cip("p", images+"  authorities:\n  - name: a\n"+key+format))
	f.Add(cip("p", images+"  mode: warn\n  authorities:\n  - static:\n      action: pass\n"))
	f.Add(cip("p", "  images:\n  - glob: \"**a**\"\n  authorities:\n  - keyless:\n      identities:\n      - issuer: https://x.example.com\n        subjectRegExp: a|b\n"))
	f.Fuzz(func(t *testing.T, text string) {
		im, err := Import("imported", "cip.yaml", []byte(text))
		if err != nil {
			return
		}
		p, err := policy.Parse("imported.yaml", im.Policy)
		if err != nil {
			t.Fatalf("%v\n%s", err, im.Policy)
		}
		if v := decide(p); v.Allow && !strings.Contains(notes(im), "without any evidence") {
			t.Errorf("%s\nallows\n%s", text, im.Policy)
		}
		if !strings.Contains(string(im.Trust), "signers:") {
			return
		}
		if _, err := trust.Parse("trust.yaml", im.Trust, func(text []byte) (trust.Key, error) { return trust.Key{Hint: string(text)}, nil }); err != nil &&
			strings.Contains(err.Error(), "not valid YAML") {
			t.Fatalf("%v\n%s", err, im.Trust)
		}
	})
}
