package engine

import (
	"bytes"
	"fmt"
	"time"

	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/policy"
)

// saveAfter is when evidence is written, after it was gathered.
const saveAfter = 5 * time.Millisecond

// keep has new evidence take the place of what is kept of the image. What is there already goes first, before anybody is answered by the new
// evidence, so that whenever the process is killed, and whatever becomes of the writing, no older file stands in for it: the newer evidence may
// hold an objection. Then the new one is written, beside the question.
//
// What this cannot do: who can write to the folder as the guard's own user, or puts a snapshot of it back, can put an older file there. It
// counts at most as long as its own time of gathering, name, digest, trust and deny list say (entry.usable), no longer than keep.fresh while
// the registry answers.
func (e *Engine) keep(k key, got *entry, packed []byte) {
	if e.disk == nil {
		return
	}
	turn := e.disk.turn(k)
	if packed == nil || !bytes.Equal(e.memory.packed(k), packed) {
		if err := turn.supersede(got.gathered); err != nil {
			e.c.Notice(fmt.Sprintf("older evidence about %s@%s cannot be removed: %v", k.name, k.digest, err))
		}
	}
	if packed == nil || e.life.Err() != nil {
		turn.leave()
		return
	}
	if !e.saves.TryAcquire(1) {
		e.c.Metrics.Add(metrics.CacheDropped, 1, "full")
		turn.leave()
		return
	}
	e.work.Go(func() {
		defer e.saves.Release(1)
		defer turn.leave()
		select { // what is written stands in nobody's way who waits for the answer
		case <-time.After(saveAfter):
		case <-e.life.Done():
		}
		err := turn.save(got, packed)
		if said := e.unkept.Swap(err != nil); err != nil && !said { // once, not for each image while a disk is full
			e.c.Notice("evidence is not kept: " + err.Error())
		}
	})
}

// compare says what is gone of what was attached before. The newer evidence counts all the same, and nothing of the older is added to it:
// somebody may have taken a statement back, and this engine cannot tell that from somebody else hiding it. A release index can (exit 16), and
// is what keeps an objection from being deleted; docs/how-to/notice-a-deleted-statement.md.
func (e *Engine) compare(k key, before, got gathered) {
	old, had := before.entry, before.kept
	if e.memory.get(k) != nil { // it may be newer
		old, had = e.recall(k, e.clock.now())
	}
	if old == nil || old.epoch != got.entry.epoch { // another trust counts other statements
		return
	}
	gone := vanished(had.evidence, got.kept.evidence)
	if len(gone) == 0 {
		return
	}
	e.c.Metrics.Add(metrics.Vanished, float64(len(gone)))
	e.c.Notice(fmt.Sprintf("%d statement(s) about %s@%s that were there at %s are gone, first %s by %s", len(gone), k.name, k.digest,
		old.gathered.UTC().Format(time.RFC3339), clip(gone[0].Type), clip(gone[0].Signer)))
}

// vanished are the statements of old that is does not have.
func vanished(old, is *policy.Evidence) (gone []policy.Signature) {
	there := make(map[string]bool, len(is.Signatures))
	for _, s := range is.Signatures {
		there[s.Statement] = true
	}
	for _, s := range old.Signatures {
		if !there[s.Statement] {
			gone = append(gone, s)
		}
	}
	return gone
}
