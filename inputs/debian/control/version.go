package control

import (
	"fmt"
	"strings"

	version "github.com/knqyf263/go-deb-version"
)

// maxDigits bounds a run of digits: the comparing library holds them in 64 bits and would silently clamp longer ones.
const maxDigits = 18

// CheckVersion refuses what deb-version(7) does not allow, and runs of digits that cannot be compared exactly.
func CheckVersion(v string) error {
	run := 0
	for i := range len(v) {
		c := v[i]
		switch {
		case c >= '0' && c <= '9':
			run++
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', strings.IndexByte(".+-~:_", c) >= 0:
			run = 0
		default:
			return fmt.Errorf("bad version %q", clip(v))
		}
		if run > maxDigits {
			return fmt.Errorf("version %q has more than %d digits in a row", clip(v), maxDigits)
		}
	}
	if len(v) > 256 {
		return fmt.Errorf("version %q exceeds 256 bytes", clip(v))
	}
	if _, err := version.NewVersion(v); err != nil {
		return fmt.Errorf("bad version %q: %w", clip(v), err)
	}
	return nil
}

// Compare orders two versions as dpkg does: negative when a is earlier, zero when equal, positive when later.
func Compare(a, b string) (int, error) {
	for _, v := range []string{a, b} {
		if err := CheckVersion(v); err != nil {
			return 0, err
		}
	}
	x, err := version.NewVersion(a)
	if err != nil {
		return 0, err
	}
	y, err := version.NewVersion(b)
	if err != nil {
		return 0, err
	}
	return x.Compare(y), nil
}
