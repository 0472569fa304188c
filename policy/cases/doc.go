// Package cases runs the cases of a policy: examples of evidence, each with the verdict that is wanted of it. They stand in a file beside
// the policy (prod_test.yaml beside prod.yaml) and do not change what the policy is.
//
// The package reads no clock: each case says at which time it is.
package cases
