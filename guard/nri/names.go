package nri

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
	maxNames     = 4      // of one digest
	maxNameBytes = 255    // as the engine has it
	maxNamesFile = maxDigests * (maxNames*(maxNameBytes+4) + 100)
)

// namesFormat is the version of the file.
const namesFormat = "selfsame-names/v2"

// Names remembers by which names images are asked for, because NRI gives none for image volumes. A name proves nothing: it is only what
// evidence is then looked for under. That is why a file of them may be read after a restart, whoever wrote it: at worst a volume is
// refused. The zero value of a pointer remembers nothing.
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

// OpenNames are the names that a file has kept, and those of Keep later on. A file that cannot be used is an error, and the names are none.
func OpenNames(asker engine.Asker, file string) (*Names, error) {
	n := &Names{Asker: asker, dirty: make(chan struct{}, 1)}
	atomicfile.RemoveLeft(file) // by a process that was killed
	kept, err := readNames(file)
	if err != nil {
		return n, fmt.Errorf("names of image volumes that were kept in `%s` are not used: %w", file, err)
	}
	for _, one := range kept.Known {
		for _, name := range one.Firm {
			n.add(engine.Question{Name: name, Digest: one.Digest}, firm)
		}
		for _, name := range one.Loose {
			n.add(engine.Question{Name: name, Digest: one.Digest}, loose)
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
			names, _ := n.known.Peek(d)
			out.Known = append(out.Known, namesOfOne{d, names})
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
	if _, guest := engine.Guest(ctx); !guest {
		n.learn(q, a)
	}
	return a
}

// AskAll implements engine.Asker.
func (n *Names) AskAll(ctx context.Context, qs []engine.Question) []engine.Answer {
	all := n.Asker.AskAll(ctx, qs)
	if _, guest := engine.Guest(ctx); !guest && len(all) == len(qs) {
		for i, q := range qs {
			n.learn(q, all[i])
		}
	}
	return all
}

// learn takes the name of a question that was answered. A guest's is not taken: whoever may ask at will would push out the names of what was
// pulled, and then nobody asks about it where it is mounted.
func (n *Names) learn(q engine.Question, a engine.Answer) { n.add(q, standingOf(a)) }

func (n *Names) add(q engine.Question, s standing) {
	if n == nil || q.Digest.Validate() != nil || q.Digest.Algorithm() != digest.SHA256 || len(q.Name) > maxNameBytes {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil {
		n.known, _ = simplelru.NewLRU[digest.Digest, names](maxDigests, nil) // fails only for sizes below 1
	}
	before, _ := n.known.Get(q.Digest)
	after, changed := before.with(q.Name, s)
	if !changed {
		return
	}
	if name, err := wire.Repository(q.Name); err != nil || name != q.Name {
		return
	}
	n.known.Add(q.Digest, after)
	select {
	case n.dirty <- struct{}{}: // nobody keeps them where it is nil
	default:
	}
}

func (n *Names) of(d digest.Digest) []string {
	if n == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil {
		return nil
	}
	known, _ := n.known.Get(d)
	return known.all()
}
