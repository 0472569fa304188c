// Package starter holds policies to start from, each with its cases: the common wishes, written out.
package starter

import (
	"embed"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// Policy is a policy to start from.
type Policy struct {
	Name   string
	Title  string // one line
	Policy []byte // the policy's file
	Cases  []byte // the file of cases that stands beside it
}

// Names are all policies, the most wanted first.
var Names = []string{"signed-by-us", "reproduced-here", "reproduced-by-others", "bases-from-a-list", "not-older-than", "known-licences", "slsa-level"}

// Get finds a policy by its name.
func Get(name string) (Policy, bool) {
	text, err := files.ReadFile(name + ".yaml")
	if err != nil || strings.HasSuffix(name, "_test") {
		return Policy{}, false
	}
	cases, err := files.ReadFile(name + "_test.yaml")
	if err != nil {
		return Policy{}, false
	}
	title, _, _ := strings.Cut(strings.TrimPrefix(string(text), "# "), "\n")
	return Policy{Name: name, Title: title, Policy: text, Cases: cases}, true
}
