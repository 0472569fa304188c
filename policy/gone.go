package policy

import "errors"

// ErrGone says, in the error of whoever gathers evidence, that the image itself is not in its repository. What else is not there (a bundle,
// a list) is no fact about the image: it may have spoken against it.
var ErrGone = errors.New("the image is not in its repository")
