// Command selfsame builds a container image twice, from sealed inputs, and publishes it only if both builds are the same.
package main

import (
	"context"
	"os"

	"github.com/selfsame-build/selfsame/internal/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], cli.System()))
}
