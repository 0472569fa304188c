package artifact

import "context"

// Slots bounds how much one run reads at one time, over all that it reads: make(Slots, n) has n of them. Whoever holds one waits for no
// other. Nil is no bound.
type Slots chan struct{}

// Take waits for a slot. It fails with the context's cause when ctx ends first.
func (s Slots) Take(ctx context.Context) error {
	if s == nil {
		return nil
	}
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Give gives a slot back.
func (s Slots) Give() {
	if s != nil {
		<-s
	}
}

// Do calls f while it holds a slot. Its error is f's, or that of Take.
func (s Slots) Do(ctx context.Context, f func() error) error {
	if err := s.Take(ctx); err != nil {
		return err
	}
	defer s.Give()
	return f()
}
