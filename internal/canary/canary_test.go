package canary

import (
	"bytes"
	"os"
	"testing"
)

func TestFeatures(t *testing.T) {
	have := map[string]bool{"AVX2": true, "FMA": true, "ERMS": true, "BMI2": false}
	for tunables, want := range map[string]string{
		"":                                  "AVX2 ERMS FMA",
		"glibc.cpu.hwcaps=-AVX2,-FMA,-BMI2": "ERMS",
		"glibc.malloc.check=1:glibc.cpu.hwcaps=-ERMS": "AVX2 FMA",
		"glibc.cpu.hwcaps=AVX2":                       "AVX2 ERMS FMA",
	} {
		if got := features(have, tunables); got != want {
			t.Errorf("%q: %q, want %q", tunables, got, want)
		}
	}
}

func TestLayout(t *testing.T) {
	for _, c := range [][3]string{
		{"00000000", "2", "random"}, {"00040000", "2", "fixed"}, {"00040008", "1", "fixed"}, {"00000000", "0", "fixed"}, {"", "2", ""}, {"00000000", "", ""},
	} {
		if got := layout(c[0], c[1]); got != c[2] {
			t.Errorf("personality %q, randomize_va_space %q: %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

// TestObserveReadsThePlantedValues prints a report and reads it back.
func TestObserveReadsThePlantedValues(t *testing.T) {
	env := map[string]string{"SELFSAME_CANARY": "c", "TZ": "X-1", "LANG": "C.UTF-8", "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2"}
	var out bytes.Buffer
	if err := Run(t.Context(), &out, []string{"canary", t.TempDir()}, func(name string) string { return env[name] }); err != nil {
		t.Fatal(err)
	}
	r, err := Parse(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if r.Environment != "c" || r.TimeZone != "X-1" || r.Locale != "C.UTF-8" || r.Tunables != "glibc.cpu.hwcaps=-AVX2" {
		t.Errorf("report %+v", r)
	}
	if _, err := os.Stat("/proc/self/personality"); err == nil && r.AddressLayout == "" || r.OpenFiles == 0 {
		t.Errorf("report %+v", r)
	}
}
