//go:build front

package policy

import (
	"context"
	"errors"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// In the front (internal/cli/handover.go) nothing evaluates rules: setting CEL up takes longer than verifying an image. Nobody can make a
// Policy there, and one that nobody made denies.

// Policy is a set of rules; there is none in the front.
type Policy struct{}

// ErrElsewhere is what the front answers where a policy is to decide.
var ErrElsewhere = errors.New("policies are evaluated by another program")

// Load and Parse have nothing to evaluate rules with.
func Load(string) (*Policy, error) { return nil, ErrElsewhere }

// Parse is as Load.
func Parse(string, []byte) (*Policy, error) { return nil, ErrElsewhere }

// Check finds nothing.
func (*Policy) Check(time.Time) diag.List { return nil }

// EndingBy is the policy itself.
func (p *Policy) EndingBy(time.Time) *Policy { return p }

// Edition is of no policy.
func (*Policy) Edition() Edition { return Edition{} }

// Expires is never.
func (*Policy) Expires() time.Time { return time.Time{} }

// Decide denies.
func (*Policy) Decide(_ context.Context, e *Evidence, _ time.Time) Verdict {
	return Verdict{Image: e.Image, Rules: []Outcome{}, Reasons: []string{ErrElsewhere.Error()}, ExitCode: diag.ExitUndecided}
}
