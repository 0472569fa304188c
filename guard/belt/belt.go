// Package belt is the weaker gate at container start, for hosts without NRI: a wrapper around the OCI runtime. It decides at `create`, and
// hands every other command on to the real runtime, argument for argument. It is weaker because a client may name another runtime, because
// root may call the real one, and because a runtime is not told which image its container is of: containerd is asked, by the container's id.
package belt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/guard/thin"
	"github.com/selfsame-build/selfsame/guard/wire"
)

// Name is the program's name.
const Name = "selfsame-runc"

// The deadlines of one decision. Shims wait for the runtime as long as their own caller does.
const (
	lookTime   = 2 * time.Second // containerd's
	answerTime = 8 * time.Second // the agent's
)

// Settings are PROGRAM.json's.
type Settings struct {
	Runtime string `json:"runtime"` // the real one
	Socket  string `json:"socket"`  // the agent's
	// Containerd is containerd's own socket, which knows the image of each of its containers. Empty: nobody is asked.
	Containerd string `json:"containerd"`
	// Annotations lets an annotation that holds a digest name the image where containerd is not asked. Whoever may write annotations then
	// says what is checked; CRI-O lets nobody write this one, `podman run --annotation` lets everybody.
	Annotations bool `json:"annotations"`
}

// Run is one invocation: it gives the path of the real runtime to execute with the very same arguments, or the exit code of a refusal.
// args are without the program's name.
func Run(ctx context.Context, program string, args []string, stderr io.Writer) (runtime string, code int) {
	s := Settings{Runtime: "/usr/bin/runc", Socket: thin.Socket}
	c := parse(args)
	err := thin.Load(program, &s)
	if err == nil {
		err = thin.Absolute(map[string]string{"runtime": s.Runtime, "socket": s.Socket})
	}
	if err == nil {
		err = apart(program, s.Runtime)
	}
	if err == nil && c.unknown {
		err = errors.New("a command of the runtime is called that this program does not know; whether it makes a container is not known either")
	}
	if err == nil && c.starts {
		err = s.check(ctx, c)
	}
	if err != nil {
		c.tell(err, stderr)
		return "", 1
	}
	return s.Runtime, 0
}

// apart says whether the real runtime is the wrapper itself, which would call itself for ever.
func apart(program, runtime string) error {
	a, err := os.Stat(program)
	if err != nil {
		return err
	}
	b, err := os.Stat(runtime)
	if err == nil && os.SameFile(a, b) {
		err = fmt.Errorf("settings: %q is %s itself", "runtime", Name)
	}
	return err
}

// check asks whether the container's image may run. nil: it may.
func (s Settings) check(ctx context.Context, c call) error {
	if c.id == "" {
		return refusal("a container", errors.New("the runtime was called without a container's id"))
	}
	found, err := s.image(ctx, c)
	if err != nil {
		return refusal("container "+c.id, err)
	}
	repo, err := wire.Repository(found.name)
	if err == nil && !wire.IsDigest(found.digest) {
		err = fmt.Errorf("nobody knows the digest of %.120q", found.name)
	}
	if err != nil {
		return refusal("container "+c.id, err)
	}
	who := map[string]string{"gate": "start", "container": c.id, "reference": found.name}
	if found.namespace != "" {
		who["namespace"] = found.namespace
	}
	if b := wire.Ask(ctx, s.Socket, wire.Question{Name: repo, Digest: found.digest, Who: who}, answerTime); !b.Allow {
		return errors.New(b.Denial)
	}
	return nil
}

func refusal(what string, err error) error {
	return fmt.Errorf("%.80s is denied: %.300s\nbefore any rule: nobody knows its image\nfix: have %s.json name containerd's socket, and use an image that containerd pulled", what, strings.ReplaceAll(err.Error(), "\n", " "), Name)
}

// tell writes why not where the caller looks: into runc's log file, in runc's form, and to stderr.
func (c call) tell(err error, stderr io.Writer) {
	text := "selfsame: " + err.Error()
	fmt.Fprintln(stderr, text)
	if c.log == "" {
		return
	}
	f, openErr := os.OpenFile(filepath.Clean(c.log), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if openErr != nil {
		return // stderr has it
	}
	defer func() { _ = f.Close() }()
	_ = json.NewEncoder(f).Encode(map[string]string{"level": "error", "msg": text})
}
