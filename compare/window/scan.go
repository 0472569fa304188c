package window

import (
	"context"
	"errors"

	"github.com/selfsame-build/selfsame/compare"
)

// Scan searches the new layers of img, one pass, in bounded memory. It fails only when a layer cannot be read (diagnostic
// A0403), a span is the wrong way round or too long, or ctx is done.
func Scan(ctx context.Context, img *compare.Image, opt Options) (Result, error) {
	return Result{}, errors.New("not written yet")
}
