package page

import "github.com/selfsame-build/selfsame/report"

func newValue(v report.Values, one bool) valueView {
	out := valueView{Name: text(v.Name), NoneA: v.A == nil, NoneB: v.B == nil, One: one}
	a, b := deref(v.A), deref(v.B)
	out.EmptyA, out.EmptyB = v.A != nil && a == "", v.B != nil && b == ""
	if one || out.NoneA || out.NoneB {
		out.A, out.B = plain(a), plain(b)
		return out
	}
	out.A, out.B = marked([]rune(a), []rune(b))
	return out
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return text(*s)
}

func plain(s string) []seg {
	if s == "" {
		return nil
	}
	return []seg{{Text: s}}
}

// marked marks what differs: rune by rune where both have one length, else all between a common beginning and a common end.
func marked(a, b []rune) (x, y []seg) {
	if len(a) == len(b) {
		n := 0
		for i := range a {
			d := a[i] != b[i]
			if x, y = add(x, string(a[i]), d, false), add(y, string(b[i]), d, false); d {
				n++
			}
		}
		if len(a) > 16 && n > len(a)*3/4 { // digests differ everywhere, which needs no marks
			return plain(string(a)), plain(string(b))
		}
		return x, y
	}
	from, shorter := 0, min(len(a), len(b))
	for from < shorter && a[from] == b[from] {
		from++
	}
	end := 0
	for end < shorter-from && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	return around(a, from, end), around(b, from, end)
}

func around(r []rune, from, end int) []seg {
	var out []seg
	for _, s := range []seg{{Text: string(r[:from])}, {Text: string(r[from : len(r)-end]), D: true}, {Text: string(r[len(r)-end:])}} {
		if s.Text != "" {
			out = append(out, s)
		}
	}
	return out
}
