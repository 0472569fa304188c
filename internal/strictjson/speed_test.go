package strictjson_test

import (
	"reflect"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/strictjson"
	"github.com/selfsame-build/selfsame/provenance"
)

// TestSure: what every verification reads is decoded fast. A field of another kind would make it slow again, and nothing else would show it.
func TestSure(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[v1.Manifest](), reflect.TypeFor[v1.Index](), reflect.TypeFor[provenance.Provenance](), reflect.TypeFor[provenance.Rebuild](),
		reflect.TypeFor[provenance.ExternalParameters](), reflect.TypeFor[[]provenance.Subject](), reflect.TypeFor[provenance.VSA](), reflect.TypeFor[provenance.DenyList](),
		reflect.TypeFor[map[string]any](),
	} {
		if !strictjson.Sure(typ) {
			t.Errorf("%s is left to encoding/json", typ)
		}
	}
}
