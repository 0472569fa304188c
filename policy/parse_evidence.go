package policy

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// maxEvidence is the greatest size of evidence in JSON, in bytes: an SBOM of 50,000 packages fits.
const maxEvidence = 64 << 20

// ParseEvidence reads evidence from JSON as `json.Marshal` of an Evidence writes it. Unknown and repeated keys, and all else that two readers
// could read differently, are errors (*strictjson.Error).
func ParseEvidence(data []byte) (Evidence, error) {
	var e Evidence
	if err := strictjson.Unmarshal(data, &e, strictjson.Limits{MaxBytes: maxEvidence, MaxValues: 5_000_000}); err != nil {
		return Evidence{}, err
	}
	for i := range e.Provenance {
		for k, v := range e.Provenance[i].Parameters {
			e.Provenance[i].Parameters[k] = Numbers(v)
		}
	}
	for i := range e.Statements {
		e.Statements[i].Predicate = Numbers(e.Statements[i].Predicate)
	}
	return e, nil
}

// Numbers is v, decoded JSON, with each json.Number as rules see numbers: a float64 where it is the very same number, else its digits as
// text. (2^53 and 2^53+1 are one float64; a rule that compares them must not see them equal.) It changes v in place.
func Numbers(v any) any {
	switch x := v.(type) {
	case json.Number:
		return number(x)
	case map[string]any:
		for k, e := range x {
			x[k] = Numbers(e)
		}
	case []any:
		for i, e := range x {
			x[i] = Numbers(e)
		}
	}
	return v
}

// number is exact for what a float64 prints as again, however it was written: 1e3, 0.50.
func number(n json.Number) any {
	f, err := strconv.ParseFloat(n.String(), 64)
	if err != nil || decimal(n.String()) != decimal(strconv.FormatFloat(f, 'e', -1, 64)) {
		return n.String()
	}
	return f
}

// decimal is a number as its digits without zeros at the ends, and its exponent: "12e-1" for 1.20.
func decimal(s string) string {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	e, _ := strconv.Atoi(strings.TrimPrefix(exponent, "+"))
	sign := ""
	if mantissa, sign = strings.TrimPrefix(mantissa, "-"), ""; strings.HasPrefix(s, "-") {
		sign = "-"
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	e -= len(fraction)
	if short := strings.TrimRight(digits, "0"); short != digits {
		e += len(digits) - len(short)
		digits = short
	}
	if digits == "" {
		return "0"
	}
	return sign + digits + "e" + strconv.Itoa(e)
}
