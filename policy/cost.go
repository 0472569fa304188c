package policy

import (
	"fmt"

	"cel.dev/cel-go/common/cost"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// maxCost is what one rule may cost, in CEL's units: at load by estimate, and when it is asked by counting.
const maxCost = 20_000_000

// estimator says how long lists and texts of the evidence may be.
type estimator struct{}

// EstimateSize is the size of a list, map or text of the evidence.
func (estimator) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	path := n.Path()
	if len(path) == 0 {
		return nil
	}
	return sizeOf(path, n.Type())
}

// EstimateCallCost leaves calls to CEL.
func (estimator) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// cheap reports an expression that may cost too much.
func (l *loader) cheap(at string, c *compiled) bool {
	estimate, err := environment().EstimateCost(c.ast, estimator{})
	if err != nil {
		l.Report(diag.CodePolicyCost, l.At[at], "what `require` costs cannot be estimated: "+oneLine(err.Error()), "", "write it in a simpler way")
		return false
	}
	if estimate.Max > maxCost {
		l.Report(diag.CodePolicyCost, l.At[at], fmt.Sprintf("`require` may cost %d, more than %d", estimate.Max, maxCost),
			"a verdict must not take long, whatever the evidence", "walk the shorter list first, or use glob() in place of matches()")
		return false
	}
	return true
}
