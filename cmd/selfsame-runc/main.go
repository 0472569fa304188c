// Command selfsame-runc stands before runc, for hosts without NRI: no container is created that the node agent does not allow.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"github.com/selfsame-build/selfsame/guard/belt"
)

// runc must end when whoever started us is killed, and Linux forgets the death signal where another thread than the first one calls execve:
// PR_SET_PDEATHSIG(2) is of a thread.
func init() { runtime.LockOSThread() }

func main() {
	program, err := os.Executable()
	if err == nil {
		runc, code := belt.Run(context.Background(), program, os.Args[1:], os.Stderr)
		if runc == "" {
			os.Exit(code)
		}
		// The same arguments byte for byte, also the first: runc looks at none of them to find itself.
		err = syscall.Exec(runc, os.Args, os.Environ()) //nolint:gosec // the settings name it
	}
	fmt.Fprintln(os.Stderr, "selfsame-runc:", err)
	os.Exit(1)
}
