// Package pull is the gate at image pull: containerd's image verifier (docs/image-verification.md of containerd). It asks the node agent
// by digest, and whatever goes wrong is a refusal in words. It imports no network but a unix socket, starts no process, and its own
// environment, which is containerd's with all its proxies and tokens, is thrown away before anything else.
package pull

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/guard/thin"
	"github.com/selfsame-build/selfsame/guard/wire"
)

// Name is the program's name.
const Name = "selfsame-pull"

// descriptorType is the only thing that containerd writes to stdin.
const descriptorType = "application/vnd.oci.descriptor.v1+json"

// maxDescriptor bounds stdin, in bytes.
const maxDescriptor = 64 << 10

// Deadline is within what time there is an answer: containerd kills a verifier after 10 s, and then nobody reads our words.
const Deadline = 8 * time.Second

// answerTime is the agent's part of it.
const answerTime = 6500 * time.Millisecond

// Settings are PROGRAM.json's.
type Settings struct {
	Socket string `json:"socket"` // the agent's
}

// Main asks, writes to out why not, and gives the exit code: 0 lets the pull go on. program is the program's own path.
func Main(ctx context.Context, program string, args []string, in io.Reader, out io.Writer) int {
	ctx, cancel := context.WithTimeout(ctx, Deadline)
	defer cancel()
	done := make(chan wire.Brief, 1)
	go func() { done <- decide(ctx, program, args, in) }() // a caller that keeps stdin open holds nobody up
	var got wire.Brief
	select {
	case got = <-done:
	case <-ctx.Done():
		got.Denial = refuse(errors.New("not decided in time"))
	}
	if got.Allow {
		return 0
	}
	_, _ = io.WriteString(out, got.Denial+"\n")
	return 1
}

func decide(ctx context.Context, program string, args []string, in io.Reader) wire.Brief {
	s := Settings{Socket: thin.Socket}
	err := thin.Load(program, &s)
	if err == nil {
		err = thin.Absolute(map[string]string{"socket": s.Socket})
	}
	var q wire.Question
	if err == nil {
		q, err = question(args, in)
	}
	if err != nil {
		return wire.Brief{Denial: refuse(err)}
	}
	return wire.Ask(ctx, s.Socket, q, answerTime)
}

// refuse is a denial of our own, in three lines.
func refuse(err error) string {
	return fmt.Sprintf("the pull is denied: %.300s\nbefore any rule\nfix: let containerd call %s, and install it with the agent of the same version", strings.ReplaceAll(err.Error(), "\n", " "), Name)
}

// question is what containerd asks. The name decides nothing by itself: evidence has to bear it, and the digest.
func question(args []string, in io.Reader) (wire.Question, error) {
	flags := flag.NewFlagSet(Name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	name, digest, media := flags.String("name", "", ""), flags.String("digest", "", ""), flags.String("stdin-media-type", "", "")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return wire.Question{}, fmt.Errorf("%s has no help of its own: containerd runs it as an image verifier (docs/how-to/node-gates.md)", Name)
	} else if err != nil {
		return wire.Question{}, err
	}
	if flags.NArg() != 0 || *media != descriptorType {
		return wire.Question{}, fmt.Errorf("this is not the call of an image verifier (stdin is %.80q)", *media)
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxDescriptor+1))
	if err != nil {
		return wire.Question{}, fmt.Errorf("reading the descriptor: %w", err)
	}
	var d struct {
		Digest string `json:"digest"`
	}
	switch {
	case len(raw) > maxDescriptor:
		return wire.Question{}, fmt.Errorf("a descriptor of more than %d bytes", maxDescriptor)
	case json.Unmarshal(raw, &d) != nil:
		return wire.Question{}, errors.New("the descriptor is not one")
	case !wire.IsDigest(*digest) || d.Digest != *digest:
		return wire.Question{}, fmt.Errorf("the descriptor is of %.80q, and the question about %.80q", d.Digest, *digest)
	}
	repo, err := wire.Repository(*name)
	if err != nil {
		return wire.Question{}, err
	}
	return wire.Question{Name: repo, Digest: *digest, Who: map[string]string{"gate": "pull", "reference": *name}}, nil
}
