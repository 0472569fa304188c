//go:build linux

// Command selfsame-canary looks at the machine from inside a build step, on a platform that selfsame-vary is not made for: a build
// runs it in the emulator, because what steps see there is not what they see without one. It is made for each such architecture and
// is named after it (selfsame-canary-arm64).
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/selfsame-build/selfsame/internal/canary"
)

func main() {
	if err := canary.Run(context.Background(), os.Stdout, os.Args[1:], os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "selfsame-canary:", err)
		os.Exit(1)
	}
}
