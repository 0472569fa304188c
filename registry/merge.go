package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

// On a registry without the referrers API the list of an image's evidence is an index under one tag. Registries have no
// conditional write, so a writer reads the index, adds its entry and puts the whole back, and loses whatever was put in
// between (go-containerregistry#2205; 16 writers at once were seen to keep 8 of 17 entries).
//
// Three things make entries stay. Writers in one process take turns. A writer remembers every entry it has ever seen in the
// list and puts back those that vanish while it is at work, so that any one writer repairs the loss of another. And no
// writer leaves before its entry stayed for a while that is several times longer than the slowest read-and-write it saw: as
// long as someone else's stale write can be under way.
const (
	calmAtLeast  = 750 * time.Millisecond
	calmFactor   = 5               // times the slowest read-and-write
	mergeTimeout = 3 * time.Minute // of one Attach
	// maxMergeFailures is how many reads and writes in a row may break off without an answer.
	maxMergeFailures = 3
)

// subjectState is what this process knows of one subject's list.
type subjectState struct {
	writing sync.Mutex // held from reading the list until it is written

	mu      sync.Mutex // guards the rest
	known   map[digest.Digest]entry
	order   []digest.Digest
	slowest time.Duration
}

// entry is one that was seen in the list, or is ours to put there.
type entry struct {
	desc artifact.Descriptor
	ours bool // this process pushed the manifest, so it is there
}

func (c *Client) subject(r *Repository, d digest.Digest) *subjectState {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := r.Name() + "@" + d.String()
	if c.subjects[key] == nil {
		c.subjects[key] = &subjectState{known: map[digest.Digest]entry{}}
	}
	return c.subjects[key]
}

func (s *subjectState) remember(descs []artifact.Descriptor, ours bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range descs {
		before, there := s.known[d.Digest]
		if !there {
			s.order = append(s.order, d.Digest)
		}
		s.known[d.Digest] = entry{d, ours || before.ours}
	}
}

func (s *subjectState) forget(d digest.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, d)
}

// lost gives the known entries that are not in listed, in the order in which they were first seen.
func (s *subjectState) lost(listed []artifact.Descriptor) []entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	there := make(map[digest.Digest]bool, len(listed))
	for _, l := range listed {
		there[l.Digest] = true
	}
	var lost []entry
	for _, d := range s.order {
		if e, known := s.known[d]; known && !there[d] {
			there[d] = true // one that was forgotten and came back is in the order twice
			lost = append(lost, e)
		}
	}
	return lost
}

// took notes how long a read-and-write took and gives the longest so far.
func (s *subjectState) took(d time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slowest = max(s.slowest, d)
	return s.slowest
}

// merge puts entries into the fallback list and stays until they stay.
func (r *Repository) merge(ctx context.Context, subject digest.Digest, entries []artifact.Descriptor) error {
	state := r.client.subject(r, subject)
	state.remember(entries, true) // whoever writes next writes them too
	end := time.Now().Add(mergeTimeout)
	calmSince := time.Now()
	pause := 25 * time.Millisecond
	failures := 0
	for time.Now().Before(end) {
		wrote, slowest, err := r.mergeOnce(ctx, state, subject)
		calm := max(calmAtLeast, calmFactor*slowest)
		if err == nil {
			failures = 0
		}
		switch {
		case err != nil:
			// A write that broke off may have happened or not: reading the list again tells.
			if failures++; failures == maxMergeFailures || ctx.Err() != nil || status(err) != 0 || len(diag.All(err)) != 0 {
				return err
			}
			calmSince = time.Now()
		case wrote:
			calmSince = time.Now()
		case time.Since(calmSince) >= calm:
			return nil
		default:
			pause = calm / 3
		}
		if err := sleep(ctx, jittered(r.client, pause)); err != nil {
			return err
		}
		pause = min(2*pause, max(time.Second, slowest)) // a registry that is slow is not asked more often
	}
	return notAttached(fmt.Sprintf("the index under the tag %s lost the entry again and again for %s", fallbackTag(subject), mergeTimeout))
}

// jittered spreads writers apart: between half of d and one and a half of it.
func jittered(c *Client, d time.Duration) time.Duration {
	return d/2 + time.Duration(c.jitter()*float64(d))
}

// mergeOnce reads the list, and writes it when one of ours, or one that was seen before and still exists, is not in it.
func (r *Repository) mergeOnce(ctx context.Context, s *subjectState, subject digest.Digest) (wrote bool, slowest time.Duration, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	start := time.Now()
	defer func() { slowest = s.took(time.Since(start)) }()
	listed, err := r.readFallback(ctx, subject)
	if err != nil {
		return false, 0, err
	}
	s.remember(listed, false)
	merged := listed
	for _, e := range s.lost(listed) {
		deleted, err := r.deleted(ctx, e)
		switch {
		case err != nil:
			return false, 0, err
		case deleted:
			s.forget(e.desc.Digest)
		default:
			merged = append(merged, e.desc)
		}
	}
	if len(merged) == len(listed) {
		return false, 0, nil
	}
	return true, 0, r.putFallback(ctx, subject, merged)
}

// deleted says whether an entry left the list because its manifest was deleted, rather than by a lost update.
func (r *Repository) deleted(ctx context.Context, e entry) (bool, error) {
	if e.ours {
		return false, nil
	}
	_, _, err := r.getManifest(ctx, e.desc.Digest.String())
	if errors.Is(err, errNotFound) {
		return true, nil
	}
	return false, err
}

func (r *Repository) putFallback(ctx context.Context, subject digest.Digest, entries []artifact.Descriptor) error {
	raw, err := json.Marshal(v1.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: v1.MediaTypeImageIndex,
		Manifests: entries,
	})
	if err != nil {
		return err
	}
	if len(raw) > artifact.MaxManifest {
		return &artifact.IncompleteError{Subject: subject, Bound: fmt.Sprintf("%d bytes of entries under the fallback tag", artifact.MaxManifest)}
	}
	_, err = r.putManifest(ctx, fallbackTag(subject), v1.MediaTypeImageIndex, raw)
	switch status(err) {
	case http.StatusBadRequest, http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity:
		return refusedTag(err)
	}
	return err
}

func refusedTag(err error) error {
	return notAttached("the registry has no referrers API and refuses to change the tag that stands in for it: " + err.Error())
}
