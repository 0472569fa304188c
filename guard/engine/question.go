package engine

import (
	"context"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/breakglass"
	"github.com/selfsame-build/selfsame/policy"
)

// Gate is where a decision is asked for.
type Gate string

// The gates. None of them changes a verdict.
const (
	GateAdmission Gate = "admission" // a Kubernetes webhook
	GatePull      Gate = "pull"      // containerd's image verifier
	GateStart     Gate = "start"     // NRI, or the runtime wrapper
	GateWatch     Gate = "watch"     // what runs already
)

// Question asks whether an image may run.
type Question struct {
	// Name is the image's repository without tag or digest ("registry.example.com/team/shop"), normalised: what evidence must name, and
	// what rules are scoped by.
	Name   string        `json:"name"`
	Digest digest.Digest `json:"digest"` // of an index or a manifest; never a tag
	Who    Who           `json:"who"`
}

// Who is asking, for the log of decisions. It changes no verdict.
type Who struct {
	Gate      Gate   `json:"gate"`
	Namespace string `json:"namespace,omitempty"`
	Workload  string `json:"workload,omitempty"`  // "Pod/shop-0", "Deployment/shop"
	Container string `json:"container,omitempty"` // its name, or "volume NAME"
	User      string `json:"user,omitempty"`      // who asked the API server
	Reference string `json:"reference,omitempty"` // as it was written
	// OneOf is by how many names the image is asked for at once, where one that is allowed is enough; 0: by this one alone.
	OneOf int `json:"oneOf,omitempty"`
}

// Answer is a verdict for one question.
type Answer struct {
	policy.Verdict
	// Class says in a word why; Denial says it in lines.
	Class  Class `json:"class"`
	Epoch  Epoch `json:"epoch"`
	Cached bool  `json:"cached"`
	// Gathered is when the evidence was gathered that was judged; the zero time: none was.
	Gathered time.Time `json:"gathered,omitzero"`
	// Elsewhere is what is attached to a denied image and is about others.
	Elsewhere []policy.Elsewhere `json:"elsewhere,omitempty"`
	// BreakGlass is the statement that lets the image run against the policy: Allow is true then, and Reasons say what the policy had
	// against it.
	BreakGlass *Grant `json:"breakGlass,omitempty"`
}

// Grant is a break-glass statement in force.
type Grant = breakglass.Grant

// Epoch is policy's: who gathers evidence (verify/ground) is below this package and names it, too.
type Epoch = policy.Epoch

// Gatherer verifies what is attached to an image. It goes to the registry; the engine sees to it that it rarely has to.
type Gatherer interface {
	// Gather returns everything that was verified about the image, also if that is nothing. An error says that nothing could be decided
	// (a registry that is down): it is answered with a denial that is kept for seconds.
	Gather(ctx context.Context, name string, d digest.Digest) (policy.Evidence, error)
	// Epoch is the present one, without I/O.
	Epoch() Epoch
	// Refresh reads trust file and deny list anew. What cannot be read, is older than seen or has ended is an error, and the present state
	// stays until it ends itself.
	Refresh(ctx context.Context) error
}

// Asker is how gates ask: the engine itself, or a client of the node agent's socket.
type Asker interface {
	// Ask always answers: what could not be decided within ctx is denied, and says so. A decision that is under way goes on, for the next
	// one who asks.
	Ask(ctx context.Context, q Question) Answer
	// AskAll answers several at once, in their order.
	AskAll(ctx context.Context, qs []Question) []Answer
}

// Clock is time.Now, or a test's.
type Clock func() time.Time
