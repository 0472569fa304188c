package signing_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

const sum = "1b65ebf924809c08abafb361776930bd1f06cb49405a24c09f4943afa23ca148"

// saying is a statement about sum.
func saying(kind, predicate string) []byte {
	return fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"app","digest":{"sha256":%q}}],"predicateType":%q,"predicate":%s}`, sum, kind, predicate)
}

// said is one statement of each meaning.
var said = map[string][]byte{
	"provenance": saying(provenance.PredicateProvenance, `{"buildDefinition":{"buildType":"https://example.com/b","externalParameters":{}},"runDetails":{"builder":{"id":"https://example.com/x"}}}`),
	"match": saying(provenance.PredicateRebuild, `{"result":"match","level":"manifest","original":{"digest":{"sha256":"`+sum+`"}},"rebuilt":{"digest":{"sha256":"`+sum+`"}},"independence":"same-host",
"axes":[{"name":"clock","state":"measured","a":"1","b":"2"}],"builders":[{"name":"A","id":"x"}],"images":[{"platform":"linux/amd64","original":{"digest":{"sha256":"`+sum+`"}},"rebuilt":{"digest":{"sha256":"`+sum+`"}},"diffIDs":[]}]}`),
	"mismatch":    saying(provenance.PredicateRebuild, `{"result":"mismatch"}`),
	"contents":    saying(provenance.PredicateSPDX, `{}`),
	"signature":   saying("https://sigstore.dev/cosign/sign/v1", `{}`),
	"VSA passed":  saying("https://slsa.dev/verification_summary/v1", `{"verificationResult":"PASSED"}`),
	"VSA failed":  saying("https://slsa.dev/verification_summary/v1", `{"verificationResult":"FAILED"}`),
	"SVR neutral": saying("https://in-toto.io/attestation/svr/v0.2", `{"properties":["ODD"]}`),
	"scan":        saying("https://in-toto.io/attestation/vulns/v0.2", `{}`),
	"deny list":   saying("https://selfsame.build/denylist/v0.1", `{}`),
	"waiver":      saying("https://selfsame.build/waiver/v0.1", `{"finding":{"digest":{"sha256":"`+sum+`"}},"owner":"qa","reason":"known","expires":"2030-01-01T00:00:00Z"}`),
	"index":       saying("https://selfsame.build/releaseindex/v0.1", `{}`),
	"link":        saying("https://in-toto.io/attestation/link/v0.3", `{"name":"scan"}`),
	"break-glass": must(provenance.BreakGlassStatement("app", "sha256:"+sum, provenance.BreakGlass{
		Namespaces: []string{"shop"}, Owner: "ops", Reason: "an outage", Issued: time.Unix(1000, 0), Expires: time.Unix(4600, 0),
	})),
	"policy": must(provenance.PolicyStatement("prod", provenance.PolicyDocument{
		Edition: provenance.NewEdition(1, time.Unix(1000, 0), time.Hour), Content: []byte("policy: v1\n"),
	})),
	"unknown": saying("https://example.com/my-own/v1", `{"approved":true}`),
	"no type": []byte(strings.Replace(statement, "Statement/v1", "Statement/v2", 1)),
	"nothing": nil,
}

// must is the statement that was made.
func must(s provenance.Subjected, err error) []byte {
	if err != nil {
		panic(err)
	}
	return s.Payload
}

// TestRoles tries every statement in every role. What is not in the table is refused.
func TestRoles(t *testing.T) {
	allowed := map[trust.Role]string{
		trust.Release:     "provenance, match, contents, signature",
		trust.Rebuilder:   "match, provenance, VSA passed",
		trust.Finding:     "mismatch, VSA failed, SVR neutral, scan",
		trust.Functionary: "link",
		trust.Promoter:    "VSA passed",
		trust.Verifier:    "VSA passed",
		trust.Revoker:     "deny list",
		trust.Waiver:      "waiver",
		trust.BreakGlass:  "break-glass",
		trust.Policy:      "policy",
		trust.Indexer:     "index",
		trust.Decoy:       "provenance, match",
	}
	for _, role := range trust.Roles {
		if allowed[role] == "" {
			t.Errorf("the role %s is not tried with what it is for", role)
		}
	}
	key := newKey(t)
	for _, role := range append([]trust.Role{"", "root", trust.Decoy}, trust.Roles...) {
		for name, payload := range said {
			t.Run(string(role)+"/"+name, func(t *testing.T) {
				bundle, err := signing.Sign(t.Context(), key.For(role), payload)
				if !strings.Contains(", "+allowed[role]+", ", ", "+name+", ") {
					wantCode(t, err, "A0584")
					if bundle != nil {
						t.Error("a bundle all the same")
					}
					return
				}
				if got, _, err := verifyKey(bundle, key.Verifier()); err != nil || string(got) != string(payload) {
					t.Errorf("%q, %v", got, err)
				}
			})
		}
	}
}

// TestNothingSignsUnchecked looks through the whole tree: what skips the role is for tests.
func TestNothingSignsUnchecked(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "grep", "-rl", "--include=*.go", "SignUnchecked", filepath.Join("..")).Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for path := range strings.Lines(string(out)) {
		path = strings.TrimSpace(path)
		seen++
		if path != filepath.Join("..", "signing", "sign.go") && !strings.HasSuffix(path, "_test.go") {
			t.Errorf("%s signs what no role was asked about", path)
		}
	}
	if _, err := os.Stat("sign.go"); err != nil || seen < 3 {
		t.Errorf("%d files: this test proves nothing (%v)", seen, err)
	}
}
