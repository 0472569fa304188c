package policy

import (
	"slices"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// suspicious warns of expressions that say something else than they seem to.
func (l *loader) suspicious(at string, _ expression, c *compiled) {
	if !slices.ContainsFunc(variableNames(), func(v string) bool { return slices.Contains(names(c.ast), v) }) {
		l.warn(diag.CodePolicyConstant, l.At[at], "the rule `"+c.name+"` looks at no evidence", "it says the same of every image", "use one of the variables in docs/reference/policy.md")
	}
}
