//go:build linux

// Command selfsame-vary runs a command, and everything below it, in another world; README.md beside this file is its contract.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/selfsame-build/selfsame/internal/canary"
	"github.com/selfsame-build/selfsame/internal/trace"
	"github.com/selfsame-build/selfsame/internal/trace/world"
)

// The tracer works in the process's first thread, so that the process is alive exactly as long as the tracer is.
func init() { runtime.LockOSThread() }

func main() {
	switch filepath.Base(os.Args[0]) {
	case world.RuntimeName:
		fail(world.Runtime(os.Args))
	case world.QuietName:
		fail(world.Quiet(os.Args))
	}
	verb, args := "", os.Args[1:]
	if len(args) > 0 {
		verb, args = args[0], args[1:]
	}
	switch {
	case verb == "run":
		os.Exit(run(args))
	case verb == "enter" && len(args) == 1: // not for people: the process that becomes the command
		exit, err := trace.Enter(args[0])
		fmt.Fprintln(os.Stderr, "selfsame-vary:", err)
		os.Exit(exit)
	case verb == "cover" && len(args) == 1: // not for people: the hook that the runtime adds to a container
		if err := world.Cover(args[0], os.Stdin); err != nil {
			fail(err)
		}
	case verb == "canary" && len(args) > 0: // not for people: what the builder measures its surroundings with
		report, err := canary.Observe(args[0], os.Getenv("SELFSAME_CANARY"), args[1:])
		if err == nil {
			err = report.Print(os.Stdout)
		}
		if err != nil {
			fail(err)
		}
	case verb == "version":
		_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"schemaVersion": 1, "arch": runtime.GOARCH})
	default:
		fail(fmt.Errorf("usage: selfsame-vary run [flags] [--] COMMAND [ARGS...] | selfsame-vary version"))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "selfsame-vary:", err)
	os.Exit(trace.ExitWorld)
}
