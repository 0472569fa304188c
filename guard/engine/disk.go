package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	digest "github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/flock"
	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// diskFormat is the version of files; what has another is not read.
const diskFormat = "selfsame-evidence/v2"

// disk keeps verified evidence across restarts, one file for each image. It keeps no verdicts: those are reached anew, by the policy in
// force, so a file can bring no verdict of its own. nil keeps nothing.
type disk struct {
	dir     string
	max     int   // files
	bytes   int64 // in all of them
	metrics *metrics.Set

	pruning sync.Mutex
	saved   saved // since the last prune, at least

	turning sync.Mutex
	turns   map[key]*turn
}

// saved counts what was written.
type saved struct {
	files int
	bytes int64
}

// maxDisk bounds the folder, in bytes: the manifests give the state 1 GiB in all. A tenth more is there for the time between two prunes.
const maxDisk = 512 << 20

// header is a file's first line; the packed evidence follows.
type header struct {
	Format   string        `json:"format"`
	Name     string        `json:"name"`
	Digest   digest.Digest `json:"digest"`
	Epoch    Epoch         `json:"epoch"`
	Gathered time.Time     `json:"gathered"`
	SHA256   string        `json:"sha256"` // of what follows
}

// openDisk makes or opens the folder. One that others may enter is refused: who can write there could say what was verified.
func openDisk(dir string, max int, m *metrics.Set) (*disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, unsafe(dir, err)
	}
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, unsafe(dir, err)
	}
	defer f.Close()
	if err := ours(f, 0o077); err != nil {
		return nil, unsafe(dir, err)
	}
	return &disk{dir: dir, max: max, bytes: maxDisk, metrics: m, turns: map[key]*turn{}}, nil
}

// ours says why an open file or folder is not ours alone; forbidden are the permissions that nobody else may have.
func ours(f *os.File, forbidden os.FileMode) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	switch mode := os.FileMode(st.Mode & 0o777); {
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("it belongs to uid %d", st.Uid)
	case mode&forbidden != 0:
		return fmt.Errorf("others may use it (mode %04o)", mode)
	}
	return nil
}

func unsafe(dir string, err error) error {
	return diag.Errorf(diag.CodeGuardState, "evidence cannot be kept in `%s`: %w", dir, err).
		WithWhy("who can write there could say what was verified").
		WithHelp("give a folder of the guard's own with `state:`, of mode 0700")
}

// fileEnds are the ends of files' names, by room: each has bounds of its own here, too.
var fileEnds = []string{roomKnown: ".evidence", roomBare: ".bare", roomDenied: ".denied"}

func (d *disk) path(k key, r room) string {
	sum := sha256.Sum256([]byte(k.name + "@" + k.digest.String()))
	return filepath.Join(d.dir, hex.EncodeToString(sum[:])+fileEnds[r])
}

// writable says why nothing can be written. Then nothing may be read either: a file there could not be replaced when it is superseded.
func (d *disk) writable() error {
	f, err := os.CreateTemp(d.dir, ".probe-*")
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return nil // files can be removed all the same, and space may come
	}
	if err != nil {
		return err
	}
	if err := os.Remove(f.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) { // another engine on this folder takes it for one that was left
		return errors.Join(f.Close(), err)
	}
	return f.Close()
}

// save writes an image's evidence, with write: atomicfile's, or what does not wait for the disk. A file that a power cut has damaged is not used.
func (d *disk) save(k key, e *entry, packed []byte, write func(string, []byte, os.FileMode) error) error {
	sum := sha256.Sum256(packed)
	head, err := json.Marshal(header{diskFormat, k.name, k.digest, e.epoch, e.gathered.UTC(), hex.EncodeToString(sum[:])})
	if err != nil {
		return err
	}
	data := slices.Concat(head, []byte("\n"), packed)
	if err := write(d.path(k, e.room), data, 0o600); err != nil {
		return err
	}
	d.pruning.Lock()
	defer d.pruning.Unlock()
	d.saved.files++
	d.saved.bytes += int64(len(data))
	if d.saved.files <= d.max/10 && d.saved.bytes <= d.bytes/10 {
		return nil
	}
	return d.prune()
}

// load reads an image's evidence, or nothing; of several files, which only a process that could not remove one has left, the newest one. What
// cannot be used is removed and counted.
func (d *disk) load(k key, now time.Time) (*entry, *kept) {
	if d == nil {
		return nil, nil
	}
	var newest *entry
	var ev *kept
	for _, r := range rooms {
		if other, otherEv := d.loadFile(d.path(k, r), k, now); other != nil && (newest == nil || newest.gathered.Before(other.gathered)) {
			newest, ev = other, otherEv
		}
	}
	return newest, ev
}

func (d *disk) loadFile(path string, k key, now time.Time) (*entry, *kept) {
	e, ev, err := readFile(path, k, now)
	var why dropped
	switch {
	case err == nil:
		return e, ev
	case errors.Is(err, fs.ErrNotExist):
	case errors.As(err, &why):
		d.drop(path, string(why))
	default:
		d.drop(path, "damaged")
	}
	return nil, nil
}

func (d *disk) drop(path, why string) {
	d.metrics.Add(metrics.CacheDropped, 1, why)
	_ = os.Remove(path) // if it stays, it is refused again
}

// dropped is why a file is not used, as the metric has it.
type dropped string

func (d dropped) Error() string { return string(d) }

func readFile(path string, k key, now time.Time) (*entry, *kept, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ELOOP) {
		return nil, nil, dropped("unsafe")
	} else if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() || ours(f, 0o022) != nil {
		return nil, nil, dropped("unsafe")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxEvidence+4096))
	if err != nil {
		return nil, nil, err
	}
	first, packed, _ := bytes.Cut(data, []byte("\n"))
	var h header
	if err := strictjson.Unmarshal(first, &h, strictjson.Limits{MaxBytes: 4096, MaxDepth: 4}); err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256(packed)
	if h.Format != diskFormat || h.Name != k.name || h.Digest != k.digest || h.SHA256 != hex.EncodeToString(sum[:]) {
		return nil, nil, errors.New("it is not what its name says")
	}
	ev, err := unpack(packed)
	if err != nil {
		return nil, nil, err
	}
	e := newEntry(ev, h.Epoch, h.Gathered)
	if _, future := e.age(now); future {
		return nil, nil, dropped("future")
	}
	return e, &kept{ev, packed}, nil
}

// prune keeps the newest files, as many and as large as may be, and removes what a killed process left half written.
func (d *disk) prune() error {
	if d == nil {
		return nil
	}
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return err
	}
	files := map[string][]file{}
	for _, e := range entries {
		path := filepath.Join(d.dir, e.Name())
		end := filepath.Ext(path)
		if strings.HasPrefix(e.Name(), ".") { // atomicfile's, or a probe
			flock.RemoveUnowned(path)
			continue
		}
		if info, err := e.Info(); err == nil {
			files[end] = append(files[end], file{path, info.ModTime(), info.Size()})
		}
	}
	for _, r := range rooms {
		n, most := r.share(d.max, d.bytes)
		removeBeyond(files[fileEnds[r]], n, most)
	}
	d.saved = saved{}
	return nil
}

type file struct {
	path string
	at   time.Time
	size int64
}

// removeBeyond removes all but the newest.
func removeBeyond(files []file, most int, bytes int64) {
	slices.SortFunc(files, func(a, b file) int { return b.at.Compare(a.at) })
	var all int64
	for i, f := range files {
		if all += f.size; i >= most || all > bytes {
			_ = os.Remove(f.path)
		}
	}
}
