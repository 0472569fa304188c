package drill

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// JSON writes the result as a document of SchemaVersion.
func (r *Result) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// Text writes the result for people: the list that verifiers ask, one line for each step, the verdict last.
func (r *Result) Text(w io.Writer) error {
	var b strings.Builder
	stateless := ""
	if r.List.Stateless {
		stateless = "; earlier ones are not remembered"
	}
	fmt.Fprintf(&b, "list %s: sequence %d, %s, issued %s ago, ends %s%s\n",
		r.List.Name, r.List.Sequence, diag.Counted(r.List.Entries, "entry", "entries"), r.List.Age(), r.List.Expires.UTC().Format(time.RFC3339), stateless)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	ok, none := 0, 0
	for _, s := range r.Steps {
		word := map[Status]string{OK: "ok", Fail: "FAIL", None: "none"}[s.Status]
		switch s.Status {
		case OK:
			ok++
		case None:
			none++
		}
		detail := s.Detail
		if len(s.Entries) > 0 {
			detail = strings.Join(s.Entries, ", ") + " - " + detail
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", word, s.Name, detail)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	verdict := "passed"
	if !r.Passed {
		verdict = "FAILED"
	}
	fmt.Fprintf(&b, "drill %s: %d of %d steps as they should be, %d with nothing to try; nothing was published or changed\n", verdict, ok, len(r.Steps)-none, none)
	_, err := io.WriteString(w, b.String())
	return err
}
