package drill

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/verify"
)

// maxSigners bounds how many signers or builders are denied until an image is refused.
const maxSigners = 16

// kinds rehearses every kind of entry that a deny list has, and that what is not denied passes.
func (d *drill) kinds(ctx context.Context) error {
	origin, ok := d.before.Origin(d.Verify.Digest)
	if !ok {
		return fmt.Errorf("rehearsing a revocation: `%s` has no provenance", d.Verify.Reference)
	}
	steps := []func() error{
		func() error { return d.denied(ctx, "digest", provenance.DenyEntry{Digest: d.Verify.Digest}) },
		func() error { return d.platform(ctx) },
		func() error { return d.since(ctx, "signer", origin, signerOf) },
		func() error { return d.since(ctx, "builder", origin, builderOf) },
		func() error { return d.input(ctx, "base", origin, baseOf) },
		func() error { return d.input(ctx, "package", origin, packageOf) },
		func() error {
			return d.passes(ctx, "another image", provenance.DenyEntry{Digest: digest.FromString("a drill's image that does not exist")})
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// under verifies the image under the current list and these entries.
func (d *drill) under(ctx context.Context, entries ...provenance.DenyEntry) (verify.Result, error) {
	for i := range entries {
		entries[i] = d.entry(entries[i])
	}
	o := d.Verify
	var err error
	if o.Deny, err = d.list(d.Verify.Deny.Sequence+1, d.Now, nil, entries...); err != nil {
		return verify.Result{}, err
	}
	return verify.Run(ctx, o)
}

// denied demands that an image is refused as taken back, with the exit code that gates look at.
func (d *drill) denied(ctx context.Context, name string, entries ...provenance.DenyEntry) error {
	got, err := d.under(ctx, entries...)
	if err != nil {
		return err
	}
	d.add(refused(name, got, entries))
	return nil
}

func refused(name string, got verify.Result, entries []provenance.DenyEntry) Step {
	s := Step{Name: name, Status: OK, ExitCode: got.ExitCode, Detail: "refused, as it must be"}
	for _, e := range entries {
		s.Entries = append(s.Entries, e.Subject())
	}
	if got.Verdict != verify.VerdictDenied || got.ExitCode != diag.ExitPolicy {
		s.Status, s.Detail = Fail, fmt.Sprintf("not refused (exit %d, want %d): %s", got.ExitCode, diag.ExitPolicy, got.Summary)
	}
	return s
}

// passes demands that an entry for something else changes nothing.
func (d *drill) passes(ctx context.Context, name string, entry provenance.DenyEntry) error {
	got, err := d.under(ctx, entry)
	if err != nil {
		return err
	}
	s := Step{Name: name, Status: OK, Entries: []string{entry.Subject()}, ExitCode: got.ExitCode, Detail: "passes, as it must"}
	if got.Verdict != verify.VerdictVerified {
		s.Status, s.Detail = Fail, fmt.Sprintf("refused, though something else is denied (exit %d): %s", got.ExitCode, got.Summary)
	}
	d.add(s)
	return nil
}

// platform denies one of the image's platforms.
func (d *drill) platform(ctx context.Context) error {
	for _, s := range d.before.Subjects {
		if s.Digest != d.Verify.Digest {
			return d.denied(ctx, "platform", provenance.DenyEntry{Digest: s.Digest})
		}
	}
	d.add(Step{Name: "platform", Status: None, Detail: "the image is no index"})
	return nil
}

func signerOf(o verify.Origin) provenance.DenyEntry {
	by := o.By
	by.Key.Algorithm = "" // an entry names a key by its hash
	return provenance.DenyEntry{Signer: &by}
}

func builderOf(o verify.Origin) provenance.DenyEntry {
	return provenance.DenyEntry{Builder: o.Provenance.Builder()}
}

// since denies who has signed or built the image, from the time of its evidence on. Where several have, each is good for it by himself, and
// all are denied.
func (d *drill) since(ctx context.Context, name string, origin verify.Origin, of func(verify.Origin) provenance.DenyEntry) error {
	var entries []provenance.DenyEntry
	var got verify.Result
	for at := origin; len(entries) < maxSigners; {
		e := of(at)
		if slices.ContainsFunc(entries, func(o provenance.DenyEntry) bool { return o.Subject() == e.Subject() }) {
			break
		}
		e.Since = at.At.UTC().Truncate(time.Second)
		entries = append(entries, e)
		var err error
		if got, err = d.under(ctx, slices.Clone(entries)...); err != nil {
			return err
		}
		next, ok := got.Origin(d.Verify.Digest)
		if got.Verdict != verify.VerdictVerified || !ok {
			break
		}
		at = next
	}
	d.add(refused(name, got, entries))
	// From a time on at which nothing of it had been signed: that takes back nothing, unless nobody says when it was.
	late := d.Now.UTC().Truncate(time.Second).Add(time.Hour)
	if origin.At.IsZero() {
		return d.denied(ctx, name+" since later, no trusted time", from(entries, late)...)
	}
	return d.passes(ctx, name+" since later", from(entries[:1], late)[0])
}

// from is entries, each from that time on.
func from(entries []provenance.DenyEntry, since time.Time) []provenance.DenyEntry {
	out := slices.Clone(entries)
	for i := range out {
		out[i].Since = since
	}
	return out
}

func baseOf(r provenance.ResourceDescriptor) (provenance.DenyEntry, bool) {
	sum := r.Digest["sha256"]
	image := r.Annotations["kind"] == "image" || strings.HasPrefix(r.URI, "docker-image://") || strings.HasPrefix(r.URI, "pkg:docker/") || strings.HasPrefix(r.URI, "pkg:oci/")
	return provenance.DenyEntry{Base: digest.NewDigestFromEncoded(digest.SHA256, sum)}, sum != "" && image
}

func packageOf(r provenance.ResourceDescriptor) (provenance.DenyEntry, bool) {
	return provenance.DenyEntry{Package: r.URI}, strings.HasPrefix(r.URI, "pkg:")
}

// input denies the first of the image's inputs that an entry of the kind can be made for.
func (d *drill) input(ctx context.Context, name string, origin verify.Origin, of func(provenance.ResourceDescriptor) (provenance.DenyEntry, bool)) error {
	for _, r := range origin.Provenance.BuildDefinition.ResolvedDependencies {
		if e, ok := of(r); ok && d.entry(e).Check() == nil {
			return d.denied(ctx, name, e)
		}
	}
	d.add(Step{Name: name, Status: None, Detail: "the image's provenance names none"})
	return nil
}
