package strictjson_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/strictjson"
	"github.com/selfsame-build/selfsame/provenance"
)

// evidence are documents of those kinds that decisions rest on, by the type that each is decoded into.
var evidence = []struct {
	typ  reflect.Type
	docs []string
}{
	{reflect.TypeFor[provenance.Statement](), []string{`{"_type":"t","subject":[{"name":"n","digest":{"sha256":"ab"}}],"predicateType":"p","predicate":{"n":9007199254740993}}`}},
	{reflect.TypeFor[[]provenance.Subject](), []string{`[{"name":"n","digest":{"sha256":"ab","sha512":null}},null]`}},
	{reflect.TypeFor[provenance.Provenance](), []string{`{"buildDefinition":{"buildType":"b","externalParameters":{"a":[1]},"internalParameters":null,"resolvedDependencies":[{"uri":"u","digest":{"sha256":"ab"},"annotations":{"kind":"image"}}]},"runDetails":{"builder":{"id":"i","version":{"a":"1"}},"metadata":{"startedOn":"2026-01-02T03:04:05Z"},"byproducts":[{"name":"n","content":"AQID"}]}}`}},
	{reflect.TypeFor[provenance.ExternalParameters](), []string{`{"source":{"uri":"u"},"recipe":{"path":"p","digest":{"sha256":"ab"}},"platforms":["linux/amd64"],"args":{"A":"1"}}`}},
	{reflect.TypeFor[provenance.InternalParameters](), []string{`{"exporter":{"a":"b"},"sourceDateEpoch":9007199254740993,"twins":[{"name":"a","binaries":{"b":{"sha256":"ab"},"c":null}}]}`}},
	{reflect.TypeFor[provenance.Rebuild](), []string{`{"result":"match","axes":[{"name":"clock"}],"independence":"other-host","builders":[{"name":"a","id":"i"}],"images":[{"platform":"p","original":{"digest":{"sha256":"ab"}},"diffIDs":["sha256:ab",null]}]}`}},
	{reflect.TypeFor[provenance.VSA](), []string{`{"verifier":{"id":"v","version":{"a":"1"}},"timeVerified":"2026-01-02T03:04:05Z","policy":{"uri":"u","digest":{"sha256":"ab"}},"verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_2"],"https://selfsame.build/verdict/v0.1":{"notAfter":"2026-01-02T04:04:05Z","trust":"ab","denyList":{"sequence":9007199254740993},"policyVersion":3}}`}},
	{reflect.TypeFor[provenance.DenyList](), []string{`{"sequence":9007199254740993,"issued":"2026-01-02T03:04:05Z","entries":[{"digest":"sha256:ab","reason":"r","added":"2026-01-02T03:04:05Z"},{"signer":{"identity":{"issuer":"i","subject":"s"}},"since":null}]}`}},
	{reflect.TypeFor[provenance.Waiver](), []string{`{"finding":{"digest":{"sha256":"ab"}},"owner":"o","reason":"r","expires":"2026-01-02T03:04:05Z"}`}},
	{reflect.TypeFor[provenance.ReleaseIndex](), []string{`{"sequence":2,"statements":[{"bundle":"sha256:ab","subject":"sha256:cd","predicateType":"p"}]}`}},
	{reflect.TypeFor[provenance.PolicyDocument](), []string{`{"sequence":2,"content":"cG9saWN5"}`}},
	{reflect.TypeFor[provenance.BreakGlass](), []string{`{"namespaces":["a"],"reason":"r","expires":"2026-01-02T03:04:05Z"}`}},
	{reflect.TypeFor[v1.Manifest](), []string{`{"schemaVersion":2,"mediaType":"m","config":{"mediaType":"m","digest":"sha256:ab","size":9007199254740993,"data":"AQID"},"layers":[{"urls":["u"],"annotations":{"a":"b"}}],"subject":{"platform":{"architecture":"a","os":"o","os.features":["f"]}}}`}},
	{reflect.TypeFor[v1.Index](), []string{`{"schemaVersion":2,"manifests":[{"mediaType":"m","digest":"sha256:ab","size":1}],"annotations":{"a":"b"}}`}},
	{reflect.TypeFor[json.RawMessage](), []string{` {"a" : [1]} `, ` null `, "1 "}},
	{reflect.TypeFor[map[string]any](), []string{`{"a":{"b":[9007199254740993,null,{}]}}`, `null`}},
}

// FuzzEvidence: where evidence is taken, encoding/json takes it too, to the same value, and no number of it has lost a digit.
func FuzzEvidence(f *testing.F) {
	for _, e := range evidence {
		for _, d := range e.docs {
			f.Add([]byte(d))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, e := range evidence {
			for _, l := range []strictjson.Limits{{}, {AllowUnknown: true}} {
				got, want := reflect.New(e.typ), reflect.New(e.typ)
				if strictjson.Unmarshal(data, got.Interface(), l) != nil {
					continue
				}
				d := json.NewDecoder(bytes.NewReader(data))
				d.UseNumber()
				if err := d.Decode(want.Interface()); err != nil {
					t.Errorf("%s of %q: encoding/json refuses it: %v", e.typ, data, err)
				} else if !reflect.DeepEqual(got.Interface(), want.Interface()) {
					t.Errorf("%s of %q:\n%+v\nencoding/json has\n%+v", e.typ, data, got.Elem(), want.Elem())
				}
			}
		}
	})
}

// TestEvidence: every name in the samples above is one of a field, so that the fuzzer starts from what is taken.
func TestEvidence(t *testing.T) {
	for _, e := range evidence {
		for _, d := range e.docs {
			if err := strictjson.Unmarshal([]byte(d), reflect.New(e.typ).Interface(), strictjson.Limits{}); err != nil {
				t.Errorf("%s: %v", e.typ, err)
			}
		}
	}
}
