package cause

import "github.com/selfsame-build/selfsame/internal/lazyregexp"

// networkContent is what came over the network, and was not the same twice.
var networkContent = Cause{
	Class: "T20", Title: "network content", judge: judgeNetwork,
	Remedy: "fetch by digest (ADD --checksum), or record it: selfsame lock",
	Page: `What a step fetched was not the same twice: a package index, a page, an archive made on demand.

A sealed build serves both builders the same recorded bytes. In other images fetch by digest, and delete indexes in the same step.`,
}

var fetched = lazyregexp.New(`(^|/)(var/lib/apt/lists/|var/cache/apt/|var/cache/(dnf|yum|apk)/|root/\.npm/_cacache|root/\.cache/pip/http|var/lib/dnf/|\.wget-hsts$)`)

func judgeNetwork(s *spot) (verdict, bool) {
	v := verdict{certainty: Likely, weight: 4, evidence: "a cache of what was fetched", fix: "delete it in the same step: rm -rf /" + s.path}
	return v, fetched.MatchString(s.path)
}
