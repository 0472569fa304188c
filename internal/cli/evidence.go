package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/verify"
	"github.com/selfsame-build/selfsame/verify/ground"
)

// evidenceFlags say by what evidence is verified before rules look at it: verify's flags, but for those that demand something of it.
type evidenceFlags struct{ verifyFlags }

func (f *evidenceFlags) register(fl *pflag.FlagSet) {
	fl.StringSliceVar(&f.keys, "key", nil, "public key whose signatures count: a file, pkcs11:... or NAME://...#sha256=...")
	f.who.register(fl)
	fl.StringVar(&f.name, "name", "", "repository that the evidence must name (default: REF's; for a layout: whatever it names)")
	fl.StringVar(&f.trust.file, "trust", "", "trust file: whose word counts, for what")
	fl.StringVar(&f.trust.roster, "roster", "", "roster: who may say that an image was built again")
	f.fresh.register(fl)
	f.trust.summary.format = "bundle"
}

// maxEvidence bounds a file of evidence in bytes.
const maxEvidence = 64 << 20

// evidence gathers what rules look at: of each image, or from a file of evidence that was saved; and reads the policy that flags or trust
// file name. Images are looked at anew; what a file says is believed.
func (a *app) evidence(ctx context.Context, refs []string, f evidenceFlags) (out []policy.Evidence, o verify.Options, by decider, err error) {
	c := a.registry(f.many.client())
	if slices.ContainsFunc(refs, isImage) || f.trust.file != "" {
		if err = f.named(); err != nil {
			return nil, o, by, err
		}
		if o, by, err = a.ground(ctx, c, f.verifyFlags); err != nil {
			return nil, o, by, err
		}
		o.Facts = true
	} else if o, by, err = a.deciderAlone(ctx, c, f); err != nil {
		return nil, o, by, err
	}
	for _, ref := range refs {
		if !isImage(ref) {
			e, err := readEvidence(ref)
			if err != nil {
				return nil, o, by, err
			}
			out = append(out, e)
			continue
		}
		res, err := verifyOne(ctx, c, ref, o)
		if err != nil {
			return nil, o, by, err
		}
		out = append(out, res.Facts())
	}
	return out, o, by, nil
}

// isImage says whether ref is no file of evidence.
func isImage(ref string) bool {
	st, err := os.Stat(ref)
	return err != nil || !st.Mode().IsRegular()
}

// deciderAlone reads the policy where nothing else is asked for. Of the options there is the root alone: only a policy's signers are proven by it, and no
// image is looked at.
func (a *app) deciderAlone(ctx context.Context, c *registry.Client, f evidenceFlags) (o verify.Options, by decider, err error) {
	at, err := a.policyPlace(ctx, f.policy)
	if err != nil {
		return o, by, err
	}
	if f.who.root != "" {
		if o.Trust.Root, err = loadRoot(f.who.root); err != nil {
			return o, by, err
		}
	}
	by, err = a.decider(ctx, a.policySetup(c, at, f.fresh.stateless), o, f.policy)
	return o, by, err
}

// policySetup is enough to read a policy.
func (a *app) policySetup(c *registry.Client, at ground.PolicyAt, stateless bool) ground.Setup {
	return ground.Setup{Client: c, Policy: at, Now: time.Now, Memory: func() (*freshness.Memory, error) { return a.memory(stateless) }}
}

func readEvidence(path string) (policy.Evidence, error) {
	f, err := os.Open(path) //nolint:gosec // the user's own
	if err != nil {
		return policy.Evidence{}, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	data, err := io.ReadAll(io.LimitReader(f, maxEvidence+1))
	if err != nil {
		return policy.Evidence{}, err
	}
	e, err := policy.ParseEvidence(data)
	if err != nil {
		return e, usage("%s is no evidence: %v", path, err)
	}
	return e, nil
}

// named demands that somebody's word counts.
func (f verifyFlags) named() error {
	switch named := len(f.keys)+len(f.who.subjects)+len(f.who.patterns) > 0; {
	case !named && f.trust.file == "":
		return usage("a verification needs --key, --certificate-identity or --trust: without any, anyone's word would do")
	case named && f.trust.file != "":
		return usage("--trust says who counts; leave --key and --certificate-identity out")
	}
	return nil
}

// policyFlags say by which policy is decided, and at what time.
type policyFlags struct {
	at   string
	by   listSigners
	time string
	none bool // no policy is asked, whatever the trust file names
}

func (f *policyFlags) register(fl *pflag.FlagSet) {
	fl.StringVar(&f.at, "policy", "", "policy that decides: a file, or the reference of a signed one")
	f.by.registerBeside(fl, "policy", "whoever must have signed the policy; none that signs images")
	fl.StringVar(&f.time, "at", "", "ask the policy's rules as of this time (2026-01-31 or 2026-01-31T12:00:00Z); the evidence stays today's")
}

// place is where the policy is, for the set-up.
func (a *app) policyPlace(ctx context.Context, f policyFlags) (ground.PolicyAt, error) {
	if f.at == "" && f.by.named() {
		return ground.PolicyAt{}, usage("--policy-key and --policy-identity need --policy")
	}
	by, err := f.by.speakers(ctx, a)
	return ground.PolicyAt{At: f.at, Keys: by.Keys, Identities: by.Identities}, err
}

// now is when rules are asked.
func (f policyFlags) now() (time.Time, error) {
	if f.time == "" {
		return time.Now(), nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, f.time); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, usage("--at %s: it is a day or a time, as in 2026-01-31 or 2026-01-31T12:00:00Z", f.time)
}

// codePolicyDemands is A0654: two say what is demanded.
const codePolicyDemands diag.Code = "A0654"

// alone demands that the policy is all that demands something.
func (f verifyFlags) policyAlone() error {
	if f.policy.time != "" && f.trust.summary.wanted() {
		return usage("--at asks the policy as of another time, and a summary or verdict says what holds now: leave one of --at and --vsa, --vsa-reproduced, --svr, --verdict, --attach-verdict out")
	}
	for flag, set := range map[string]bool{
		"--allow-unreproduced": f.allow, "--builder": f.builder != "", "--source": f.source != "", "--min-level": f.trust.level != "",
		"--rebuilders": f.trust.demand.Owners > 0, "--rebuilder-environments": f.trust.demand.Environments > 0,
		"--rebuilders-refetched": f.trust.demand.Refetched > 0, "--include-original": f.trust.demand.IncludeOriginal,
	} {
		if set {
			return diag.Errorf(codePolicyDemands, "%s stands beside a policy", flag).
				WithWhy("the policy's rules decide, and each would have to give way to the other").
				WithHelp("write it as a rule of the policy; see `selfsame policy new`")
		}
	}
	return nil
}

// decider decides by a policy, where there is one.
type decider struct {
	policy *policy.Policy
	at     time.Time
	future bool // another time than now was asked for
	epoch  policy.Epoch
}

// decide has the policy judge a result.
func (d decider) decide(ctx context.Context, res *verify.Result) {
	if d.policy == nil {
		return
	}
	if d.future {
		res.Timeless()
	}
	res.Judge(ctx, d.policy, d.at)
}

// readPolicy reads the policy that is to decide; nil: none is named.
func (a *app) readPolicy(ctx context.Context, s ground.Setup, o verify.Options) (*policy.Policy, error) {
	p, err := s.ReadPolicy(ctx, o)
	if errors.Is(err, ground.ErrPolicyRootless) {
		err = needsRoot("policy-identity")
	}
	return p, err
}

// decider reads the policy that flags or trust file name; without one nothing is decided by it.
func (a *app) decider(ctx context.Context, s ground.Setup, o verify.Options, f policyFlags) (decider, error) {
	p, err := a.readPolicy(ctx, s, o)
	if err != nil {
		return decider{}, err
	}
	if p == nil && f.time != "" {
		return decider{}, usage("--at is when a policy's rules are asked, and there is no --policy")
	}
	at, err := f.now()
	if err != nil || p == nil {
		return decider{}, err
	}
	for _, w := range p.Check(at) {
		if w.Severity != diag.SeverityError { // one that is over denies, and says so
			a.warn(w)
		}
	}
	return decider{policy: p, at: at, future: f.time != ""}, nil
}
