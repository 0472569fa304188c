package compare

import (
	"context"
	"errors"
)

// Images compares two images. A difference is a result, not an error; errors are unreadable or hostile images (diagnostic
// A0403) and a done ctx. LevelManifest is only reported after every blob of both layouts was read and has its digest, and
// every layer decompresses to its diffID.
func Images(ctx context.Context, a, b *Image, opt Options) (Report, error) {
	return Report{}, errors.New("not written yet")
}
