package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

// everything has a field of each kind that decode knows.
type everything struct {
	base
	Text     string            `json:"text"`
	Named    name              `json:"named"`
	Yes      bool              `json:"yes"`
	Small    int8              `json:"small"`
	Int      int64             `json:"int"`
	Uint     uint16            `json:"uint"`
	Half     float32           `json:"half"`
	Float    float64           `json:"float"`
	Any      any               `json:"any"`
	Anys     map[string]any    `json:"anys"`
	Texts    []string          `json:"texts"`
	Names    names2            `json:"names"`
	Digest   digestSet         `json:"digest"`
	NamedAny anyMap            `json:"namedany"`
	Nested   map[string]*inner `json:"nested"`
	Lists    [][]inner         `json:"lists"`
	Ptr      **inner           `json:"ptr"`
	Raw      json.RawMessage   `json:"raw"`
	RawPtr   *json.RawMessage  `json:"rawptr"`
	Own      upper             `json:"own"`
	OwnPtr   *upper            `json:"ownptr"`
	Owns     map[string]upper  `json:"owns"`
	Bytes    []byte            `json:"bytes"`
	When     *time.Time        `json:"when"`
	Addr     netip.Addr        `json:"addr"` // UnmarshalText
	Self     *everything       `json:"self"`
	NoTag    int
	Skipped  string `json:"-"`
	//lint:ignore SA5008 encoding/json has a rule for it
	Dash string `json:"-,"` //nolint:staticcheck // see above
	//lint:ignore U1000 that nothing fills it is tested
	hidden int //nolint:unused // see above
}

type (
	base      struct{ Type, Of string }
	inner     struct{ A, B int }
	name      string
	names2    []string
	digestSet map[string]string
	anyMap    map[string]any
	upper     []byte
)

// UnmarshalJSON takes strings and null.
func (u *upper) UnmarshalJSON(data []byte) error {
	if data[0] != '"' && data[0] != 'n' {
		return errors.New("no string")
	}
	*u = bytes.ToUpper(data)
	return nil
}

// both decodes data by either way. Where decode is sure, encoding/json is to agree, to the letter.
func both(t *testing.T, typ reflect.Type, data []byte, l Limits) (sure bool) {
	t.Helper()
	if Check(data, l) != nil {
		return false
	}
	fast, slow := reflect.New(typ), reflect.New(typ)
	if !decode(data, fast.Interface(), l.AllowUnknown) {
		if !fast.Elem().IsZero() {
			t.Errorf("%s of %.200s: given up, and left %+v", typ, data, fast.Elem())
		}
		return false
	}
	if err := unmarshal(data, slow.Interface(), l.AllowUnknown); err != nil {
		t.Errorf("%s of %.200s: decode took what encoding/json refuses: %v", typ, data, err)
	} else if !reflect.DeepEqual(fast.Interface(), slow.Interface()) {
		t.Errorf("%s of %.200s: decode has\n%+v\nencoding/json\n%+v", typ, data, fast.Elem(), slow.Elem())
	}
	return true
}

var sample = `{"Type":"t","Of":"o","text":"x\u00e9\ud83d\ude00","named":"n","namedany":{"a":1,"b":null},"yes":true,"small":-128,"int":9007199254740993,"uint":65535,"half":1.5,` +
	`"float":-1e-3,"any":[1,1.0,{"a":null,"b":{}},[],"x",true,false],"anys":{"k":1e400,"l":[{}]},"texts":["a","",null],"names":["b"],"digest":{"sha256":"ab","":null},` +
	`"nested":{"x":{"A":1},"y":null},"lists":[[{"A":1},{"B":2},{},{},{},{"A":3}],[],null],"ptr":{"B":7},"raw": {"q" : [ ] } ,"rawptr":"r","own":"up","ownptr":"p",` +
	`"owns":{"a":null},"bytes":"AQID","when":"2026-01-02T03:04:05.6+07:00","addr":"10.0.0.1","self":{"self":{"NoTag":-0}},"NoTag":3,"-":"d"}`

func TestDecode(t *testing.T) {
	typ := reflect.TypeFor[everything]()
	var spaced bytes.Buffer
	if err := json.Indent(&spaced, []byte(sample+"\n"), " ", "\r\t"); err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{
		sample, spaced.String(), `{}`, `null`, `{"self":null,"ptr":null,"any":null,"own":null,"raw":null,"rawptr":null,"when":null,"addr":null,"bytes":null,"yes":null,"int":null,"lists":null,"digest":null,"nested":null,"texts":null}`,
		`{"texts":[],"names":[],"lists":[],"digest":{},"nested":{},"anys":{},"bytes":""}`, `{"bytes":"A\u0051ID"}`, `{"bytes":"AQ\nID"}`, `{"bytes":[1,2]}`, `{"t\u0065xt":"x"}`, `{"anys":{"\u0061":1}}`,
	} {
		if !both(t, typ, []byte(data), Limits{}) {
			t.Errorf("not sure of %s", data)
		}
	}
	for _, data := range []string{ // wrong in one place: encoding/json words it, or knows it better
		`{"text":1}`, `{"yes":"true"}`, `{"small":128}`, `{"small":1.0}`, `{"small":1e1}`, `{"uint":-1}`, `{"half":1e39}`, `{"float":"1"}`, `{"texts":{}}`, `{"texts":[1]}`,
		`{"digest":[]}`, `{"digest":{"a":1}}`, `{"nested":[]}`, `{"lists":[{}]}`, `{"own":1}`, `{"bytes":"*"}`, `{"bytes":"AQI"}`, `{"bytes":[256]}`, `{"when":"now"}`, `{"addr":"x"}`, `{"self":[]}`, `{"Text":"x"}`, `{"x":1}`, `{"hidden":1}`, `[]`, `1`,
	} {
		if err := Unmarshal([]byte(data), &everything{}, Limits{}); err == nil {
			t.Errorf("%s was taken", data)
		}
		if both(t, typ, []byte(data), Limits{}) {
			t.Errorf("sure of %s", data)
		}
	}
	if both(t, typ, []byte(`{"TEXT":"x"}`), Limits{AllowUnknown: true}) || !both(t, typ, []byte(`{"u":[{"text":"}"}],"text":"x"}`), Limits{AllowUnknown: true}) {
		t.Error("unknown names")
	}
}

// TestDecodeKeeps: what is there already is not decode's business.
func TestDecodeKeeps(t *testing.T) {
	v := inner{B: 2}
	if err := Unmarshal([]byte(`{"A":1}`), &v, Limits{}); err != nil || v != (inner{1, 2}) {
		t.Errorf("%+v, %v", v, err)
	}
	if decode([]byte(`{"A":1}`), &v, false) || decode([]byte(`1`), 1, false) || decode([]byte(`{}`), (*inner)(nil), false) {
		t.Error("sure of what it cannot fill")
	}
}

// TestDecodeUnsure: types for which encoding/json has rules of its own are left to it.
func TestDecodeUnsure(t *testing.T) {
	type twice struct {
		base
		Other string `json:"Type"`
	}
	type hides struct {
		base
		Type string `json:"other"`
	}
	type pointer struct{ *base }
	for _, typ := range []reflect.Type{
		reflect.TypeFor[twice](), reflect.TypeFor[hides](), reflect.TypeFor[pointer](), reflect.TypeFor[[2]int](), reflect.TypeFor[json.Number](), reflect.TypeFor[fmt.Stringer](),
		reflect.TypeFor[map[int]string](), reflect.TypeFor[map[name]string](), reflect.TypeFor[struct{ time.Time }](), reflect.TypeFor[chan int](),
		reflect.TypeFor[struct {
			N int `json:",string"`
		}](),
		reflect.TypeFor[struct {
			N int `json:"a b"`
		}](),
		reflect.TypeFor[[]map[string]struct{ N []json.Number }](),
	} {
		if planOf(typ) != nil {
			t.Errorf("sure of %s", typ)
		}
	}
}

// TestPlanNames: decode looks up the names that the walk does.
func TestPlanNames(t *testing.T) {
	p, s := planOf(reflect.TypeFor[everything]()), shapeOf(reflect.TypeFor[everything]())
	for name := range s.fields {
		if _, same := p.fields[name]; !same {
			t.Errorf("%s is missing", name)
		}
	}
	if len(p.fields) != len(s.fields) {
		t.Errorf("%d names, want %d", len(p.fields), len(s.fields))
	}
}

// TestStringsShare: strings of one document share memory, and none is written over.
func TestStringsShare(t *testing.T) {
	var want []string
	for i := range 3000 {
		want = append(want, strings.Repeat(fmt.Sprint(i), i%60))
	}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if !both(t, reflect.TypeFor[[]string](), data, Limits{}) || !both(t, reflect.TypeFor[any](), data, Limits{}) {
		t.Error("not sure")
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{sample, `{"text":"\u0041","any":{"a":[1e1]}}`, `{"lists":[[{"A":1}]]}`, `{"self":{"own":"x"}}`, `[{"A":1}]`, `"x"`, `{"a":["b"]}`} {
		f.Add([]byte(s))
	}
	types := []reflect.Type{
		reflect.TypeFor[everything](), reflect.TypeFor[any](), reflect.TypeFor[[]inner](), reflect.TypeFor[string](), reflect.TypeFor[map[string][]string](),
		reflect.TypeFor[map[string]map[string]digestSet](),
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, typ := range types {
			both(t, typ, data, Limits{})
			both(t, typ, data, Limits{AllowUnknown: true})
		}
	})
}
