// Command selfsame-pull is an image verifier for containerd: no image is pulled that the node agent does not allow.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/selfsame-build/selfsame/guard/pull"
)

func main() {
	os.Clearenv() // it is containerd's, with its proxies and tokens
	program, err := os.Executable()
	if err != nil {
		fmt.Printf("the pull is denied: nobody knows where %s is: %v\n", pull.Name, err)
		os.Exit(1)
	}
	os.Exit(pull.Main(context.Background(), program, os.Args[1:], os.Stdin, os.Stdout))
}
