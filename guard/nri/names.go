package nri

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	digest "github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/wire"
	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// The bounds of Names.
const (
	maxDigests   = 20_000 // then the one that nobody asked about for longest goes
	maxNames     = 8      // of one digest that gates let through, and as many that they refused
	maxNameBytes = 255    // as the engine has it
	maxNamesFile = maxDigests * (2*maxNames*(maxNameBytes+4) + 120)
)

// namesFormat is the version of the file.
const namesFormat = "selfsame-names/v1"

// Names remembers by which names images are asked for, because NRI gives none for image volumes. A name proves nothing: it is only what
// evidence is then looked for under. That is why a file of them may be read after a restart, whoever wrote it: at worst a volume is
// refused. The zero value of a pointer remembers nothing.
//
// A name that a gate let through is one that the runtime may be asked for the digest by: containerd pulls under no other. One that every gate
// refused is on the node only if somebody imported or retagged the image there, and whoever may ask for containers can make such names up at
// will. So the two are kept apart.
type Names struct {
	// Asker answers, where Names stands before it.
	Asker engine.Asker

	mu    sync.Mutex
	known *simplelru.LRU[digest.Digest, names]
	dirty chan struct{} // one waits there while something is not written
}

// namesFile is how they are kept: least recently used first.
type namesFile struct {
	Format string       `json:"format"`
	Known  []namesOfOne `json:"known"`
}

type namesOfOne struct {
	Digest digest.Digest `json:"digest"`
	names
}

// names are those of one digest.
type names struct {
	Let     []string `json:"names,omitempty"`   // a gate let it through by these
	Refused []string `json:"refused,omitempty"` // and never by these
	More    bool     `json:"more,omitempty"`    // it was let through by more than are remembered
}

// OpenNames are the names that a file has kept, and those of Keep later on. A file that cannot be used is an error, and the names are none.
func OpenNames(asker engine.Asker, file string) (*Names, error) {
	n := &Names{Asker: asker, dirty: make(chan struct{}, 1)}
	atomicfile.RemoveLeft(file) // by a process that was killed
	kept, err := readNames(file)
	if err != nil {
		return n, fmt.Errorf("names of image volumes that were kept in `%s` are not used: %w", file, err)
	}
	for _, one := range kept.Known {
		for _, name := range one.Let {
			n.add(engine.Question{Name: name, Digest: one.Digest}, true)
		}
		for _, name := range one.Refused {
			n.add(engine.Question{Name: name, Digest: one.Digest}, false)
		}
		if one.More {
			n.more(one.Digest)
		}
	}
	return n, nil
}

func readNames(file string) (out namesFile, err error) {
	f, err := os.OpenFile(file, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0) //nolint:gosec // in the guard's own folder
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	} else if err != nil {
		return out, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() || st.Size() > maxNamesFile {
		return out, fmt.Errorf("no regular file of at most %d bytes", maxNamesFile)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxNamesFile))
	if err == nil {
		err = strictjson.Unmarshal(data, &out, strictjson.Limits{MaxBytes: maxNamesFile, MaxDepth: 5})
	}
	if err == nil && (out.Format != namesFormat || len(out.Known) > maxDigests) {
		err = fmt.Errorf("it is not %s", namesFormat)
	}
	return out, err
}

// Keep writes the names to a file whenever there are new ones, until ctx ends: at once, and then at most each pause.
func (n *Names) Keep(ctx context.Context, file string, pause time.Duration, notice func(string)) error {
	said := false
	for {
		select {
		case <-ctx.Done():
			return n.write(file, true)
		case <-n.dirty:
		}
		err := n.write(file, false)
		if err != nil && !said {
			notice("names of image volumes are not kept: " + err.Error())
		}
		said = err != nil
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// write writes all of them; last: only if something is not written yet.
func (n *Names) write(file string, last bool) error {
	if last {
		select {
		case <-n.dirty:
		default:
			return nil
		}
	}
	out := namesFile{Format: namesFormat}
	n.mu.Lock()
	if n.known != nil {
		for _, d := range n.known.Keys() {
			is, _ := n.known.Peek(d)
			out.Known = append(out.Known, namesOfOne{d, is})
		}
	}
	n.mu.Unlock()
	data, err := json.Marshal(out)
	if err != nil {
		return err
	}
	return atomicfile.Write(file, append(data, '\n'), 0o600)
}

// Ask implements engine.Asker.
func (n *Names) Ask(ctx context.Context, q engine.Question) engine.Answer {
	a := n.Asker.Ask(ctx, q)
	n.learn(ctx, q, a)
	return a
}

// AskAll implements engine.Asker.
func (n *Names) AskAll(ctx context.Context, qs []engine.Question) []engine.Answer {
	all := n.Asker.AskAll(ctx, qs)
	for i, q := range qs {
		n.learn(ctx, q, all[i])
	}
	return all
}

// learn takes a question's name, unless a guest asks: whoever may ask at will would push out the names of what was pulled, and then nobody
// asks about it where it is mounted.
func (n *Names) learn(ctx context.Context, q engine.Question, a engine.Answer) {
	if _, guest := engine.Guest(ctx); !guest {
		n.add(q, lets(a))
	}
}

// lets says whether an answer lets an image through for good: what break-glass opens for hours says nothing of its name afterwards.
func lets(a engine.Answer) bool { return a.Allow && a.Class != engine.ClassBreakGlass }

// add takes a name; let: a gate let the image through by it.
func (n *Names) add(q engine.Question, let bool) {
	if n == nil || q.Digest.Validate() != nil || q.Digest.Algorithm() != digest.SHA256 || len(q.Name) > maxNameBytes {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	is := n.get(q.Digest)
	if slices.Contains(is.Let, q.Name) || is.More && let || !let && (slices.Contains(is.Refused, q.Name) || len(is.Refused) >= maxNames) {
		return
	}
	if name, err := wire.Repository(q.Name); err != nil || name != q.Name {
		return
	}
	switch {
	case !let:
		is.Refused = append(slices.Clone(is.Refused), q.Name)
	case len(is.Let) >= maxNames:
		is.More = true
	default:
		is.Let = append(slices.Clone(is.Let), q.Name)
		is.Refused = slices.DeleteFunc(slices.Clone(is.Refused), func(name string) bool { return name == q.Name })
	}
	n.put(q.Digest, is)
}

func (n *Names) more(d digest.Digest) {
	n.mu.Lock()
	defer n.mu.Unlock()
	is := n.get(d)
	is.More = true
	n.put(d, is)
}

// get and put are called with mu held.
func (n *Names) get(d digest.Digest) (is names) {
	if n.known != nil {
		is, _ = n.known.Get(d)
	}
	return is
}

func (n *Names) put(d digest.Digest, is names) {
	if n.known == nil {
		n.known, _ = simplelru.NewLRU[digest.Digest, names](maxDigests, nil) // fails only for sizes below 1
	}
	n.known.Add(d, is)
	select {
	case n.dirty <- struct{}{}: // nobody keeps them where it is nil
	default:
	}
}

func (n *Names) of(d digest.Digest) names {
	if n == nil {
		return names{}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.get(d)
}

// asked are the names to ask under. must: it has to be allowed by each; may: it may be refused by these, though nobody may object there.
func (is names) asked() (must, may []string) {
	if len(is.Let) == 0 { // nothing tells apart what is meant
		return is.Refused, nil
	}
	return is.Let, is.Refused
}
