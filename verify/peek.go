package verify

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/signing"
)

// payload is what a bundle has signed, before anybody has checked that. It says where to look and proves nothing.
func payload(bundle []byte) (raw []byte, isBundle bool, err error) {
	var shape struct {
		MediaType string `json:"mediaType"`
		Envelope  struct {
			Payload string `json:"payload"`
		} `json:"dsseEnvelope"`
	}
	if err := json.Unmarshal(bundle, &shape); err != nil || shape.MediaType != signing.BundleMediaType {
		return nil, false, err
	}
	encoding := base64.StdEncoding
	if strings.ContainsAny(shape.Envelope.Payload, "-_") {
		encoding = base64.URLEncoding // DSSE allows both
	}
	raw, err = encoding.DecodeString(shape.Envelope.Payload)
	return raw, true, err
}

// peek reads the statement of a bundle without checking it.
func peek(bundle []byte) (s provenance.Statement, isBundle bool, err error) {
	raw, isBundle, err := payload(bundle)
	if !isBundle || err != nil {
		return s, isBundle, err
	}
	s, err = provenance.Parse(raw)
	return s, true, err
}

// Finding is a statement that speaks against an image, as somebody said it: nothing of it is verified.
type Finding struct {
	Subject artifact.Descriptor // the manifest that it is about
	Name    string              // of the repository, by its own word
	Result  string              // what it says
}

// FindFinding looks among everything attached to the image o.Digest for the statement whose signed bytes have this sha256, so that
// it can be waived. One that is not there, or that does not speak against the image, is an error. It reads within o.Budget; what cannot be read,
// which anybody may have attached, keeps no other from being found.
func FindFinding(ctx context.Context, o Options, statement digest.Digest) (Finding, error) {
	o.Budget = o.Budget.withDefaults()
	outer := ctx
	ctx, cancel := context.WithTimeoutCause(ctx, o.Budget.Time, fmt.Errorf("reading took longer than %s", o.Budget.Time))
	defer cancel()
	images, err := readImages(ctx, o)
	if err != nil {
		return Finding{}, unreadable(outer, ctx, err)
	}
	var unseen error
	for _, img := range images {
		raw, err := attached(ctx, o, img, statement)
		switch {
		case ctx.Err() != nil:
			return Finding{}, unreadable(outer, ctx, err)
		case raw != nil:
			return findingOf(img, raw)
		case err != nil:
			unseen = err
		}
	}
	if unseen != nil {
		return Finding{}, unreadable(outer, ctx, fmt.Errorf("no statement %s was found, and not everything could be read: %w", statement, unseen))
	}
	return Finding{}, fmt.Errorf("no statement %s is attached to the image", statement)
}

// attached is the statement with this sha256 among the bundles of img; nil: it was not found, and an error says that it could be among those that
// were not read.
func attached(ctx context.Context, o Options, img image, statement digest.Digest) ([]byte, error) {
	listing, unseen := o.Source.Referrers(ctx, img.desc.Digest, o.Budget.Listing)
	var e evidence
	left := o.Budget.Bytes
	for _, r := range e.candidates(img, listing.Referrers) {
		if left -= r.Layers[0].Size; left < 0 {
			return nil, fmt.Errorf("the bundles of %s have more than %d bytes", img.desc.Digest, o.Budget.Bytes)
		}
		bundle, err := o.Source.Blob(ctx, r.Layers[0], signing.MaxBundle)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			unseen = err
			continue
		}
		if raw, _, err := payload(bundle); err == nil && digest.FromBytes(raw) == statement {
			return raw, nil
		}
	}
	return nil, unseen
}

func findingOf(img image, raw []byte) (Finding, error) {
	s, err := provenance.Parse(raw)
	if err != nil {
		return Finding{}, err
	}
	if !(statement{Statement: s}).concerns(img) {
		return Finding{}, fmt.Errorf("the statement is not about the manifest it is attached to")
	}
	f := Finding{Subject: img.desc, Name: s.Subject[0].Name}
	f.Subject.Platform, f.Subject.Annotations = nil, nil
	what := "rebuild"
	if s.PredicateType == provenance.PredicateVSA {
		what = "verification"
	}
	result, against, err := s.Against()
	switch {
	case err != nil:
		f.Result = "a " + what + " with a result that cannot be read"
	case against:
		f.Result = "a " + what + " with the result " + clip(result)
	default:
		return f, fmt.Errorf("the statement does not speak against the image: there is nothing to waive")
	}
	return f, nil
}
