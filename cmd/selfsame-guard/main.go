// Command selfsame-guard sees to it that no container starts without a verdict: at admission, at pull, at start, and for as long as it runs.
package main

import (
	"context"
	"os"

	"github.com/selfsame-build/selfsame/internal/guardcli"
	"github.com/selfsame-build/selfsame/internal/invocation"
)

func main() {
	os.Exit(guardcli.Main(context.Background(), os.Args[1:], invocation.System()))
}
