//go:build linux

package main

import (
	"strings"
	"testing"
)

// TestFixedAddresses has a program, and one that it starts, look at their own personality and at where they lie; the clock is moved as ever.
func TestFixedAddresses(t *testing.T) {
	const look = "cat /proc/self/personality; sh -c 'grep -E \"stack|vdso|libc\" /proc/self/maps'"
	first := vary(t, "--fixed-addresses", "--", "sh", "-c", look)
	if second := vary(t, "--fixed-addresses", "--", "sh", "-c", look); first.out != second.out || first.exit != 0 {
		t.Errorf("twice:\n%s\n%s", first.out, second.out)
	}
	if !strings.HasPrefix(first.out, "00040000\n") {
		t.Errorf("personality: %s", first.out)
	}
	wantClean(t, first)
	if plain := vary(t, "--", "sh", "-c", look); !strings.HasPrefix(plain.out, "00000000\n") {
		t.Errorf("without the flag: %s", plain.out)
	}
}
