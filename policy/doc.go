// Package policy says what may run: a policy is a list of rules over the evidence about one image, and Decide turns both into a verdict.
//
// A rule is a CEL expression. It sees the evidence and the time, and nothing else: neither network, files nor environment, nor
// who is asking. So the same image has the same verdict at every gate, and a verdict can be kept. What is not allowed is denied: an image
// for which no rule is in force, and a rule that fails, cannot be evaluated or costs too much. Some things no rule can allow
// (Evidence.Blocks): an image on the deny list, a veto, evidence that could not be read whole.
//
// The package is pure. Whose signatures count was decided before (trust, verify): everything in Evidence was verified, and
// what did not verify is not in it.
package policy
