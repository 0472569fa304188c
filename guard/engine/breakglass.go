package engine

import (
	"errors"
	"fmt"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
)

// Denier is what a Gatherer may know without I/O. One that does not is taken to know nothing: then break-glass is of no use where
// evidence could not be gathered.
type Denier interface {
	// Denied says what the deny list in force says of a digest by itself. An error: there should be a list, and none counts now.
	Denied(d digest.Digest) (policy.Block, bool, error)
}

// Lister is an Asker that can be asked what the deny list says of a digest alone.
type Lister interface {
	// Denied is the denial of a digest that the list names, or of which it cannot be asked; denied is false where neither is so. The question's name
	// counts for nothing.
	Denied(q Question) (denial Answer, denied bool)
}

var _ Lister = (*Engine)(nil)

// Denied implements Lister.
func (e *Engine) Denied(q Question) (Answer, bool) {
	denier, ok := e.c.Gatherer.(Denier)
	if !ok {
		return Answer{}, false // it has no list
	}
	block, denied, err := denier.Denied(q.Digest)
	if err != nil {
		return Unanswered(q, fmt.Errorf("the deny list cannot be asked: %w", err)), true
	}
	a := Unanswered(q, errors.New(block.Reason))
	a.Class, a.ExitCode = ClassDenied, diag.ExitPolicy
	return a, denied
}

// breakGlass lets through what a signed statement names, against the policy: where a rule said no, evidence is missing or nothing could be
// decided. It never goes past the deny list, and never without a word.
func (e *Engine) breakGlass(q Question, a Answer, now time.Time) Answer {
	switch a.Class {
	case ClassDenied, ClassUsage:
		return a
	case ClassOK, ClassHandedOn, ClassBreakGlass:
		return a
	}
	// The pull gate does not know for which namespace it pulls. What it lets through is asked about again at the start, which does.
	g, ok := e.c.BreakGlass.Find(e.c.NameOf(q.Name), q.Digest, q.Who.Namespace, q.Who.Gate == GatePull, now)
	if !ok {
		return a
	}
	if why := e.notDenied(q); why != nil {
		a.Reasons = append([]string{line("break-glass statement " + g.ID + " is of no use: " + why.Error())}, a.Reasons...)
		return a
	}
	e.c.Metrics.Add(metrics.BreakGlassUse, 1, q.Who.Gate.point())
	a.Allow, a.Class, a.BreakGlass, a.ExitCode = true, ClassBreakGlass, &g, 0
	a.NotAfter = g.Expires // the denial's own end says nothing of how long it may be gone against
	return a
}

// mayBreakGlass says whether a statement in force names the image there.
func (e *Engine) mayBreakGlass(q Question, now time.Time) bool {
	_, ok := e.c.BreakGlass.Find(e.c.NameOf(q.Name), q.Digest, q.Who.Namespace, q.Who.Gate == GatePull, now)
	return ok
}

// notDenied says why the deny list keeps an image from running. Evidence is not enough to ask: there may be none. Then the list is asked for the
// digest by itself, and what was found denied when evidence could last be read stays so: a list also names platforms, bases, builders and
// signers, of which nobody knows anything while a registry is down. What was never read, and whose digest is not named, passes.
func (e *Engine) notDenied(q Question) error {
	k := key{q.Name, q.Digest}
	if old, _ := e.disk.load(k, e.clock.now()); e.wasDenied(k, old) {
		return fmt.Errorf("the deny list named it, or what it is made of, when its evidence was last read")
	}
	denier, ok := e.c.Gatherer.(Denier)
	if !ok {
		return fmt.Errorf("the deny list cannot be asked")
	}
	switch block, denied, err := denier.Denied(q.Digest); {
	case err != nil:
		return fmt.Errorf("the deny list cannot be asked: %w", err)
	case denied:
		return fmt.Errorf("%s", block.Reason)
	}
	return nil
}
