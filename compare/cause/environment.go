package cause

import "github.com/selfsame-build/selfsame/internal/lazyregexp"

// environment is what a step was given beside its inputs: variables, the number of CPUs, limits.
var environment = Cause{
	Class: "T12", Title: "environment", judge: judgeEnvironment,
	Remedy: "do not write the environment down (env, nproc, ulimit): name the values that shape the result",
	Page: `A program wrote down what it was given beside its inputs: environment variables, the number of CPUs, limits, the machine's memory or boot.

The twins differ in one variable (SELFSAME_CANARY), in the number of CPUs, and more. Pass numbers explicitly where they shape the output (-j4,
--threads=1); filter what is dumped.`,
}

var injected = lazyregexp.New(`\b(TRACEPARENT|OTEL_[A-Z_]+|BUILDKIT_[A-Z_]+|SELFSAME_[A-Z_]+)=`)

func judgeEnvironment(s *spot) (verdict, bool) {
	if v, ok := s.planted("T12"); ok {
		v.weight = 11
		return v, true
	}
	for _, r := range s.runs {
		if name := injected.Find(r.a.text[:r.a.to]); name != nil {
			return verdict{certainty: Likely, weight: 6, evidence: "the value of " + quote(string(name[:len(name)-1]))}, true
		}
	}
	return verdict{}, false
}
