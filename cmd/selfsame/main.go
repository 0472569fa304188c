// Command selfsame builds a container image twice, from sealed inputs, and publishes it only if both builds are the same.
package main

import (
	"context"
	"os"
	"runtime"

	"github.com/selfsame-build/selfsame/internal/cli"
	_ "github.com/selfsame-build/selfsame/internal/pages" // the heap's first pages, at once
)

// What this process becomes (a daemon, the whole program) must end when whoever started it is killed, and Linux forgets that death signal
// where another thread than the first one calls execve: PR_SET_PDEATHSIG(2) is of a thread.
func init() { runtime.LockOSThread() }

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], cli.System()))
}
