package policy

import "errors"

// ErrRevoked says, with the error of whoever reads policies, that the one given before does not count any more: who signed it may not by the
// trust file of now, or the deny list names him. It must not go on being in force until another one can be read.
var ErrRevoked = errors.New("the policy that was in force does not count any more")
