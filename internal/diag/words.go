package diag

import (
	"errors"
	"fmt"
	"io/fs"
)

// Counted is a number of things, in words: "1 entry", "2 entries".
func Counted[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// WithoutPath is why something could not be done to a file, for a message that names the file itself.
func WithoutPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
