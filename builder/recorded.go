package builder

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// collect turns what was recorded into lines of the lock.
func (r *recorder) collect(platform string, d *graph.Draft, s *inputs.Server, res *solver.Result) error {
	steps := map[string][]string{}
	for _, run := range res.Steps {
		for _, q := range run.Requests {
			if u, ok := s.OriginalURL(q.URL); ok && !slices.Contains(steps[u], run.Step.Name) {
				steps[u] = append(steps[u], run.Step.Name)
			}
		}
	}
	for _, u := range d.URLs {
		steps[u.URL] = append(steps[u.URL], u.Step)
	}
	if err := noSpace(s); err != nil {
		return err
	}
	entries, orphans := s.Entries(platform, steps)
	for _, o := range orphans {
		return diag.Errorf("A0335", "nobody knows which step fetched `%s`", o.URL).
			WithWhy("a line of the lock must say which step it belongs to").WithHelp("run `selfsame lock` again")
	}
	s.AsBefore(entries, r.before.Entries)
	r.after.Entries = append(r.after.Entries, entries...)
	for _, q := range append(s.Refused(), s.Failed()...) {
		w := *q.Diagnostic(first(steps[q.URL]))
		w.Severity = diag.SeverityWarning
		r.refused = append(r.refused, &w)
	}
	for _, q := range s.Withheld() {
		w := *q.Diagnostic(strings.Join(running(res, q.Times), " or "))
		w.Severity = diag.SeverityWarning
		r.refused = append(r.refused, &w)
	}
	r.noteSecrets(s.Requests(), steps)
	return nil
}

// running names the networked steps that ran at one of these times.
func running(res *solver.Result, times []time.Time) []string {
	var out []string
	for _, s := range res.Steps {
		during := func(at time.Time) bool { return !at.Before(s.Started) && !at.After(s.Completed) }
		if s.Step.Networked && !s.Cached && !s.Started.IsZero() && slices.ContainsFunc(times, during) && !slices.Contains(out, s.Step.Name) {
			out = append(out, s.Step.Name)
		}
	}
	return out
}

// noteSecrets tells what only the user can judge: which answers may be private.
func (r *recorder) noteSecrets(requests []inputs.Request, steps map[string][]string) {
	said, private := map[string]bool{}, map[string]bool{}
	for _, q := range requests {
		switch {
		case q.Outcome != inputs.OutcomeServed:
		case slices.Contains(q.Notes, inputs.NoteSecret) && !said[q.URL]:
			said[q.URL] = true
			r.refused = append(r.refused, q.Diagnostic(first(steps[q.URL])))
		case slices.Contains(q.Notes, inputs.NoteCredentials):
			private[q.URL] = true
		}
	}
	if len(private) > 0 {
		r.h.notice("%d URLs were asked for with credentials: what they answered is in the store, and would be in a seal", len(private))
	}
}

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

// noSpace is the diagnostic of a store that was full while a step fetched something. Whatever the step made of that, it is not what it
// would have made of upstream's answer.
func noSpace(s *inputs.Server) error {
	for _, q := range s.Failed() {
		if q.Code == diag.NoSpace {
			return q.Diagnostic("")
		}
	}
	return nil
}

// stepError says why a recording's step failed, with what was refused to it.
func (r *recorder) stepError(err error, t *twin) error {
	if err := noSpace(t.server); err != nil {
		return err
	}
	list := diag.List{}
	for _, q := range append(t.server.Refused(), t.server.Failed()...) {
		list = append(list, q.Diagnostic(t.stepOf(q.URL)))
	}
	for _, q := range t.server.Withheld() {
		list = append(list, q.Diagnostic(""))
	}
	list = list[:min(len(list), 10)]
	err = explainStep(err, t)
	var f *StepFailure
	if errors.As(err, &f) {
		f.Also = list
	}
	return err
}
