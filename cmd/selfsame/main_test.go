//go:build linux

package main

import (
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
)

var moved bool

// TestMain runs where main does: in the first goroutine. It gives that many occasions to go on in another thread.
func TestMain(m *testing.M) {
	for range 2 * runtime.GOMAXPROCS(0) {
		go func() {
			for {
				runtime.Gosched()
			}
		}()
	}
	nap := syscall.NsecToTimespec(int64(15 * time.Millisecond))
	for range 10 {
		_ = syscall.Nanosleep(&nap, nil) // longer than the scheduler waits before it gives the processor to others
		moved = moved || syscall.Gettid() != os.Getpid()
	}
	os.Exit(m.Run())
}

// TestFirstThread: builders whose supervisor was killed stayed now and then, because their process had been
// replaced from another thread than its first.
func TestFirstThread(t *testing.T) {
	if moved {
		t.Error("main goes on in another thread than the process's first")
	}
}
