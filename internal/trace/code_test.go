package trace

import (
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The golden bytes were checked against a disassembler; for x86-64 the end-to-end tests run them too, for arm64 these are all
// that is tested.
func TestWrappersAreTheGoldenBytes(t *testing.T) {
	const at, original, seconds = 0x1a40, 0xaf0, 34300800
	for _, c := range []struct {
		name string
		code func(at, original uint64, seconds int64) []byte
		want string
	}{
		{"x86 clock_gettime", x86ClockGettime, "83ff0b7723b8210900000fa3f8731956e89bf0ffff5e85c0750d48b980630b0200000000" +
			"48010ec3e983f0ffff"},
		{"x86 gettimeofday", x86Gettimeofday, "57e8aaf0ffff5f85c075124885ff740d48b980630b020000000048010fc3"},
		{"x86 time", x86Time, "57e8aaf0ffff5f48b980630b02000000004801c84885ff7403488907c3"},
		{"arm64 clock_gettime", a64ClockGettime, "5f2403d5" + "1f2c0071" + "48020054" + "29248152" + "2925c01a" + "e9010036" +
			"fd7bbea9" + "fd030091" + "e10b00f9" + "23fcff97" + "e10b40f9" + "fd7bc2a8" + "a0000035" + "29010058" + "2a0040f9" +
			"4a01098b" + "2a0000f9" + "c0035fd6" + "1f2003d5" + "1f2003d5" + "18fcff17" + "1f2003d5" + "80630b0200000000"},
		{"arm64 gettimeofday", a64Gettimeofday, "5f2403d5" + "fd7bbea9" + "fd030091" + "e00b00f9" + "28fcff97" + "e10b40f9" +
			"fd7bc2a8" + "c0000035" + "a10000b4" + "a9000058" + "2a0040f9" + "4a01098b" + "2a0000f9" + "c0035fd6" + "80630b0200000000"},
	} {
		if diff := cmp.Diff(c.want, hex.EncodeToString(c.code(at, original, seconds))); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}
