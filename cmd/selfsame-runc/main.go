// Command selfsame-runc stands before runc, for hosts without NRI: no container is created that the node agent does not allow.
package main

import (
	"context"
	"fmt"
	"os"
	"syscall"

	"github.com/selfsame-build/selfsame/guard/belt"
)

func main() {
	program, err := os.Executable()
	if err == nil {
		runtime, code := belt.Run(context.Background(), program, os.Args[1:], os.Stderr)
		if runtime == "" {
			os.Exit(code)
		}
		// The same arguments byte for byte, also the first: runc looks at none of them to find itself.
		err = syscall.Exec(runtime, os.Args, os.Environ()) //nolint:gosec // the settings name it
	}
	fmt.Fprintln(os.Stderr, "selfsame-runc:", err)
	os.Exit(1)
}
