package verify

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance/intoto"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/test/sigstore"
	"github.com/selfsame-build/selfsame/trust"
)

// TestLayoutByIdentity: a functionary whom a private instance of sigstore vouches for, by issuer and subject, beside others who have keys. Only
// the verifier's own root says whose word for him counts.
func TestLayoutByIdentity(t *testing.T) {
	i := sigstore.Start(t)
	config, err := os.ReadFile(i.SigningConfig)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(i.TrustedRoot)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := signing.LoadInstance(config)
	if err != nil {
		t.Fatal(err)
	}
	root, err := signing.LoadRoot(raw)
	if err != nil {
		t.Fatal(err)
	}
	const scanner = "scanner@selfsame.example"
	keyless := func(who string) *signing.Signer {
		t.Helper()
		s, err := signing.NewKeyless(signing.KeylessOptions{Instance: instance, Root: root, Now: time.Now, Token: func(context.Context) (signing.Token, error) {
			return signing.ParseToken(i.Issuer.Token(t, who, nil))
		}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, x := range map[string]struct {
		issuer string // that the layout names
		signer func(p *pipeline) *signing.Signer
		want   Verdict
		says   string
	}{
		"the scanner":      {i.Issuer.URL, func(*pipeline) *signing.Signer { return keyless(scanner) }, VerdictVerified, "step scan       1 of 1 functionaries (" + scanner + " (" + i.Issuer.URL + "))"},
		"somebody else":    {i.Issuer.URL, func(*pipeline) *signing.Signer { return keyless("other@selfsame.example") }, VerdictMissing, "no link of this step is signed by one of its functionaries"},
		"another's word":   {"https://issuer.example.com", func(*pipeline) *signing.Signer { return keyless(scanner) }, VerdictMissing, "no link of this step is signed by one of its functionaries"},
		"a key of another": {i.Issuer.URL, func(p *pipeline) *signing.Signer { return p.ci }, VerdictMissing, "who is no functionary of it"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t)
			p.publish(nil)
			p.signLinks()
			ci := p.ci.Verifier().PEM()
			payload, err := intoto.Standard{Expires: dayOfLayout.Add(time.Hour), Functionaries: []intoto.Functionary{
				{Step: intoto.StepLock, PEM: ci}, {Step: intoto.StepBuildA, PEM: ci}, {Step: intoto.StepBuildB, PEM: ci}, {Step: intoto.StepCompare, PEM: ci},
				{Step: intoto.StepSign, PEM: p.signer.Verifier().PEM()}, {Step: "scan", Identity: trust.Identity{Issuer: x.issuer, Subject: scanner}},
			}}.Layout()
			if err != nil {
				t.Fatal(err)
			}
			env, err := p.seal(payload, p.owner).JSON()
			if err != nil {
				t.Fatal(err)
			}
			scan := p.links[intoto.StepSign]
			scan.Step = "scan"
			p.link(scan, x.signer(p))
			o := p.options()
			if o.Layout, err = OpenLayout(env, []*signing.Verifier{p.owner.Verifier()}, dayOfLayout); err != nil {
				t.Fatal(err)
			}
			o.Trust.Root = root
			p.must(o, x.want, x.says)
			// Authorities that were believed only until an hour ago prove nobody who signs now, nor when he did.
			for _, part := range []string{sigstore.CAs, sigstore.TSAs, sigstore.Logs} {
				if o.Trust.Root, err = signing.LoadRoot(sigstore.Rotated(t, raw, nil, time.Now().Add(-time.Hour), part)); err != nil {
					t.Fatal(err)
				}
				p.must(o, VerdictMissing, "no link of this step is signed by one of its functionaries")
			}
			// Nobody proves an identity without a root: that is said before anything is read.
			o.Trust.Root = nil
			if _, err := Run(t.Context(), o); diag.ExitCode(err) != diag.ExitUsage {
				t.Errorf("without a root: %v", err)
			}
		})
	}
}
