package drill

import (
	"errors"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/verify"
)

// TestWhatFails: a drill fails where a verifier would go on with what is taken back. That a real verifier does not is for internal/cli's
// TestDrill.
func TestWhatFails(t *testing.T) {
	entry := []provenance.DenyEntry{{Digest: digest.FromString("x")}}
	usable := diag.Errorf("A0560", "it does not count")
	for name, c := range map[string]struct {
		step Step
		want Status
	}{
		"denied":                     {refused("x", verify.Result{Verdict: verify.VerdictDenied, ExitCode: 14}, entry), OK},
		"verified":                   {refused("x", verify.Result{Verdict: verify.VerdictVerified}, entry), Fail},
		"refused for something else": {refused("x", verify.Result{Verdict: verify.VerdictRefused, ExitCode: 14}, entry), Fail},
		"undecided":                  {refused("x", verify.Result{Verdict: verify.VerdictUndecided, ExitCode: 17}, entry), Fail},
		"another exit code":          {refused("x", verify.Result{Verdict: verify.VerdictDenied}, entry), Fail},
		"an old list refused":        {unusable("x", "y", usable, "z"), OK},
		"an old list taken":          {unusable("x", "y", nil, "z"), Fail},
		"a list that broke":          {unusable("x", "y", errors.New("a bug"), "z"), Fail},
	} {
		d := drill{}
		d.add(Step{Name: "before", Status: OK})
		d.add(c.step)
		r := d.conclude()
		if c.step.Status != c.want || r.Passed != (c.want == OK) || (r.Err() == nil) != r.Passed || r.ExitCode != diag.ExitCode(r.Err()) {
			t.Errorf("%s: %+v, exit %d, %v", name, c.step, r.ExitCode, r.Err())
		}
	}
}
