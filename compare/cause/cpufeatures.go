package cause

import (
	"fmt"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// cpuFeatures is what a program made of the CPU that it ran on.
var cpuFeatures = Cause{
	Class: "T16", Title: "CPU features", judge: judgeCPU,
	Remedy: "name the CPU that is built for (-march=x86-64-v2), never native; name the variant where a library picks one",
	Page: `A program looked at the CPU and built for it, or wrote down what it can.

-march=native, GOAMD64 from the machine, autotuning (ATLAS, FFTW, OpenBLAS), choices by /proc/cpuinfo. Name the CPU that you build for. Both
builders share a CPU: only what asks the C library, or reads /proc/cpuinfo, shows.`,
}

var cpuWords = lazyregexp.New(`(?i)^(x86-64-v[234]|avx\w*|sse\w*|fma|bmi[12]|haswell|skylake\w*|znver\d|icelake\w*|sapphirerapids|neon|sve2?|popcnt|f16c|aes|vaes|-?march=\S+)$`)

func judgeCPU(s *spot) (verdict, bool) {
	if v, ok := s.planted("T16"); ok {
		return v, true
	}
	for _, r := range s.runs {
		a, b := r.a.token(), r.b.token()
		if cpuWords.MatchString(a) || cpuWords.MatchString(b) {
			return verdict{certainty: Likely, weight: 6, evidence: fmt.Sprintf("names of CPU features: %s and %s", quote(a), quote(b))}, true
		}
	}
	return verdict{}, false
}
