//go:build linux

// Package command is the command line of selfsame-vary (cmd/selfsame-vary/README.md).
package command

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/selfsame-build/selfsame/internal/canary"
	"github.com/selfsame-build/selfsame/internal/trace"
	"github.com/selfsame-build/selfsame/internal/trace/world"
)

// Main does what argv asks and gives the exit code. The base name of argv[0] matters: builders start this program under other
// names as their OCI runtime. getenv reads an environment variable.
func Main(argv []string, getenv func(string) string) int {
	switch filepath.Base(argv[0]) {
	case world.RuntimeName:
		return fail(world.Runtime(argv))
	case world.QuietName:
		return fail(world.Quiet(argv))
	}
	verb, args := "", argv[1:]
	if len(args) > 0 {
		verb, args = args[0], args[1:]
	}
	switch {
	case verb == "run":
		return run(args)
	case verb == "enter" && len(args) == 1: // not for people: the process that becomes the command
		exit, err := trace.Enter(args[0])
		fmt.Fprintln(os.Stderr, "selfsame-vary:", err)
		return exit
	case verb == "cover" && len(args) == 1: // not for people: the hook that the runtime adds to a container
		if err := world.Cover(args[0], os.Stdin); err != nil {
			return fail(err)
		}
	case verb == "canary", verb == "carry": // not for people: what the builder measures its surroundings with
		if err := canary.Run(context.Background(), os.Stdout, argv[1:], getenv); err != nil {
			return fail(err)
		}
	case verb == "version":
		_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"schemaVersion": 1, "arch": runtime.GOARCH})
	default:
		return fail(fmt.Errorf("usage: selfsame-vary run [flags] [--] COMMAND [ARGS...] | selfsame-vary version"))
	}
	return 0
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "selfsame-vary:", err)
	return trace.ExitWorld
}
