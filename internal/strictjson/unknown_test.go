package strictjson

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// known has a field of each shape.
type known struct {
	A string `json:"a"`
	B *known `json:"b"`
	C []struct {
		D int `json:"d"`
	} `json:"c"`
	M map[string]known `json:"m"`
	R json.RawMessage  `json:"r"`
}

// TestUnknownChangesNothing decodes documents of every form as encoding/json does.
func TestUnknownChangesNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // documents, the same in each run
	for range 3_000 {
		doc := object(random, 2)
		var got, want known
		if err := json.Unmarshal([]byte(doc), &want); err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		if err := Unmarshal([]byte(doc), &got, Limits{AllowUnknown: true}); err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s:\n%+v\nwant\n%+v", doc, got, want)
		}
	}
}

// object is one that decodes into known, with members that it does not know.
func object(r *rand.Rand, deep int) string {
	space := func() string { return strings.Repeat(" ", max(r.IntN(6)-3, 0)) }
	var members []string
	for _, i := range r.Perm(8)[:r.IntN(8)] {
		value := fmt.Sprint(i)
		switch name := "abcmrxyz"[i]; {
		case name == 'a':
			value = `"1,}"`
		case deep == 0 && name < 'r':
			value = "null"
		case name == 'b':
			value = object(r, deep-1)
		case name == 'c':
			value = `[{"x":{"d":1},"d":2}` + space() + `,{` + space() + `"d":3,"x":[]}]`
		case name == 'm':
			value = `{"k":` + object(r, deep-1) + `}`
		case deep > 0 && name > 'x':
			value = object(r, deep-1)
		}
		members = append(members, space()+fmt.Sprintf("%q", "abcmrxyz"[i:i+1])+space()+":"+space()+value+space())
	}
	return "{" + space() + strings.Join(members, ",") + "}"
}
