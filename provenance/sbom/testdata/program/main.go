// The program is built by the tests: a Go binary with one dependency.
package main

import (
	"os"

	digest "github.com/opencontainers/go-digest"
)

func main() { os.Stdout.WriteString(digest.FromString("x").String()) }
