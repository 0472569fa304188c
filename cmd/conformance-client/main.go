// Command conformance-client speaks the command-line protocol of sigstore's conformance suite (github.com/sigstore/sigstore-conformance,
// docs/cli_protocol.md), so that the suite can be run against what selfsame verifies with. It is for tests and not part of selfsame.
package main

import (
	"os"

	"github.com/selfsame-build/selfsame/internal/conformance"
)

func main() { os.Exit(conformance.Main(os.Args[1:], os.Stderr)) }
