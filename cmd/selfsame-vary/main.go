//go:build linux

// Command selfsame-vary runs a command, and everything below it, in another world; README.md beside this file is its contract.
package main

import (
	"os"
	"runtime"

	"github.com/selfsame-build/selfsame/internal/trace/command"
)

// The tracer works in the process's first thread, so that the process is alive exactly as long as the tracer is.
func init() { runtime.LockOSThread() }

func main() { os.Exit(command.Main(os.Args, os.Getenv)) }
