// Package belt is the weaker gate at container start, for hosts without NRI: a wrapper around the OCI runtime. It decides at `create`, and
// hands every other command on to the real runtime, argument for argument. It is weaker because a client may name another runtime, because
// root may call the real one, and because a runtime is not told which image its container is of: containerd is asked by the container's id, and
// podman's and Docker's state is read.
package belt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
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
	lookTime   = 2 * time.Second // to find the image
	answerTime = 8 * time.Second // the agent's
)

// Settings are PROGRAM.json's.
type Settings struct {
	Runtime string `json:"runtime"` // the real one
	Socket  string `json:"socket"`  // the agent's
	// Containerd is containerd's own socket, which knows the image of each of its containers. Empty: it is not asked.
	Containerd string `json:"containerd"`
	// Podman is the folder of podman's storage (its graph root: /var/lib/containers/storage), Docker that of a Docker daemon which keeps images
	// itself (its data root: /var/lib/docker; Containerd is the socket of the containerd which it uses then). Only root may be able to write there.
	Podman string `json:"podman"`
	Docker string `json:"docker"`
	// Annotations lets an annotation that holds a digest name the image where none of those is set. Whoever may write annotations then
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
		err = thin.Absolute(s.paths())
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

// paths are the settings that are paths.
func (s Settings) paths() map[string]string {
	all := map[string]string{"containerd": s.Containerd, "podman": s.Podman, "docker": s.Docker}
	maps.DeleteFunc(all, func(_, path string) bool { return path == "" })
	all["runtime"], all["socket"] = s.Runtime, s.Socket
	return all
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

// check asks whether the container's image may run, and what it mounts of others. nil: it may.
func (s Settings) check(ctx context.Context, c call) error {
	if c.id == "" {
		return refusal("a container", errors.New("the runtime was called without a container's id"))
	}
	found, err := s.image(ctx, c)
	if err != nil {
		return refusal("container "+c.id, err)
	}
	for _, g := range append([]group{{images: found.images}}, found.volumes...) {
		if err := s.decide(ctx, c.id, g, found.namespace); err != nil {
			return err
		}
	}
	return nil
}

// decide asks the agent about all that leads to one image, at once.
func (s Settings) decide(ctx context.Context, container string, g group, namespace string) error {
	if len(g.images) == 0 {
		return refusal("container "+container, errors.New("nobody knows its image"))
	}
	var asked []wire.Question
	var unnamed error
	for _, i := range g.images {
		repo, err := wire.Repository(i.name)
		if err == nil && !wire.IsDigest(i.digest) {
			err = fmt.Errorf("nobody knows the digest of %.120q", i.name)
		}
		if err != nil {
			if unnamed == nil {
				unnamed = err
			}
			continue
		}
		who := map[string]string{"gate": "start", "container": container, "reference": i.name}
		if g.at != "" {
			who["container"] = "volume at " + g.at + " of " + container
		}
		if namespace != "" {
			who["namespace"] = namespace
		}
		asked = append(asked, wire.Question{Name: repo, Digest: i.digest, Who: who})
	}
	if len(asked) == 0 {
		return refusal("container "+container, unnamed)
	}
	if denial := verdict(asked, wire.AskAll(ctx, s.Socket, asked, answerTime)); denial != "" {
		return errors.New(denial)
	}
	return nil
}

// verdict is why an image is denied, in the agent's words, by the answers about all that leads to it; empty: it is not. One digest with
// evidence that a rule is content with is enough, if nothing speaks against another one: index and manifest are of the very same image, and
// whoever objects may have seen no more than one of them.
func verdict(asked []wire.Question, answers []wire.Brief) string {
	allowed, open, first := map[string]bool{}, false, ""
	for n, b := range answers {
		switch {
		case b.Class == wire.Denied:
			return b.Denial
		case b.Allow:
			allowed[asked[n].Name] = true
			open = open || b.Class == wire.BreakGlass // against everything but the deny list
		case first == "":
			first = b.Denial // the likeliest one's says most
		}
	}
	if len(allowed) == 0 {
		return first
	}
	for n, b := range answers {
		if !b.Allow && !open && against(b, allowed[asked[n].Name]) {
			return b.Denial
		}
	}
	return ""
}

// against says whether a denial counts where another digest or name of the same image is allowed: somebody objects, or whether anybody does
// could not be found out in the repository whose evidence counts (beside). That there is no evidence, or none that is enough, speaks against
// nothing.
func against(b wire.Brief, beside bool) bool {
	switch b.Class {
	case wire.Objected:
		return true
	case wire.Rule, wire.Missing, wire.Invalid, wire.Gone:
		return false
	}
	return beside
}

func refusal(what string, err error) error {
	rule, fix := "nobody knows its image", "have "+Name+".json say who knows it (containerd, podman, docker), and use an image that was pulled from a registry"
	if errors.Is(err, errTooMany) {
		rule, fix = "more leads to its image than is looked at, and somebody may object to the rest", "remove the image from this host, with all its names, and pull it again by the digest of its platform"
	}
	return fmt.Errorf("%.80s is denied: %.300s\nbefore any rule: %s\nfix: %s", what, strings.ReplaceAll(err.Error(), "\n", " "), rule, fix)
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
