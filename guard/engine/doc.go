// Package engine decides for every gate of the guard: admission, pull, start, and the agent that keeps watching ask it, and get the same
// answer. It gathers evidence at most once for each image however many ask, has the policy decide, keeps verdicts no longer than they
// hold, and writes each decision down.
package engine
