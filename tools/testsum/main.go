// Command testsum reads the output of `go test -json` and prints what a person wants of it: a line a package, everything
// that failing tests and builds printed, every skipped test with its reason, and a closing count.
//
// A skipped test is a thing not proved, so it is never silent: "N passed, N failed, N skipped" comes after the reasons.
// The exit code is 1 if anything failed or if no test ran at all.
package main

import (
	"fmt"
	"os"
)

func main() {
	sum, err := read(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
	sum.print(os.Stdout)
	if !sum.ok() {
		os.Exit(1)
	}
}
