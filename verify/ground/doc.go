// Package ground makes ready what verification stands on: trust file, roster, trusted root, deny list, release indexes, the policy, and a
// client for registries. The command line and the guard both start from here, so that one piece of code says whose word counts.
//
// Ground keeps all that for a process that verifies for as long as it runs. Gather verifies one image by it, as often and by as many at a
// time as one likes; Refresh reads it anew.
package ground
