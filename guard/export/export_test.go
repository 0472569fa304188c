package export_test

import (
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/guard/export"
	"github.com/selfsame-build/selfsame/trust"
)

func TestMake(t *testing.T) {
	now := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	key := func(hints ...string) (keys []trust.Key) {
		for _, h := range hints {
			keys = append(keys, trust.Key{Hint: h})
		}
		return keys
	}
	identity, err := trust.ExactIdentity("https://issuer.example.com", "ci@example.com")
	if err != nil {
		t.Fatal(err)
	}
	release := []trust.Role{trust.Release}
	signers := []trust.Signer{
		{Name: "everywhere", Keys: key("e"), Roles: release},
		{Name: "keyless", Identities: []trust.IdentityRule{identity}, Roles: release, Names: []string{"registry.example.com/keyless"}},
		{Name: "old", Keys: key("o"), Roles: release, Until: now, Names: []string{"registry.example.com/old"}},
		{Name: "revoker", Keys: key("r"), Roles: []trust.Role{trust.Revoker}},
		{Name: "team", Keys: key("t"), Roles: release, Names: []string{"registry.example.com/team/*"}},
	}
	pem := func(hint string) []byte { return []byte("key " + hint) }
	p, lost := export.Make(signers, pem, nil, now)
	const want = `{
    "default": [
        {
            "type": "reject"
        }
    ],
    "transports": {
        "docker": {
            "registry.example.com/keyless": [
                {
                    "type": "sigstoreSigned",
                    "keyData": "a2V5IGU=",
                    "signedIdentity": {
                        "type": "matchRepository"
                    }
                }
            ],
            "registry.example.com/team": [
                {
                    "type": "sigstoreSigned",
                    "keyDatas": [
                        "a2V5IGU=",
                        "a2V5IHQ="
                    ],
                    "signedIdentity": {
                        "type": "matchRepository"
                    }
                }
            ]
        }
    }
}
`
	if got := string(p.JSON()); got != want {
		t.Errorf("%s", got)
	}
	const attachments = "docker:\n    \"registry.example.com/keyless\": {use-sigstore-attachments: true}\n    \"registry.example.com/team\": {use-sigstore-attachments: true}\n"
	if got := string(p.Attachments()); got != attachments {
		t.Errorf("%s", got)
	}
	all := strings.Join(lost, "\n")
	for _, want := range []string{"old: its word does not count now", "everywhere speaks for every name", "keyless: identities", "registry.example.com/team/* becomes registry.example.com/team", "scope registry.example.com/team: one of several keys"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing:\n%s", want, all)
		}
	}
	p, lost = export.Make(signers[1:], pem, []string{"registry.example.com/other"}, now)
	if r := p.Transports["docker"]["registry.example.com/other"]; len(r) != 1 || r[0].Type != "reject" || !strings.Contains(strings.Join(lost, "\n"), "registry.example.com/other: nobody with a key") {
		t.Errorf("%+v %v", r, lost)
	}
}
