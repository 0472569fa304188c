package admission

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"
)

// answer judges one request. It always returns a response: what goes wrong on the way is a denial.
func (g *Gate) answer(ctx context.Context, phase Phase, r *request) (out *response) {
	start := g.opts.Now()
	done := Reviewed{Phase: phase, Operation: r.Operation, Mode: Enforce}
	defer func() {
		if p := recover(); p != nil {
			done.Outcome = "denied"
			done.Refusals = []Refusal{{Image: "*", Reason: fmt.Sprintf("internal error: %v: %s", p, debug.Stack())}}
			out = deny(r, http.StatusInternalServerError, "InternalError", "internal error of the guard; its log says more")
		}
		done.Duration = g.opts.Now().Sub(start)
		g.opts.Reviewed(done)
	}()
	s, err := g.read(r)
	done.Who, done.Mode, done.Kept = s.who, s.mode, s.kept
	switch {
	case err != nil && s.mode == Audit:
		done.Outcome, done.Refusals = "warned", []Refusal{{Image: "*", Reason: err.Error()}}
		return allow(r, s.mode, "not judged: "+err.Error(), "selfsame (audit): would be refused: "+err.Error())
	case err != nil:
		done.Outcome, done.Refusals = "denied", []Refusal{{Image: "*", Reason: err.Error()}}
		return deny(r, http.StatusBadRequest, "BadRequest", err.Error())
	case s.skip != "":
		done.Outcome = "skipped"
		return allow(r, s.mode, "not judged: "+s.skip)
	case phase == Mutate:
		return g.pin(ctx, r, s, &done)
	}
	return g.rule(ctx, r, s, &done)
}

// pin answers the mutating phase.
func (g *Gate) pin(ctx context.Context, r *request, s subject, done *Reviewed) *response {
	changes, warnings := g.mutate(ctx, s)
	patch, err := encode(changes)
	if err != nil { // strings always encode
		return deny(r, http.StatusInternalServerError, "InternalError", err.Error())
	}
	done.Outcome, done.Pinned = "allowed", len(changes)
	out := allow(r, s.mode, fmt.Sprintf("pinned %d", len(changes)), warnings...)
	if patch != nil {
		out.Patch, out.PatchType = patch, "JSONPatch"
	}
	return out
}

// rule answers the validating phase.
func (g *Gate) rule(ctx context.Context, r *request, s subject, done *Reviewed) *response {
	all, err := images(s.places)
	if err != nil {
		done.Refusals = []Refusal{{Image: "*", Reason: err.Error(), Places: []string{"all"}, Lines: [3]string{err.Error(), "by the webhook, before any rule", "fix: split the object"}}}
	} else {
		if s.mode == Audit { // nothing hangs on the answer, and a warning about the missing digest alone would say little
			g.resolve(ctx, all)
		}
		done.Images, done.Refusals = len(all), g.judge(ctx, s, all)
	}
	switch {
	case len(done.Refusals) == 0:
		done.Outcome = "allowed"
		return allow(r, s.mode, fmt.Sprintf("allowed: images %d, unchanged %d", len(all), s.kept))
	case s.mode == Audit:
		done.Outcome = "warned"
		var warnings []string
		for _, f := range done.Refusals {
			warnings = append(warnings, f.warning())
		}
		return allow(r, s.mode, "would be denied: "+done.Refusals[0].Reason, warnings...)
	}
	done.Outcome = "denied"
	out := deny(r, http.StatusForbidden, "Forbidden", message(done.Refusals))
	annotate(out, s.mode, "denied: "+done.Refusals[0].Reason)
	return out
}

// maxWarnings: the API server drops warnings beyond 4,096 bytes in all.
const maxWarnings = 15

func allow(r *request, m Mode, verdict string, warnings ...string) *response {
	out := &response{UID: r.UID, Allowed: true}
	for n, w := range warnings {
		if n == maxWarnings {
			out.Warnings = append(out.Warnings, fmt.Sprintf("selfsame: and %d more", len(warnings)-n))
			break
		}
		out.Warnings = append(out.Warnings, clip(firstLine(w), maxWarning))
	}
	annotate(out, m, verdict)
	return out
}

// annotate says in the API server's audit log what was decided. Its keys get the webhook's name as a prefix there.
func annotate(out *response, m Mode, verdict string) {
	out.AuditAnnotations = map[string]string{"mode": string(m), "verdict": clip(verdict, maxLine)}
}

func deny(r *request, code int32, reason, text string) *response {
	return &response{UID: r.UID, Status: &status{Code: code, Reason: reason, Message: clip(text, maxMessage)}}
}

// maxMessage bounds a denial, in bytes.
const maxMessage = 8 << 10

// waiting is how long the API server waits for the answer: it says so in the query, as in `timeout=10s`.
func waiting(r *http.Request) time.Duration {
	text := r.URL.Query().Get("timeout")
	if d, err := time.ParseDuration(text); err == nil {
		return d
	}
	if n, err := strconv.Atoi(text); err == nil && n < 3600 {
		return time.Duration(n) * time.Second
	}
	return 0
}
