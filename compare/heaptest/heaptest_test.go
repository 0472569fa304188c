package heaptest

import (
	"runtime"
	"testing"
)

var sink, left []byte

func garbage() {
	for range 2000 {
		sink = make([]byte, 100<<10)
	}
}

func held() {
	all := make([]byte, 64<<20)
	garbage()
	runtime.KeepAlive(all)
}

// failed takes what a test says, to see whether it fails.
type failed struct {
	testing.TB
	yes bool
}

func (f *failed) Errorf(string, ...any) { f.yes = true }
func (*failed) Logf(string, ...any)     {}
func (*failed) Helper()                 {}

// kept stays after the call that made it.
func kept() {
	if left == nil {
		left = make([]byte, 64<<20)
	}
	garbage()
}

func TestWithin(t *testing.T) {
	defer func() { sink, left = nil, nil }()
	for name, c := range map[string]struct {
		limit int64
		f     func()
		fails bool
	}{
		"garbage does not count": {32 << 20, garbage, false},
		"what is held does":      {63 << 20, held, true},
		"up to the limit":        {100 << 20, held, false},
		"and what is left":       {63 << 20, kept, true},
	} {
		left = nil
		f := &failed{}
		if Within(f, c.limit, c.f); f.yes != c.fails {
			t.Errorf("%s: %v", name, f.yes)
		}
	}
}
