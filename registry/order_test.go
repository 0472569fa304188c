package registry

import (
	"errors"
	"testing"
)

// TestInOrder: the error is that of the first entry that fails, also when a later one fails before it.
func TestInOrder(t *testing.T) {
	first, second := errors.New("first"), errors.New("second")
	failed := make(chan struct{})
	err := inOrder(2, 2, func(i int) error {
		if i == 0 {
			<-failed
			return first
		}
		defer close(failed)
		return second
	})
	if !errors.Is(err, first) {
		t.Errorf("%v, want %v", err, first)
	}
}
