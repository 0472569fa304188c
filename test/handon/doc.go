// Package handon hands a verdict on: made by the command line, carried by a registry, taken over at a gate that has no other evidence.
package handon
