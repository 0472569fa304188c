// Package gates tries each gate (admission, pull, start) with every condition of issue 6, "How it is tested": a real API server, a real
// containerd with both of its hooks, a real registry, and the programs of bin/ between them. Which test shows what, also those of other
// packages, is in docs/reference/gate-failures.md.
package gates
