// Package sigstore imports ClusterImagePolicy resources of the sigstore policy-controller (policy.sigstore.dev, v1alpha1 and v1beta1).
//
// Each becomes one rule, and its keys and identities become a trust file. Every key of the source is either carried over or listed with its
// place; none is dropped in silence. What cannot be carried over makes the rule stricter, never weaker: a condition in CUE or Rego, for one,
// becomes `false` until somebody writes it in CEL.
package sigstore
