package provenance

import (
	"fmt"
	"strings"
	"testing"
)

// TestMeaning judges one statement of each sort that there is, and of sorts that try to look like another.
func TestMeaning(t *testing.T) {
	const sum = "1b65ebf924809c08abafb361776930bd1f06cb49405a24c09f4943afa23ca148"
	match := `{"result":"match","level":"manifest","original":{"digest":{"sha256":"` + sum + `"}},"rebuilt":{"digest":{"sha256":"` + sum + `"}},"independence":"same-host",
"axes":[{"name":"clock","state":"measured","a":"1","b":"2"}],"builders":[{"name":"A","id":"x"}],"images":[{"platform":"linux/amd64","original":{"digest":{"sha256":"` + sum + `"}},"rebuilt":{"digest":{"sha256":"` + sum + `"}},"diffIDs":[]}]}`
	prov := `{"buildDefinition":{"buildType":"https://example.com/b","externalParameters":{}},"runDetails":{"builder":{"id":"https://example.com/x"}}}`
	for name, c := range map[string]struct{ kind, predicate, want string }{
		"provenance":             {PredicateProvenance, prov, "positive provenance"},
		"provenance as an array": {PredicateProvenance, `[]`, "error"},
		"contents":               {PredicateSPDX, `{"spdxVersion":"SPDX-2.3"}`, "positive list of contents"},
		"bare signature":         {typeCosign, `{}`, "positive bare signature"},
		"match":                  {PredicateRebuild, match, "positive rebuild"},
		"match of another":       {PredicateRebuild, strings.Replace(match, `"rebuilt":{"digest":{"sha256":"1b`, `"rebuilt":{"digest":{"sha256":"2b`, 1), "error"},
		"match without axes":     {PredicateRebuild, strings.Replace(match, "measured", "planned", 1), "error"},
		"mismatch":               {PredicateRebuild, strings.Replace(match, `"match"`, `"mismatch"`, 1), "negative rebuild"},
		"match in capitals":      {PredicateRebuild, strings.Replace(match, `"match"`, `"MATCH"`, 1), "negative rebuild"},
		"no result":              {PredicateRebuild, `{}`, "negative rebuild"},
		"result twice":           {PredicateRebuild, strings.Replace(match, `"result":"match"`, `"result":"mismatch","result":"match"`, 1), "error"},
		"VSA passed":             {PredicateVSA, `{"verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_3"]}`, "positive verification summary"},
		"VSA failed":             {PredicateVSA, `{"verificationResult":"FAILED","verifiedLevels":["FAILED"]}`, "negative verification summary"},
		"VSA of two minds":       {PredicateVSA, `{"verificationResult":"PASSED","verifiedLevels":["FAILED"]}`, "error"},
		"VSA in small letters":   {PredicateVSA, `{"verificationResult":"passed"}`, "error"},
		"VSA without result":     {PredicateVSA, `{}`, "error"},
		"SVR":                    {PredicateSVR, `{"properties":["SLSA_BUILD_LEVEL_3","SLSA_BUILD_REPRODUCED"]}`, "positive verification summary"},
		"SVR of ours":            {PredicateSVR, `{"properties":["SLSA_BUILD_LEVEL_1","SELFSAME_BUILT_TWICE","SELFSAME_OWNERS_3"]}`, "positive verification summary"},
		"SVR like ours":          {PredicateSVR, `{"properties":["SELFSAME_OWNERS_0"]}`, "neutral verification summary"},
		"SVR unlike ours":        {PredicateSVR, `{"properties":["SELFSAME_BUILT_ONCE"]}`, "neutral verification summary"},
		"SVR of unknown meaning": {PredicateSVR, `{"properties":["SLSA_BUILD_LEVEL_3","CONTAINS_MALWARE"]}`, "neutral verification summary"},
		"SVR with nothing":       {PredicateSVR, `{"properties":[]}`, "neutral verification summary"},
		"scan":                   {typeVulns, `{"scanner":{"result":[]}}`, "neutral scan"},
		"deny list":              {PredicateDenyList, `{}`, "negative deny list"},
		"link":                   {PredicateLink, `{"name":"scan"}`, "neutral link"},
		"waiver":                 {PredicateWaiver, `{}`, "error"},
		"index":                  {PredicateReleaseIndex, `{}`, "neutral index of statements"},
		"test result":            {"https://in-toto.io/attestation/test-result/v0.1", `{"result":"FAILED"}`, "error"},
		"an almost known type":   {PredicateProvenance + "/", prov, "error"},
	} {
		s, err := Parse(fmt.Appendf(nil, `{"_type":%q,"subject":[{"digest":{"sha256":%q}}],"predicateType":%q,"predicate":%s}`, StatementType, sum, c.kind, c.predicate))
		got := "error"
		if err == nil {
			var m Meaning
			if m, err = s.Meaning(); err == nil {
				got = m.String()
			}
		}
		if got != c.want {
			t.Errorf("%s: %s (%v), want %s", name, got, err, c.want)
		}
	}
}
