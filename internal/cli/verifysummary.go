package cli

import (
	"context"
	"os"
	"time"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/verify"
)

// summaryFlags are verify's flags for what is handed on to other tools.
type summaryFlags struct {
	vsa, reproduced, svr     string
	verifier, key, findingBy string
	format                   string // of what is signed: bundle or dsse
}

func (s summaryFlags) check() error {
	switch {
	case s.vsa == "" && s.reproduced == "" && s.svr == "" && (s.key != "" || s.findingBy != ""):
		return usage("--sign-with and --finding-key sign what --vsa, --vsa-reproduced and --svr write")
	case s.format != "bundle" && s.format != "dsse":
		return usage("--summary-format %s: it is bundle or dsse", s.format)
	case s.findingBy != "" && s.vsa == "":
		return usage("--finding-key signs a failed summary, which --vsa writes")
	}
	return nil
}

// write makes the summaries that were asked for. Of a success they are signed with --sign-with, or left to be signed; a failed one
// is written only for --finding-key, which must not be the same key.
func (s summaryFlags) write(a *app, res verify.Result) error {
	if s.vsa == "" && s.reproduced == "" && s.svr == "" {
		return nil
	}
	about := verify.Summary{Verifier: s.verifier, Version: version(), Time: time.Now()}
	key := s.key
	if res.Verdict != verify.VerdictVerified {
		if s.findingBy == "" || !res.Conclusive() {
			a.notice("no summary is written: the verdict is %s", res.Verdict)
			return nil
		}
		key = s.findingBy
		s.reproduced, s.svr = "", ""
	}
	sign, err := s.signer(a, key)
	if err != nil {
		return err
	}
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
		data, err := sign(made.Payload)
		if err != nil {
			return err
		}
		if err := atomicfile.Write(w.path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// signer signs with the key at path, or leaves a statement as it is where there is none.
func (s summaryFlags) signer(a *app, path string) (func([]byte) ([]byte, error), error) {
	if path == "" {
		return func(statement []byte) ([]byte, error) { return statement, nil }, nil
	}
	signer, err := a.loadSigner(path)
	if err != nil {
		return nil, err
	}
	if s.key != "" && s.findingBy != "" {
		other, err := a.loadSigner(map[bool]string{true: s.findingBy, false: s.key}[path == s.key])
		if err != nil {
			return nil, err
		}
		if other.Key() == signer.Key() {
			return nil, usage("--sign-with and --finding-key are one key; what speaks against an image needs a key of its own")
		}
	}
	return func(statement []byte) ([]byte, error) {
		bundle, err := signing.Sign(context.Background(), signer, statement)
		if err != nil || s.format == "bundle" {
			return bundle, err
		}
		return signing.Envelope(bundle)
	}, nil
}

// loadSigner reads a private key, asking for its password where there is somebody to ask.
func (a *app) loadSigner(path string) (*signing.Signer, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the user's own key
	if err != nil {
		return nil, usage("reading the key: %v", err)
	}
	pw, err := a.password("password for " + path + ": ")
	if err != nil {
		return nil, err
	}
	return signing.LoadSigner(data, pw)
}
