package engine

import (
	"time"

	"github.com/selfsame-build/selfsame/policy"
)

// carry keeps an image's verdict under a new policy that says the same of the image as the one by which it was reached: most changes of a
// policy are about a few names. It says whether it could; a verdict that has ended, or of another policy than old, has to be reached anew,
// and so has one in which verdicts that were handed on have a say: they are about one policy.
func (e *Engine) carry(k key, was *entry, old, next *policy.Policy, now time.Time) bool {
	if !was.stands(old.Edition().SHA256, e.c.Gatherer.Epoch(), e.lives, now) || !next.SameFor(old, was.verdict.Image.Name) {
		return false
	}
	if e.c.AcceptVerdicts && (was.verdict.HandedOn != nil || !was.verdict.Allow) {
		return false
	}
	is := *was
	is.verdict.By = next.Edition()
	return e.memory.swap(k, was, &is)
}

// swap puts an entry in the place of another one, if that is still there: what was gathered meanwhile counts.
func (m *memory) swap(k key, was, is *entry) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tiers {
		if now, _ := t.images.Peek(k); now == was {
			t.images.Add(k, is)
			return true
		}
	}
	return false
}
