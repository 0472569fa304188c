// Package drill rehearses a revocation, so that the day on which one is needed is not the first on which it is tried.
//
// Revoke takes an image that verifies, makes deny lists that nobody else ever sees, signed by a key that ends with the process, and has
// the verifier that everybody uses judge the image under each: what is denied must be refused, and what is not must pass. Nothing is
// published, and no list, key or image of the user's is changed.
package drill

import (
	"context"
	"errors"
	"fmt"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/verify"
)

// codeFailed is in internal/diag/codes_freshness.go.
const codeFailed diag.Code = "A0568"

// SchemaVersion is that of a Result's JSON.
const SchemaVersion = 1

// Status is how a step of the drill ended.
type Status string

// The statuses.
const (
	OK   Status = "ok"
	Fail Status = "fail"
	// None says that the image has nothing of that kind, so that there is nothing to rehearse.
	None Status = "none"
)

// Step is one rehearsal.
type Step struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	// Entries are what the throw-away list takes back.
	Entries []string `json:"entries,omitempty"`
	// ExitCode is that of the verification, or of opening the list.
	ExitCode int    `json:"exitCode"`
	Detail   string `json:"detail"`
}

// List is the deny list that verifiers ask now.
type List struct {
	Name       string    `json:"name"`
	Sequence   int64     `json:"sequence"`
	Entries    int       `json:"entries"`
	Issued     time.Time `json:"issued"`
	Expires    time.Time `json:"expires"`
	AgeSeconds int64     `json:"ageSeconds"`
	Stateless  bool      `json:"stateless"`
}

// Result is what a drill found.
type Result struct {
	SchemaVersion int           `json:"schemaVersion"`
	Reference     string        `json:"reference"`
	Name          string        `json:"name"`
	Digest        digest.Digest `json:"digest"`
	List          List          `json:"list"`
	Steps         []Step        `json:"steps"`
	Passed        bool          `json:"passed"`
	ExitCode      int           `json:"exitCode"`
}

// Options of a drill.
type Options struct {
	// Verify is what verifiers do, with the deny list that they ask (Deny).
	Verify verify.Options
	// Demand is what they ask of the list: its minimum, its age, and whether they have a memory. It is not written to.
	Demand freshness.Demand
	// Dir is a folder for the drill's own memory, which is thrown away.
	Dir string
	Now time.Time
}

// drill is one in the making.
type drill struct {
	Options
	signer *signing.Signer
	before verify.Result
	res    Result
}

// Revoke rehearses. The error is why there was no rehearsal: the image does not verify as it is (the verdict's own diagnostic), or cannot be read.
// What was found otherwise is in the Result, whose Err carries A0568.
func Revoke(ctx context.Context, o Options) (*Result, error) {
	if o.Verify.Deny == nil {
		return nil, errors.New("rehearsing a revocation: there is no deny list that verifiers ask")
	}
	signer, err := signing.NewEphemeral()
	if err != nil {
		return nil, err
	}
	d := &drill{Options: o, signer: signer.For(role)}
	if d.before, err = verify.Run(ctx, o.Verify); err != nil {
		return nil, err
	}
	if err := d.before.Err(); err != nil {
		return nil, fmt.Errorf("an image that does not verify cannot be taken back: %w", err)
	}
	l := o.Verify.Deny
	d.res = Result{
		SchemaVersion: SchemaVersion, Reference: o.Verify.Reference, Name: d.before.Name, Digest: o.Verify.Digest,
		List: List{
			Name: l.Name, Sequence: l.Sequence, Entries: len(l.Entries), Issued: l.Issued, Expires: l.Expires,
			AgeSeconds: int64(o.Now.Sub(l.Issued).Seconds()), Stateless: l.Stateless(),
		},
	}
	d.add(Step{Name: "before", Status: OK, ExitCode: d.before.ExitCode, Detail: d.before.Summary})
	if err := d.kinds(ctx); err != nil {
		return nil, err
	}
	if err := d.lists(); err != nil {
		return nil, err
	}
	return d.conclude(), nil
}

func (d *drill) add(s Step) { d.res.Steps = append(d.res.Steps, s) }

func (d *drill) conclude() *Result {
	r := &d.res
	r.Passed = true
	for _, s := range r.Steps {
		r.Passed = r.Passed && s.Status != Fail
	}
	if !r.Passed {
		r.ExitCode = codeFailed.Exit()
	}
	return r
}

// Err is nil for a drill that passed, else A0568.
func (r *Result) Err() error {
	if r.Passed {
		return nil
	}
	for _, s := range r.Steps {
		if s.Status == Fail {
			return diag.Errorf(codeFailed, "a revocation of `%s` would not take effect", r.Reference).
				WithWhy(s.Name + ": " + s.Detail).WithHelp("selfsame explain " + string(codeFailed))
		}
	}
	return diag.Errorf(codeFailed, "a revocation of `%s` would not take effect", r.Reference)
}

// reason is what the throw-away lists say.
const reason = "a drill; nothing is wrong with it"

// entry fills in what every entry has.
func (d *drill) entry(e provenance.DenyEntry) provenance.DenyEntry {
	e.Reason, e.Added = reason, d.Now.UTC().Truncate(time.Second)
	return e
}
