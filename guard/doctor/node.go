package doctor

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/selfsame-build/selfsame/guard/agent"
	"github.com/selfsame-build/selfsame/guard/config"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// Node says what is looked at.
type Node struct {
	Containerd string    // its configuration; "-": Dump is the output of `containerd config dump`
	Dump       io.Reader // read where Containerd is "-"
	// Version is containerd's where it is known; empty: it is asked for, at the address in its configuration.
	Version string
	Guard   string // the guard's configuration
	Client  string // name of the image verifier's program
	Plugin  string // name of the guard's NRI plugin
	UID     int    // who may own what root may own; who looks
}

// Check finds every way around the guard on this node. It opens files, and asks two sockets: containerd's and the agent's.
func (n Node) Check(ctx context.Context) []Finding {
	out := n.guard(ctx)
	s, err := readSettings(n.Containerd, n.Dump)
	if err != nil {
		return sorted(append(out, Finding{Code: "A0972", Place: n.Containerd, Summary: "containerd's configuration cannot be read: " + err.Error(),
			Why: "what cannot be read may switch anything off", Fix: "run as root, or pipe `containerd config dump` into --containerd-config -"}))
	}
	return sorted(slices.Concat(out, s.fallbacks(), n.verifier(s), n.nri(s), n.version(ctx, s)))
}

// disabled finds a plugin of containerd that its configuration takes out.
func (s settings) disabled(plugin string, code diag.Code, why string) (out []Finding) {
	for _, v := range s.all("disabled_plugins") {
		list, ok := v.any.([]any)
		if !ok || slices.Contains(list, any(plugin)) {
			out = append(out, Finding{Code: code, Place: v.place, Summary: fmt.Sprintf("`disabled_plugins` takes %s out", plugin), Why: why, Fix: "take it out of disabled_plugins"})
		}
	}
	return out
}

// guard looks at the guard itself: its configuration, and the agent that all gates ask.
func (n Node) guard(ctx context.Context) []Finding {
	c, err := config.Load(n.Guard)
	if err != nil {
		return []Finding{{Code: "A0975", Place: n.Guard, Summary: "the guard's configuration is wrong: " + firstLine(err), Why: "the agent will not start with it, and nothing starts without the agent",
			Fix: "selfsame-guard check --config " + n.Guard}}
	}
	if _, err := (agent.Client{Socket: c.Socket.Path}).Status(ctx); err != nil {
		return []Finding{{Code: "A0974", Place: c.Socket.Path, Summary: "the node agent does not answer: " + firstLine(err), Why: "the gates of this node ask it, and refuse everything that is new while it does not answer",
			Fix: "selfsame-guard agent --config " + n.Guard}}
	}
	return n.writable("A0974", c.Socket.Path, "whoever can replace the socket answers every question about images")
}

// firstLine is the first thing that is wrong; a list of diagnostics puts each on a line.
func firstLine(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimPrefix(text, ": ")
}

func finding(code diag.Code, place, summary, why, fix string) Finding {
	return Finding{Code: code, Place: place, Summary: summary, Why: why, Fix: fix}
}

func dotted(path []string) string { return strings.Join(path, ".") }
