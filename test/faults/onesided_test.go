package faults

import "testing"

// TestOneSidedRequest has a step fetch something else on B. Both files are locked, and the image is the same: it is refused all the same,
// each time, and the other twin's side of it is named too.
func TestOneSidedRequest(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	u := newUpstream(t, "locked\n")
	one, two := "http://"+u.host+"/one", "http://"+u.host+"/two"
	dir := withStep(t, dockerfile(t, "FROM scratch\nCOPY step /\nRUN [\"/step\", \"get\", \""+one+"\", \"/1\", \""+two+"\", \"/2\"]\n"+
		"RUN [\"/step\", \"either\", \""+one+"\", \""+two+"\"]\n", u.host))
	m.must(0, dir, words("lock -q"))
	for range 2 {
		m.must(11, dir, words("build -q"), "A0345", "Dockerfile:4", "only builder A asked for `"+one+"`", "only builder B asked for `"+two+"`")
	}
}
