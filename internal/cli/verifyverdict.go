package cli

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/selfsame-build/selfsame/provenance"
)

// verdictFlags are verify's flags for a policy's verdict that gates may take over, made here or by others.
type verdictFlags struct {
	path   string
	attach bool
	life   time.Duration
	accept bool
}

func (v *verdictFlags) register(fl *pflag.FlagSet) {
	fl.StringVar(&v.path, "verdict", "", "write the policy's approval to this file, signed in the role verifier, for gates that accept verdicts")
	fl.BoolVar(&v.attach, "attach-verdict", false, "attach the policy's approval to the image, signed as for --verdict")
	fl.DurationVar(&v.life, "verdict-life", time.Hour, "how long such a verdict counts, at most 24h; it ends with the first thing that it rests on")
	fl.BoolVar(&v.accept, "accept-verdicts", false, "let a verdict of the same policy that a verifier handed on stand in for rules that say no")
}

func (v verdictFlags) wanted() bool { return v.path != "" || v.attach }

func (v verdictFlags) check(s summaryFlags) error {
	switch {
	case !v.wanted():
		return nil
	case v.life < time.Minute || v.life > provenance.MaxVerdict:
		return usage("--verdict-life %s: it is between 1m and %s", v.life, provenance.MaxVerdict)
	case s.key == "" && !s.sign.on:
		return usage("--verdict and --attach-verdict need --sign-with or --keyless: a verdict that nobody signed counts nowhere")
	}
	return nil
}
