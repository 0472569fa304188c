package canary

import (
	"slices"
	"strings"

	"golang.org/x/sys/cpu"
)

// optional are CPU features for which glibc has functions of their own, by glibc's names for them.
func optional() map[string]bool {
	return map[string]bool{
		"AVX2": cpu.X86.HasAVX2, "AVX512F": cpu.X86.HasAVX512F, "BMI2": cpu.X86.HasBMI2, "ERMS": cpu.X86.HasERMS, "FMA": cpu.X86.HasFMA,
	}
}

// features are the optional ones that glibc may use in a step with these tunables: what the CPU has, less what is masked. This program
// is static and has no glibc to ask.
func features(have map[string]bool, tunables string) string {
	masked := map[string]bool{}
	for t := range strings.SplitSeq(tunables, ":") {
		list, _ := strings.CutPrefix(t, "glibc.cpu.hwcaps=")
		for name := range strings.SplitSeq(list, ",") {
			if off, ok := strings.CutPrefix(name, "-"); ok {
				masked[off] = true
			}
		}
	}
	var out []string
	for name, has := range have {
		if has && !masked[name] {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}
