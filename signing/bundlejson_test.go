package signing

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// FuzzBundleJSON: what is taken of a bundle is what encoding/json reads in it.
func FuzzBundleJSON(f *testing.F) {
	types := []reflect.Type{
		reflect.TypeFor[bundle](), reflect.TypeFor[logEntry](), reflect.TypeFor[timestampData](), reflect.TypeFor[certificateChain](), reflect.TypeFor[messageSignature](), reflect.TypeFor[envelope](),
	}
	for _, s := range []string{
		`{"mediaType":"m","verificationMaterial":{"publicKey":{"hint":"h"},"certificate": {"rawBytes":"AQID"} ,"tlogEntries":[{"logIndex":"1"},null],"timestampVerificationData":null},` +
			`"dsseEnvelope":{"payload":"A_-D","payloadType":"p","signatures":[{"sig":"AQ==","keyid":null},{}]},"messageSignature":null}`,
		`{"logIndex":"9007199254740993","logId":{"keyId":"AQID"},"kindVersion":{"kind":"k"},"integratedTime":-1,"inclusionPromise":{"signedEntryTimestamp":null},"inclusionProof":null,"canonicalizedBody":"\u0041QID"}`,
		`{"rfc3161Timestamps":[{"signedTimestamp":"AQID"},null]}`, `{"certificates":[{"rawBytes":"AQID"},{}]}`, `null`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, typ := range types {
			got, want := reflect.New(typ), reflect.New(typ)
			if strictjson.Unmarshal(data, got.Interface(), bundleLimits) != nil {
				continue
			}
			if err := json.Unmarshal(data, want.Interface()); err != nil {
				t.Errorf("%s of %q: encoding/json refuses it: %v", typ, data, err)
			} else if !reflect.DeepEqual(got.Interface(), want.Interface()) {
				t.Errorf("%s of %q:\n%+v\nencoding/json has\n%+v", typ, data, got.Elem(), want.Elem())
			}
		}
	})
}
