package strictjson_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/internal/strictjson"
)

type inner struct {
	Digest map[string]string `json:"digest"`
	Size   int64             `json:"size,omitempty"`
}

type embedded struct {
	Type string `json:"_type"`
}

type doc struct {
	embedded
	Subject []inner         `json:"subject"`
	When    *time.Time      `json:"when"`
	Raw     json.RawMessage `json:"raw"`
	Any     any             `json:"any"`
	Plain   string
	Skip    string `json:"-"`
}

func TestUnmarshal(t *testing.T) {
	for data, want := range map[string]string{
		`{"_type":"x","subject":[{"digest":{"sha256":"AB","SHA256":"cd"}}],"when":"2026-01-01T00:00:00Z"}`: "",
		`{"any":{"A":1,"a":2},"raw":{"Digest":1}}`:                                                         "",
		`{"Plain":"x"}`:                 "",
		` {"any": "\ud83d\ude00" } `:    "",
		`{"plain":"x"}`:                 "in this case of letters",
		`{"Subject":[]}`:                "in this case of letters",
		`{"_TYPE":""}`:                  "in this case of letters",
		`{"ſubject":[]}`:                "in this case of letters", // U+017F folds to s
		`{"subject":[{"Digest":{}}]}`:   "`subject[0].Digest`",
		`{"x":1}`:                       "unknown field at `x`",
		`{"Skip":"x"}`:                  "unknown field",
		`{"embedded":{}}`:               "unknown field",
		`{"any":1,"any":1}`:             "twice",
		`{"any":1,"\u0061ny":1}`:        "twice",
		`{"any":{"b":[{"c":1,"c":2}]}}`: "twice",
		`{"raw":{"c":1,"c":2}}`:         "twice",
		`{} x`:                          "after the end",
		`{}{}`:                          "after the end",
		"{}\x00":                        "after the end",
		"":                              "a value was expected",
		`{"any":"` + "\xff" + `"}`:      "UTF-8",
		`{"any":"\ud83d"}`:              "surrogate",
		`{"any":"\ude00\ud83d"}`:        "surrogate",
		`{"any":"\ud83dx\ude00"}`:       "surrogate",
		`{"any":01}`:                    "not a number",
		`{"any":1.}`:                    "not a number",
		`{"any":NaN}`:                   "a value was expected",
		`{"any":"` + "\n" + `"}`:        "not a string",
		`{"any":"\x"}`:                  "not a string",
		`{"any":"x`:                     "does not end",
		`{"any":1,}`:                    "a key was expected",
		`{"any":[1,]}`:                  "a value was expected",
		`{"any" 1}`:                     "`:` was expected",
		`{"any":[1 2]}`:                 "was expected",
		`{any:1}`:                       "a key was expected",
		`{"subject":[{"size":1.5}]}`:    "cannot unmarshal",
		`{"subject":[{"size":1e30}]}`:   "cannot unmarshal",
		`{"any":` + strings.Repeat("9", 2000) + `}`:                             "not a number",
		`{"any":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`:     "deeper than 64",
		`{"any":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`: "deeper than 64",
		`{"any":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`:     "",
	} {
		err := strictjson.Unmarshal([]byte(data), &doc{}, strictjson.Limits{})
		switch {
		case want == "" && err != nil:
			t.Errorf("%.80s: %v", data, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%.80s: %v, want %q", data, err, want)
		}
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		data   string
		limits strictjson.Limits
		ok     bool
	}{
		{`[1,2]`, strictjson.Limits{MaxBytes: 5}, true},
		{`[1,2]`, strictjson.Limits{MaxBytes: 4}, false},
		{`[1,2]`, strictjson.Limits{MaxValues: 3}, true},
		{`[1,2]`, strictjson.Limits{MaxValues: 2}, false},
		{`{"a":1}`, strictjson.Limits{MaxValues: 3}, true},
		{`{"a":1}`, strictjson.Limits{MaxValues: 2}, false},
		{`[[1]]`, strictjson.Limits{MaxDepth: 2}, true},
		{`[[1]]`, strictjson.Limits{MaxDepth: 1}, false},
	} {
		if err := strictjson.Check([]byte(c.data), c.limits); (err == nil) != c.ok {
			t.Errorf("%s %+v: %v", c.data, c.limits, err)
		}
	}
	if err := strictjson.Unmarshal([]byte(`{"new":1,"Plain":"x"}`), &doc{}, strictjson.Limits{AllowUnknown: true}); err != nil {
		t.Error(err)
	}
	if err := strictjson.Unmarshal([]byte(`{"new":1,"PLAIN":"x"}`), &doc{}, strictjson.Limits{AllowUnknown: true}); err == nil {
		t.Error("a folded key passes as an unknown one")
	}
}

// TestNumbers: nothing is rounded on the way.
func TestNumbers(t *testing.T) {
	var d doc
	if err := strictjson.Unmarshal([]byte(`{"any":[9007199254740993,1.10,1e400]}`), &d, strictjson.Limits{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{json.Number("9007199254740993"), json.Number("1.10"), json.Number("1e400")}, d.Any); diff != "" {
		t.Error(diff)
	}
}

// FuzzCheck: what Check takes, encoding/json takes too, and reads without loss: the same value comes out of its own encoding.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e+3,"x\n\u00e9",true,null]}`, `"\ud83d\ude00"`, `{"a":1,"a":2}`, `[`, `{"é":{}}`, "\"\xff\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if strictjson.Check(data, strictjson.Limits{}) != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatalf("took %q, which is no JSON", data)
		}
		var v, again any
		if err := strictjson.Unmarshal(data, &v, strictjson.Limits{}); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := strictjson.Unmarshal(raw, &again, strictjson.Limits{}); err != nil {
			t.Fatalf("%q became %q: %v", data, raw, err)
		}
		if fmt.Sprintf("%#v", v) != fmt.Sprintf("%#v", again) && !reflect.DeepEqual(v, again) {
			t.Fatalf("%#v became %#v", v, again)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	data := []byte(`[` + strings.Repeat(`{"purl":"pkg:deb/debian/libc6@2.41","digest":{"sha256":"abc"}},`, 10_000) + `1]`)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if err := strictjson.Check(data, strictjson.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestMembers(t *testing.T) {
	members := func(text string, known ...string) (map[string]strictjson.Document, error) {
		d, err := strictjson.Read([]byte(text), strictjson.Limits{})
		if err != nil {
			return nil, err
		}
		return d.Members(known)
	}
	got, err := members(` { "a" : [1, {"b": "}"}] ,"c":"x\"y", "d": -1.5e3 ,"e":{}, "f":null } `, "a")
	want := map[string]string{"a": `[1, {"b": "}"}]`, "c": `"x\"y"`, "d": `-1.5e3`, "e": `{}`, "f": `null`}
	if err != nil || len(got) != len(want) {
		t.Fatalf("%v, %v", got, err)
	}
	for k, v := range want {
		if string(got[k].Bytes()) != v {
			t.Errorf("%s is %s, want %s", k, got[k].Bytes(), v)
		}
	}
	for _, bad := range []string{`{"A":1}`, `{"\u0041":1}`, `[]`, `1`, `{"a":1,"a":2}`, `{"a":1}x`, ``} {
		if _, err := members(bad, "a"); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
	if got, err := members(`{}`); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// TestStrings puts every byte at every place of strings of many lengths, since eight bytes are looked at at a time.
func TestStrings(t *testing.T) {
	for length := range 26 {
		for at := range length {
			for c := range 256 {
				text := []byte(strings.Repeat("a", length))
				text[at] = byte(c)
				data := fmt.Appendf(nil, `{"k":"%s","n":1}`, text)
				want := json.Valid(data) && c < 0x80
				if err := strictjson.Check(data, strictjson.Limits{}); (err == nil) != want {
					t.Fatalf("byte %#x at %d of %d: Check says %v, want %v", c, at, length, err, want)
				}
			}
		}
	}
}

// TestKeysOfOpenObjects: a key counts in its own object, whatever objects are open around it or were before.
func TestKeysOfOpenObjects(t *testing.T) {
	many := make([]string, 40)
	for i := range many {
		many[i] = fmt.Sprintf(`"k%d":{"a":{"b":1},"b":[{"a":1},{"a":1}]}`, i)
	}
	for data, ok := range map[string]bool{
		`{"a":{"a":{"a":1},"b":1},"b":{"a":1}}`:                 true,
		`{"a":{"b":1},"b":{"a":1},"a":1}`:                       false,
		`[{"a":{"x":{}}},{"a":1},{"a":1}]`:                      true,
		`{"a":{"b":{},"c":[{"b":1},{"b":1}],"b":1}}`:            false,
		`{` + strings.Join(many, ",") + `}`:                     true,
		`{` + strings.Join(many, ",") + `,"k3":1}`:              false,
		`{"x":{` + strings.Join(many, ",") + `},"y":1,"x":[]}`:  false,
		`{"x":{` + strings.Join(many, ",") + `},"k3":1,"y":[]}`: true,
	} {
		if err := strictjson.Check([]byte(data), strictjson.Limits{}); (err == nil) != ok {
			t.Errorf("%.60s: %v, want ok %v", data, err, ok)
		}
	}
}
