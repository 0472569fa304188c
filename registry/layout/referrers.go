package layout

import (
	"context"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/registry/artifact"
)

// Attach stores artifacts as referrers of subject and lists their manifests in index.json. The subject need not be here.
func (l *Layout) Attach(ctx context.Context, subject artifact.Descriptor, artifacts ...artifact.Artifact) ([]artifact.Descriptor, error) {
	var entries []artifact.Descriptor
	for _, a := range artifacts {
		raw, manifest, blob, err := a.Manifest(subject)
		if err != nil {
			return nil, err
		}
		empty := artifact.Descriptor{Digest: digest.FromBytes(artifact.EmptyConfig), Size: int64(len(artifact.EmptyConfig))}
		if err := l.putBytes(ctx, empty, artifact.EmptyConfig); err != nil {
			return nil, fmt.Errorf("attaching to %s: %w", subject.Digest, err)
		}
		if err := l.putBytes(ctx, blob, a.Blob); err != nil {
			return nil, fmt.Errorf("attaching to %s: %w", subject.Digest, err)
		}
		if err := l.putBytes(ctx, manifest, raw); err != nil {
			return nil, fmt.Errorf("attaching to %s: %w", subject.Digest, err)
		}
		entries = append(entries, manifest)
	}
	if err := l.list(entries...); err != nil {
		return nil, fmt.Errorf("attaching to %s: %w", subject.Digest, err)
	}
	return entries, nil
}

// Referrers lists the manifests in index.json whose own subject is d. An entry that is listed with an artifact type and cannot
// be read as a referrer of anything is in the listing's Rejected.
func (l *Layout) Referrers(ctx context.Context, d digest.Digest, b artifact.Budget) (artifact.Listing, error) {
	b = b.WithDefaults()
	index, err := l.Index()
	if err != nil {
		return artifact.Listing{}, err
	}
	var found artifact.Listing
	var read int64
	for _, entry := range index.Manifests {
		desc, raw, err := l.manifest(ctx, entry)
		if err != nil {
			if ctx.Err() != nil {
				return found, err
			}
			found.Rejected = append(found.Rejected, artifact.Rejected{Descriptor: entry, Reason: err.Error()})
			continue
		}
		if read += int64(len(raw)); read > b.Bytes {
			return found, &artifact.IncompleteError{Subject: d, Bound: fmt.Sprintf("%d bytes of manifests", b.Bytes)}
		}
		parsed, err := artifact.Parse(desc.MediaType, raw)
		switch {
		case err != nil:
			found.Rejected = append(found.Rejected, artifact.Rejected{Descriptor: entry, Reason: err.Error()})
		case parsed.Subject() == nil || parsed.Subject().Digest != d:
		default:
			r, err := artifact.ReadReferrer(desc, raw, d)
			if err != nil {
				return found, err
			}
			if found.Referrers = append(found.Referrers, r); len(found.Referrers) > b.Referrers {
				return found, &artifact.IncompleteError{Subject: d, Bound: fmt.Sprintf("%d referrers", b.Referrers)}
			}
		}
	}
	return found, nil
}
