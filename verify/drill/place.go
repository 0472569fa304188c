package drill

import (
	"context"
	"errors"
	"time"

	"github.com/selfsame-build/selfsame/freshness"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// role is whose a deny list is to sign.
const role = trust.Revoker

// memory is a place of a list that is nowhere but in this process. The bundle in it is a real one.
type memory struct {
	name   string
	bundle []byte
}

func (m memory) Name() string   { return m.name }
func (m memory) String() string { return "a drill" }

func (m memory) Read(context.Context) ([]byte, string, bool, error) {
	return m.bundle, m.String(), true, nil
}

func (m memory) Write(context.Context, []byte) (string, error) {
	return "", errors.New("a drill writes nothing")
}

// list signs a list of these entries beside those of the current one, and opens it as a verifier would who has the throw-away key.
func (d *drill) list(sequence int64, issued time.Time, memo *freshness.Memory, entries ...provenance.DenyEntry) (*freshness.DenyList, error) {
	now := d.Verify.Deny
	all := append(now.Entries[:len(now.Entries):len(now.Entries)], entries...)
	st, err := provenance.DenyListStatement(now.Name, provenance.DenyList{Edition: provenance.NewEdition(sequence, issued, life), Entries: all})
	if err != nil {
		return nil, err
	}
	bundle, err := signing.Sign(context.Background(), d.signer, st.Payload)
	if err != nil {
		return nil, err
	}
	demand := freshness.Demand{
		Trust: signing.Trust{Keys: []*signing.Verifier{d.signer.Verifier()}}, Now: d.Now, Minimum: d.Demand.Minimum, MaxAge: d.Demand.MaxAge, Memory: memo,
	}
	return freshness.OpenDenyList(context.Background(), memory{now.Name, bundle}, demand)
}

// life is how long a throw-away list counts.
const life = time.Hour
