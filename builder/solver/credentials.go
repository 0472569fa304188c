package solver

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	"github.com/opencontainers/go-digest"
)

// MaxSecret is the largest secret that BuildKit hands to a step, in bytes.
const MaxSecret = secretsprovider.MaxSecretSize

// Credentials are what steps may use while recording: values of secrets and sockets of ssh agents, each by its id. They travel in the
// session, so neither is in the graph or in a cache key.
type Credentials struct {
	Secrets map[string][]byte
	Agents  map[string]string
	// Hide are values that may not be seen in a step's output.
	Hide [][]byte
}

// attachables offers them to the daemon.
func (c Credentials) attachables() ([]session.Attachable, error) {
	var out []session.Attachable
	if len(c.Secrets) > 0 {
		out = append(out, secretsprovider.FromMap(c.Secrets))
	}
	if len(c.Agents) == 0 {
		return out, nil
	}
	var agents []sshprovider.AgentConfig
	for _, id := range slices.Sorted(maps.Keys(c.Agents)) {
		agents = append(agents, sshprovider.AgentConfig{ID: id, Paths: []string{c.Agents[id]}})
	}
	p, err := sshprovider.NewSSHAgentProvider(agents)
	if err != nil {
		return nil, fmt.Errorf("offering the ssh agent to steps: %w", err)
	}
	return append(out, p), nil
}

// stars take the place of a value in a step's output.
var stars = []byte("***")

// mask hides values in the output of steps, which comes in pieces.
type mask struct {
	hide [][]byte
	held map[digest.Digest][]byte // by vertex: the end of its output so far that may be the beginning of a value
}

func newMask(hide [][]byte) *mask { return &mask{hide: hide, held: map[digest.Digest][]byte{}} }

// next gives what of a vertex's output may be shown once piece has come.
func (m *mask) next(v digest.Digest, piece []byte) []byte {
	if len(m.hide) == 0 {
		return piece
	}
	text := append(m.held[v], piece...)
	for _, h := range m.hide {
		text = bytes.ReplaceAll(text, h, stars)
	}
	keep := 0
	for _, h := range m.hide {
		for n := min(len(h)-1, len(text)); n > keep; n-- {
			if bytes.HasSuffix(text, h[:n]) {
				keep = n
			}
		}
	}
	cut := len(text) - keep
	m.held[v] = bytes.Clone(text[cut:])
	return text[:cut:cut]
}

// last gives what is still held when a vertex has ended.
func (m *mask) last(v digest.Digest) []byte {
	rest := m.held[v]
	delete(m.held, v)
	return rest
}
