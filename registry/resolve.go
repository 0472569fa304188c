package registry

import (
	"context"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/registry/artifact"
)

// Resolved is what a reference led to, once. Everything after goes by Descriptor.Digest.
type Resolved struct {
	Repository *Repository
	Tag        string // as asked for; empty for a reference by digest
	Descriptor artifact.Descriptor
	Raw        []byte          // the manifest's or index's bytes
	Parsed     artifact.Parsed // of Raw
}

// Pinned is the reference that will never mean anything else: repository@sha256:...
func (r Resolved) Pinned() string { return r.Repository.Name() + "@" + r.Descriptor.Digest.String() }

// Locate says where an image lies, and which one it is: by a digest that ref names. For a tag the digest is empty; Resolve asks what it leads
// to. Nothing is sent. A0514: not a reference, or one by a digest that is not sha256.
func (c *Client) Locate(ref string) (*Repository, digest.Digest, error) {
	t, err := c.parse(ref)
	d := digest.Digest(t.digest)
	if err == nil && d != "" && artifact.CheckDigest(d) != nil {
		err = diag.Errorf(codeReference, "`%.200s` names a digest that is not sha256", ref).WithHelp("name the image by its sha256 digest: a digest is sha256: and 64 digits from 0 to f")
	}
	return t.repo, d, err
}

// Resolve asks once what ref leads to and reads its manifest or index. A reference without tag and digest means the tag
// "latest", as it does for docker.
func (c *Client) Resolve(ctx context.Context, ref string) (Resolved, error) {
	t, err := c.parse(ref)
	if err != nil {
		return Resolved{}, err
	}
	found := Resolved{Repository: t.repo, Tag: t.tag}
	doing := fmt.Sprintf("resolving `%s`", ref)
	if t.tag == "" {
		found.Descriptor, found.Raw, err = t.repo.Manifest(ctx, digest.Digest(t.digest))
	} else {
		found.Descriptor, found.Raw, err = t.repo.getManifest(ctx, t.tag)
	}
	if err != nil {
		return Resolved{}, t.repo.explain(ctx, doing, err)
	}
	if found.Parsed, err = artifact.Parse(found.Descriptor.MediaType, found.Raw); err != nil {
		return Resolved{}, diag.Errorf(codeMalformed, "%s: %w", doing, err)
	}
	return found, nil
}
