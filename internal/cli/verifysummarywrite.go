//go:build !front

package cli

import (
	"context"
	"time"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
	"github.com/selfsame-build/selfsame/verify"
)

// write makes the summaries that were asked for. Of a success they are signed with --sign-with, or left to be signed; a failed one
// is written only for --finding-key, which must not be the same key.
// Nothing is written unless all of it can be.
func (s summaryFlags) write(ctx context.Context, a *app, o verify.Options, res verify.Result) error {
	if !s.files() {
		return nil
	}
	about := s.about()
	key, role := s.key, trust.Promoter
	if res.Verdict != verify.VerdictVerified {
		if s.findingBy == "" || !res.Conclusive() {
			a.notice("no summary is written: the verdict is %s", res.Verdict)
			return nil
		}
		key, role = s.findingBy, trust.Finding
		s.reproduced, s.svr = "", ""
	}
	if role == trust.Finding {
		s.sign = keylessFlags{config: s.sign.config, root: s.sign.root} // the identity is that of successes
	}
	sign, err := s.signer(ctx, a, o, key, role)
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	for _, w := range []struct {
		path string
		make func() (provenance.Subjected, error)
	}{
		{s.vsa, func() (provenance.Subjected, error) { return res.VSA(about, false) }},
		{s.reproduced, func() (provenance.Subjected, error) { return res.VSA(about, true) }},
		{s.svr, func() (provenance.Subjected, error) { return res.SVR(about) }},
	} {
		if w.path == "" {
			continue
		}
		made, err := w.make()
		if err != nil {
			return err
		}
		if _, twice := files[w.path]; twice {
			return usage("%s is named for two summaries", w.path)
		}
		if files[w.path], err = sign(made.Payload); err != nil {
			return err
		}
	}
	for path, data := range files {
		if err := atomicfile.Write(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// about is who verified, and when.
func (s summaryFlags) about() verify.Summary {
	return verify.Summary{Verifier: s.verifier, Version: version(), Time: time.Now()}
}

// signer signs with the key at path, or leaves a statement as it is where there is none.
func (s summaryFlags) signer(ctx context.Context, a *app, o verify.Options, path string, role trust.Role) (func([]byte) ([]byte, error), error) {
	if path == "" && !s.sign.on {
		return func(statement []byte) ([]byte, error) { return statement, nil }, nil
	}
	signer, err := a.openSigner(ctx, path, s.sign, role)
	if err != nil {
		return nil, err
	}
	if role == trust.Finding && o.Releases(trust.Party{Key: signer.Key()}) {
		return nil, usage("--finding-key is a key that releases images; what speaks against one needs a key of its own: `selfsame key new --out finding`")
	}
	if s.key != "" && s.findingBy != "" {
		other, err := a.openKey(ctx, map[bool]string{true: s.findingBy, false: s.key}[path == s.key], role)
		if err != nil {
			return nil, err
		}
		if other.Key() == signer.Key() {
			return nil, usage("--sign-with and --finding-key are one key; what speaks against an image needs a key of its own")
		}
	}
	return func(statement []byte) ([]byte, error) {
		bundle, err := signing.Sign(ctx, signer, statement)
		if err != nil || s.format == "bundle" {
			return bundle, err
		}
		return signing.Bare(bundle)
	}, nil
}
