package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

// Attach stores artifacts as referrers of subject, reads the listing back, and returns when all of them are in it. The
// subject's digest decides; the subject itself need not be in this repository.
//
// Attaching is idempotent. A0516: the registry took the manifests and the listing did not keep them.
func (r *Repository) Attach(ctx context.Context, subject artifact.Descriptor, artifacts ...artifact.Artifact) ([]artifact.Descriptor, error) {
	doing := fmt.Sprintf("attaching evidence to %s in %s", subject.Digest, r.Name())
	if err := artifact.CheckDescriptor(subject); err != nil {
		return nil, diag.Errorf(codeMalformed, "%s: %w", doing, err)
	}
	var made []referrer
	for _, a := range artifacts {
		raw, manifest, blob, err := a.Manifest(subject)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
		made = append(made, referrer{desc: manifest, raw: raw, blobs: []content{emptyConfig(), {blob, bytesOpener(a.Blob)}}})
	}
	if err := r.attach(ctx, subject.Digest, made); err != nil {
		return nil, r.explain(ctx, doing, err)
	}
	descs := make([]artifact.Descriptor, len(made))
	for i, m := range made {
		descs[i] = m.desc
	}
	return descs, nil
}

// content is a blob and where its bytes come from.
type content struct {
	desc artifact.Descriptor
	open opener
}

// referrer is a manifest with a subject, and its blobs.
type referrer struct {
	desc  artifact.Descriptor
	raw   []byte
	blobs []content
}

func bytesOpener(b []byte) opener {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

func emptyConfig() content {
	return content{
		desc: artifact.Descriptor{Digest: digest.FromBytes(artifact.EmptyConfig), Size: int64(len(artifact.EmptyConfig))},
		open: bytesOpener(artifact.EmptyConfig),
	}
}

// attach pushes referrers of one subject and sees to it that the subject's listing has them.
func (r *Repository) attach(ctx context.Context, subject digest.Digest, referrers []referrer) error {
	if len(referrers) == 0 {
		return nil
	}
	known, err := r.putReferrers(ctx, referrers)
	if err != nil {
		return err
	}
	entries := make([]artifact.Descriptor, len(referrers))
	for i, ref := range referrers {
		entries[i] = ref.desc
	}
	// > If the response has no OCI-Subject header, the client MUST maintain the fallback tag.
	// Some registries have the API and do not send the header, so the API is asked before the tag is written.
	listed, api, err := r.look(ctx, subject, entries, known)
	switch {
	case err != nil:
		return err
	case api:
		return r.awaitListed(ctx, subject, entries, listed, known)
	case known:
		return notAttached("the registry says that it keeps referrers (OCI-Subject) and does not list them")
	}
	return r.merge(ctx, subject, entries)
}

// putReferrers stores blobs, each once, and then manifests, some at a time. known says that the registry answered to each manifest that it
// keeps the list itself.
func (r *Repository) putReferrers(ctx context.Context, referrers []referrer) (known bool, err error) {
	var blobs []content
	seen := map[digest.Digest]bool{}
	for _, ref := range referrers {
		for _, b := range ref.blobs {
			if !seen[b.desc.Digest] {
				seen[b.desc.Digest] = true
				blobs = append(blobs, b)
			}
		}
	}
	if err := r.pushAll(ctx, blobs); err != nil {
		return false, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.client.opts.Jobs)
	knows := make([]bool, len(referrers))
	for i, ref := range referrers {
		group.Go(func() (err error) {
			knows[i], err = r.putManifest(ctx, ref.desc.Digest.String(), ref.desc.MediaType, ref.raw)
			return err
		})
	}
	err = group.Wait()
	return !slices.Contains(knows, false), err
}

// attachBudget is wide: reading back only looks for our own entries.
var attachBudget = artifact.Budget{Referrers: 20_000, Pages: 1000}.WithDefaults()

// maxLook is how many pages are read back where the registry has said of each manifest that it keeps the list (OCI-Subject). Reading
// all of a long list after every attach would make 10,000 attaches cost 50 million entries.
const maxLook = 8

// look reads the listing until all entries are in it, or it ends, or the registry's word has to do.
func (r *Repository) look(ctx context.Context, subject digest.Digest, entries []artifact.Descriptor, known bool) (listed []artifact.Descriptor, api bool, err error) {
	page := 0
	err = r.pages(ctx, subject, attachBudget, func(found []artifact.Descriptor, more bool) bool {
		api = true
		listed = found
		page++
		if more && known && page == maxLook {
			listed = append(listed, entries...)
			return false
		}
		return len(missing(entries, listed)) > 0
	})
	return listed, api, err
}

// awaitListed reads the API's listing until our entries are in it; some registries take a moment.
func (r *Repository) awaitListed(ctx context.Context, subject digest.Digest, entries, listed []artifact.Descriptor, known bool) error {
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		if len(missing(entries, listed)) == 0 {
			return nil
		}
		if wait > 10*time.Second {
			return notAttached("the referrers API does not list what was pushed")
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		var err error
		if listed, _, err = r.look(ctx, subject, entries, known); err != nil {
			return err
		}
	}
}

// missing gives the entries of want that are not in have.
func missing(want, have []artifact.Descriptor) []artifact.Descriptor {
	there := make(map[digest.Digest]bool, len(have))
	for _, h := range have {
		there[h.Digest] = true
	}
	var m []artifact.Descriptor
	for _, w := range want {
		if !there[w.Digest] {
			m = append(m, w)
		}
	}
	return m
}

func notAttached(why string) error {
	return diag.Errorf(codeNotAttached, "evidence did not stay attached").WithWhy(why).
		WithHelp("attach again when no one else writes; exempt tags that begin with `sha256-` from immutability")
}

// Content is a blob and how to open it from its first byte, as often as is needed.
type Content struct {
	Descriptor artifact.Descriptor
	Open       func() (io.ReadCloser, error)
}

// Composite is an artifact of several blobs. Blobs are the content of the manifest's config and layers.
type Composite struct {
	Manifest v1.Manifest
	Blobs    []Content
}

// AttachComposite stores artifacts of several blobs as referrers of subject; all else is as with Attach.
func (r *Repository) AttachComposite(ctx context.Context, subject artifact.Descriptor, artifacts ...Composite) ([]artifact.Descriptor, error) {
	doing := fmt.Sprintf("attaching to %s in %s", subject.Digest, r.Name())
	var made []referrer
	descs := make([]artifact.Descriptor, len(artifacts))
	for i, a := range artifacts {
		raw, err := json.Marshal(a.Manifest)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
		if len(raw) > artifact.MaxManifest {
			return nil, diag.Errorf(codeMalformed, "%s: a manifest of %d bytes, registries take %d", doing, len(raw), artifact.MaxManifest)
		}
		descs[i] = artifact.ManifestDescriptor(raw, a.Manifest)
		ref := referrer{desc: descs[i], raw: raw}
		for _, b := range a.Blobs {
			ref.blobs = append(ref.blobs, content{b.Descriptor, b.Open})
		}
		made = append(made, ref)
	}
	if err := r.attach(ctx, subject.Digest, made); err != nil {
		return nil, r.explain(ctx, doing, err)
	}
	return descs, nil
}
