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
)

// subjectState is what this process knows of one subject's list.
type subjectState struct {
	mu      sync.Mutex // held from reading the list until it is written
	known   map[digest.Digest]artifact.Descriptor
	order   []digest.Digest
	slowest time.Duration
}

func (c *Client) subject(r *Repository, d digest.Digest) *subjectState {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := r.Name() + "@" + d.String()
	if c.subjects[key] == nil {
		c.subjects[key] = &subjectState{known: map[digest.Digest]artifact.Descriptor{}}
	}
	return c.subjects[key]
}

func (s *subjectState) remember(entries []artifact.Descriptor) {
	for _, e := range entries {
		if _, there := s.known[e.Digest]; !there {
			s.order = append(s.order, e.Digest)
		}
		s.known[e.Digest] = e
	}
}

// all gives the known entries in the order in which they were first seen.
func (s *subjectState) all() []artifact.Descriptor {
	var all []artifact.Descriptor
	for _, d := range s.order {
		if e, there := s.known[d]; there {
			all = append(all, e)
		}
	}
	return all
}

// merge puts entries into the fallback list and stays until they stay.
func (r *Repository) merge(ctx context.Context, subject digest.Digest, entries []artifact.Descriptor) error {
	state := r.client.subject(r, subject)
	end := time.Now().Add(mergeTimeout)
	calmSince := time.Now()
	pause := 25 * time.Millisecond
	for time.Now().Before(end) {
		wrote, slowest, err := r.mergeOnce(ctx, state, subject, entries)
		if err != nil {
			return err
		}
		calm := max(calmAtLeast, calmFactor*slowest)
		switch {
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
		pause = min(2*pause, time.Second)
	}
	return notAttached(fmt.Sprintf("the index under the tag %s lost the entry again and again for %s", fallbackTag(subject), mergeTimeout))
}

// jittered spreads writers apart: between half of d and one and a half of it.
func jittered(c *Client, d time.Duration) time.Duration {
	return d/2 + time.Duration(c.jitter()*float64(d))
}

// mergeOnce reads the list, and writes it when one of ours, or one that was seen before and still exists, is not in it.
func (r *Repository) mergeOnce(ctx context.Context, s *subjectState, subject digest.Digest, ours []artifact.Descriptor) (wrote bool, slowest time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	start := time.Now()
	defer func() { s.slowest = max(s.slowest, time.Since(start)); slowest = s.slowest }()
	listed, err := r.readFallback(ctx, subject)
	if err != nil {
		return false, 0, err
	}
	s.remember(ours)
	lost := missing(s.all(), listed)
	if len(lost) == 0 {
		s.remember(listed)
		return false, 0, nil
	}
	merged := listed
	for _, e := range lost {
		deleted, err := r.deleted(ctx, e, ours)
		if err != nil {
			return false, 0, err
		}
		if deleted {
			delete(s.known, e.Digest)
		} else {
			merged = append(merged, e)
		}
	}
	s.remember(listed)
	if len(merged) == len(listed) {
		return false, 0, nil
	}
	return true, 0, r.putFallback(ctx, subject, merged)
}

// deleted says whether an entry left the list because its manifest was deleted, rather than by a lost update.
func (r *Repository) deleted(ctx context.Context, e artifact.Descriptor, ours []artifact.Descriptor) (bool, error) {
	if len(missing([]artifact.Descriptor{e}, ours)) == 0 {
		return false, nil
	}
	_, _, err := r.getManifest(ctx, e.Digest.String())
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
