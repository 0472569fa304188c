package canary

import "strconv"

// The two values of Report.AddressLayout.
const (
	layoutRandom = "random"
	layoutFixed  = "fixed"
)

// addrNoRandomize is ADDR_NO_RANDOMIZE of personality(2).
const addrNoRandomize = 0x0040000

// layout says whether the kernel lays out a program started here at random (Report.AddressLayout). /proc tells what personality(2) would,
// which a step's seccomp profile may forbid.
func layout(personality, randomize string) string {
	flags, err := strconv.ParseUint(personality, 16, 32)
	if err != nil || randomize == "" {
		return ""
	}
	if flags&addrNoRandomize != 0 || randomize == "0" {
		return layoutFixed
	}
	return layoutRandom
}
