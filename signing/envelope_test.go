package signing_test

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/in-toto/in-toto-golang/in_toto"

	"github.com/selfsame-build/selfsame/provenance/intoto"
	"github.com/selfsame-build/selfsame/signing"
)

// steps stands for a layout.
const steps = `{"_type":"layout","readme":"app","steps":[]}`

// signed is an envelope with a signature of each key.
func signed(t *testing.T, payload string, keys ...*signing.Signer) signing.Envelope {
	t.Helper()
	e := signing.NewEnvelope([]byte(payload))
	for _, k := range keys {
		id, err := intoto.KeyID(k.Verifier().PEM())
		if err == nil {
			e, err = e.Sign(t.Context(), k, id)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func TestEnvelope(t *testing.T) {
	alice, bob, carol := newKey(t), newKey(t), newKey(t)
	e := signed(t, steps, alice, bob, alice)
	raw, err := e.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if e, err = signing.ParseEnvelope(raw); err != nil || string(e.Payload) != steps || len(e.KeyIDs()) != 2 {
		t.Fatalf("%v, %d signatures", err, len(e.KeyIDs()))
	}
	for _, k := range []*signing.Signer{alice, bob} {
		if err := e.Verify(k.Verifier()); err != nil {
			t.Error(err)
		}
	}
	err = e.Verify(carol.Verifier())
	wantCode(t, err, "A0507")
	if !errors.Is(err, signing.ErrOtherKey) {
		t.Errorf("%v", err)
	}
	// The names that signatures give themselves count for nothing.
	renamed := strings.NewReplacer(e.KeyIDs()[0], e.KeyIDs()[1], e.KeyIDs()[1], e.KeyIDs()[0]).Replace(string(raw))
	other, err := signing.ParseEnvelope([]byte(renamed))
	if err != nil || other.Verify(alice.Verifier()) != nil || other.Verify(bob.Verifier()) != nil {
		t.Errorf("with swapped names: %v", err)
	}
	changed := strings.Replace(string(raw), base64.StdEncoding.EncodeToString([]byte(steps)), base64.StdEncoding.EncodeToString([]byte(strings.Replace(steps, "app", "apq", 1))), 1)
	if changed == string(raw) {
		t.Fatal("nothing was changed")
	}
	if other, err = signing.ParseEnvelope([]byte(changed)); err != nil {
		t.Fatal(err)
	}
	wantCode(t, other.Verify(alice.Verifier()), "A0507")
}

func TestParseEnvelopeRefuses(t *testing.T) {
	raw, err := signed(t, steps, newKey(t)).JSON()
	if err != nil {
		t.Fatal(err)
	}
	good := string(raw)
	one := good[strings.Index(good, "    {") : strings.Index(good, "    }")+5]
	for name, bad := range map[string]string{
		"nothing":         "",
		"no JSON":         "layout",
		"unknown field":   strings.Replace(good, `"payload"`, `"x": 1, "payload"`, 1),
		"payload twice":   strings.Replace(good, `"payload"`, `"payload": "e30=", "payload"`, 1),
		"another type":    strings.Replace(good, signing.PayloadType, "text/plain", 1),
		"no signature":    strings.Replace(good, one, "", 1),
		"33 signatures":   strings.Replace(good, one, strings.Repeat(one+",", 32)+one, 1),
		"after the end":   good + "{}",
		"5 MiB":           good + strings.Repeat(" ", 5<<20),
		"no base64":       strings.Replace(good, `"sig": "`, `"sig": "!`, 1),
		"depth 9000":      strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		"an empty one":    `{"payload":"","payloadType":"` + signing.PayloadType + `","signatures":[{"sig":"AAAA"}]}`,
		"case of letters": strings.Replace(good, `"payload"`, `"Payload"`, 1),
	} {
		if bad == good {
			t.Errorf("%s: nothing was changed", name)
		}
		_, err := signing.ParseEnvelope([]byte(bad))
		t.Run(name, func(t *testing.T) { wantCode(t, err, "A0505") })
	}
}

// TestStockInTotoVerifiesLayouts: a layout that we sign is one to in-toto-golang, signature and all.
func TestStockInTotoVerifiesLayouts(t *testing.T) {
	owner, other := newKey(t), newKey(t)
	payload, err := intoto.Standard{
		Expires: time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC), Functionaries: []intoto.Functionary{{PEM: other.Verifier().PEM()}},
	}.Layout()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := signed(t, string(payload), owner).JSON()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "root.layout")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := in_toto.LoadMetadata(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []*signing.Signer{owner, other} {
		var key in_toto.Key
		if err := key.LoadKeyReaderDefaults(strings.NewReader(string(k.Verifier().PEM()))); err != nil {
			t.Fatal(err)
		}
		err := in_toto.VerifyLayoutSignatures(loaded, map[string]in_toto.Key{key.KeyID: key})
		if (err == nil) != (k == owner) {
			t.Errorf("owner %v: %v", k == owner, err)
		}
	}
	l, ok := loaded.GetPayload().(in_toto.Layout)
	if !ok || in_toto.VerifyLayoutExpiration(l) != nil || len(l.Steps) != 5 {
		t.Errorf("%+v", l)
	}
}

func TestClaimed(t *testing.T) {
	bundle := sign(t, newKey(t), steps)
	if got, err := signing.Claimed(bundle); err != nil || string(got) != steps {
		t.Errorf("%q, %v", got, err)
	}
	_, err := signing.Claimed([]byte(`{"x":1}`))
	wantCode(t, err, "A0505")
}

// TestEnvelopeTakesNoStatement: a statement about an image is signed in a bundle only, where the signer's role is asked.
func TestEnvelopeTakesNoStatement(t *testing.T) {
	k := newKey(t)
	_, err := signing.NewEnvelope([]byte(statement)).Sign(t.Context(), k, k.Key().Hint)
	wantCode(t, err, "A0584")
}
