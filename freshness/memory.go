package freshness

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	digest "github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/flock"
	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// Memory is the highest sequence number that was seen of each series of statements, in a folder that other processes may share.
type Memory struct {
	// Dir is made when it is missing; `$XDG_STATE_HOME/selfsame/seen` for the command.
	Dir string
	// ReadOnly has editions compared with what was seen, and none remembered: a rehearsal changes nothing.
	ReadOnly bool
}

// Seen is one edition as it is remembered: a file of this shape for each series, named by the hash of Kind, Name and About.
type Seen struct {
	Kind      string        `json:"kind"`             // the predicate type
	Name      string        `json:"name"`             // the list's, or the repository that an index is for
	About     digest.Digest `json:"about,omitempty"`  // the image that an index is for
	Owner     string        `json:"owner,omitempty"`  // whose series it is, where several keep one about the same
	Called    string        `json:"called,omitempty"` // of what lies in a file, by whose path it is remembered: the name it had
	Sequence  int64         `json:"sequence"`
	Statement digest.Digest `json:"statement"` // of the payload's bytes
	Issued    time.Time     `json:"issued"`
}

// Ways in which an edition does not follow the one that is remembered.
var (
	errOlder  = errors.New("an older one than was seen before")
	errCalled = errors.New("not what lay here before")
	errForked = errors.New("another one of the same number than was seen before")
)

func (s Seen) file() string {
	sum := sha256.Sum256([]byte(s.Kind + "\x00" + s.Name + "\x00" + s.About.String() + "\x00" + s.Owner))
	return hex.EncodeToString(sum[:]) + ".json"
}

// Advance compares s with what is remembered of its series and, when it follows, remembers s. known is false at the first sight of a
// series. The error has errOlder, errForked or errCalled in its chain, or is the diagnostic A0562: a memory that cannot be read or written is no
// reason to go on without.
func (m *Memory) Advance(s Seen) (before Seen, known bool, err error) {
	if m.ReadOnly {
		return m.compare(s)
	}
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return before, false, unreadable(m.Dir, err)
	}
	dir, err := os.Open(m.Dir)
	if err != nil {
		return before, false, unreadable(m.Dir, err)
	}
	defer dir.Close()
	if err := flock.Lock(dir, unix.LOCK_EX); err != nil && !flock.Unsupported(err) {
		return before, false, unreadable(m.Dir, err)
	}
	if before, known, err = m.compare(s); err != nil || known && s.Sequence == before.Sequence {
		return before, known, err
	}
	raw, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		err = atomicfile.Write(filepath.Join(m.Dir, s.file()), append(raw, '\n'), 0o600)
	}
	if err != nil {
		return before, known, unreadable(m.Dir, err)
	}
	return before, known, nil
}

// compare says whether s follows what is remembered of its series.
func (m *Memory) compare(s Seen) (before Seen, known bool, err error) {
	before, known, err = m.recall(s)
	switch {
	case err != nil:
		return before, known, err
	case known && s.Called != before.Called:
		return before, known, fmt.Errorf("it is %q, %w: %q", s.Called, errCalled, before.Called)
	case known && s.Sequence < before.Sequence:
		return before, known, fmt.Errorf("sequence %d is %w, %d", s.Sequence, errOlder, before.Sequence)
	case known && s.Sequence == before.Sequence && s.Statement != before.Statement:
		return before, known, fmt.Errorf("sequence %d is %w", s.Sequence, errForked)
	}
	return before, known, nil
}

// Path is the file in which the series of s is remembered: who removes it forgets the series.
func (m *Memory) Path(s Seen) string { return filepath.Join(m.Dir, s.file()) }

// Recall gives what is remembered of the series of s.
func (m *Memory) Recall(s Seen) (Seen, bool, error) { return m.recall(s) }

func (m *Memory) recall(s Seen) (Seen, bool, error) {
	path := filepath.Join(m.Dir, s.file())
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Seen{}, false, nil
	}
	var before Seen
	if err == nil {
		err = strictjson.Unmarshal(raw, &before, strictjson.Limits{MaxBytes: 64 << 10, MaxDepth: 4})
	}
	if err == nil && (before.file() != s.file() || before.Sequence < 1) {
		err = errors.New("it is about something else")
	}
	if err != nil {
		return Seen{}, false, unreadable(path, err)
	}
	return before, true, nil
}

func unreadable(path string, err error) error {
	return diag.Errorf(codeMemory, "what was seen before cannot be read or kept in `%s`: %w", path, err).
		WithWhy("without it an older list would pass for the newest").
		WithHelp("give a folder that may be written with --state; for a verifier that is to remember nothing: --stateless")
}
