package policy

import (
	"fmt"

	"cel.dev/cel-go/common/cost"

	"github.com/selfsame-build/selfsame/internal/diag"
)

const (
	// maxEstimate is what one rule may cost at worst, in CEL's units, estimated when it is loaded for evidence of the greatest sizes. It
	// keeps out what grows with the square of a long list, whatever the evidence of today.
	maxEstimate = 1_000_000_000
	// maxCost is what one rule may cost when it is asked, counted while it runs: some tenths of a second.
	maxCost = 10_000_000
)

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
	if estimate.Max > maxEstimate {
		much := fmt.Sprintf("may cost %d million, more than %d", estimate.Max/1_000_000, maxEstimate/1_000_000)
		if estimate.Max > maxEstimate*1_000_000_000 {
			much = "may cost more than anybody can say"
		}
		l.Report(diag.CodePolicyCost, l.At[at], "`require` "+much,
			"a verdict must not take long, whatever the evidence", "walk the shorter list first, or use glob() in place of matches()")
		return false
	}
	return true
}
