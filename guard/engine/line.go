package engine

import (
	"encoding/json"
	"strconv"
	"time"
)

// encode is json.Marshal of d, which took as long as deciding from memory. What is not plain is left to that.
func (d *Decision) encode() ([]byte, error) {
	if line, ok := d.appendPlain(make([]byte, 0, 1<<10)); ok {
		return line, nil
	}
	return json.Marshal(d)
}

// appendPlain writes a decision of plain texts that rests on no other statement.
func (d *Decision) appendPlain(b []byte) (_ []byte, ok bool) {
	if d.BreakGlass != nil || d.HandedOn != nil {
		return nil, false
	}
	l := text{b: b, ok: true}
	l.raw(`{"schemaVersion":`).number(int64(d.SchemaVersion)).raw(`,"time":`).time(d.Time).raw(`,"who":{"gate":`).string(string(d.Who.Gate))
	l.member("namespace", d.Who.Namespace).member("workload", d.Who.Workload).member("container", d.Who.Container).member("user", d.Who.User).member("reference", d.Who.Reference)
	l.raw(`},"image":`).string(d.Image).raw(`,"allow":`).bool(d.Allow).raw(`,"class":`).string(string(d.Class)).list("rules", d.Rules).list("reasons", d.Reasons)
	l.raw(`,"policy":{"name":`).string(d.Policy.Name).raw(`,"version":`).number(int64(d.Policy.Version)).raw(`,"sha256":`).string(d.Policy.SHA256)
	l.raw(`},"epoch":{"trust":`).string(d.Epoch.Trust).raw(`,"deny":`).number(d.Epoch.Deny).raw(`},"cached":`).bool(d.Cached)
	if !d.Gathered.IsZero() {
		l.raw(`,"gathered":`).time(d.Gathered)
	}
	l.raw(`,"micros":`).number(d.Micros).raw(`}`)
	return l.b, l.ok
}

// text is JSON as encoding/json writes it; ok until there is something that it writes in another way.
type text struct {
	b  []byte
	ok bool
}

func (t *text) raw(s string) *text   { t.b = append(t.b, s...); return t }
func (t *text) number(n int64) *text { t.b = strconv.AppendInt(t.b, n, 10); return t }
func (t *text) bool(v bool) *text    { t.b = strconv.AppendBool(t.b, v); return t }
func (t *text) time(at time.Time) *text {
	t.ok = t.ok && at.Location() == time.UTC && at.Year() >= 0 && at.Year() <= 9999
	t.b = append(at.AppendFormat(append(t.b, '"'), time.RFC3339Nano), '"')
	return t
}

// string writes printable ASCII; encoding/json escapes <, > and & too.
func (t *text) string(s string) *text {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			t.ok = false
			break
		}
	}
	t.b = append(append(append(t.b, '"'), s...), '"')
	return t
}

// member is one of an object that has some before it, left out where it is empty.
func (t *text) member(name, s string) *text {
	if s == "" {
		return t
	}
	return t.raw(`,"`).raw(name).raw(`":`).string(s)
}

func (t *text) list(name string, all []string) *text {
	if len(all) == 0 {
		return t
	}
	t.raw(`,"`).raw(name).raw(`":`)
	for i, s := range all {
		t.raw(`[,`[min(i, 1):][:1]).string(s)
	}
	return t.raw(`]`)
}
