// Package daemon starts, reuses and stops the BuildKit daemons that selfsame manages.
//
// Each daemon ("a", "b", ...) has a folder with its own state root, so that no two builds ever share a cache. It lives
// under a supervisor, a process of its own that outlives the command: the supervisor runs the daemon as init of a new PID
// namespace, so that whatever happens to either, nothing of it is left behind, and ends it when nobody has held a lease
// for the idle time. A lease is a shared lock on a file, which the kernel drops when its holder dies.
//
//	client --start--> supervisor (own session) --clone(NEWPID|NEWNS)--> enter (mounts, CPU mask) --exec--> [selfsame-vary] buildkitd
//
// Where we are root in a user namespace only, the daemon also gets a network of its own (network.go).
//
// What differs between two daemons is their World; it belongs to the daemon and never to one solve, because BuildKit
// leaves it out of its cache key (DESIGN §4.2).
package daemon

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/selfsame-build/selfsame/internal/atomicfile"
)

// DefaultIdle is how long a daemon lives without a lease.
const DefaultIdle = 10 * time.Minute

// Root says where a daemon keeps its state.
type Root string

// The kinds of root. Another filesystem than the host's gives directories another order.
const (
	RootHost  Root = "host"  // a folder on the host's filesystem
	RootTmpfs Root = "tmpfs" // memory; gone when the daemon ends
	RootXFS   Root = "xfs"   // a sparse file with XFS, loop-mounted
	RootExt4  Root = "ext4"  // a sparse file with ext4, loop-mounted; worthless after a power failure
)

// World is what a daemon and all of its steps see of the machine. The zero World is the machine as it is.
type World struct {
	Root          Root          `json:"root"`
	RootBytes     int64         `json:"rootBytes,omitempty"` // capacity of a root of its own
	CPUs          int           `json:"cpus,omitempty"`      // 0: all
	ClockOffset   time.Duration `json:"clockOffset,omitempty"`
	KernelRelease string        `json:"kernelRelease,omitempty"`
	KernelVersion string        `json:"kernelVersion,omitempty"`
	// FixedAddresses has every program laid out at the same addresses each time.
	FixedAddresses bool `json:"fixedAddresses,omitempty"`
}

// Traced says whether the world needs the tracer.
func (w World) Traced() bool {
	return w.ClockOffset != 0 || w.KernelRelease != "" || w.FixedAddresses
}

// Spec is one daemon to be had.
type Spec struct {
	Name  string `json:"name"`
	World World  `json:"world"`
	// CacheBytes bounds what the daemon keeps of old builds; it keeps less while the disk is nearly full.
	CacheBytes int64 `json:"cacheBytes"`
	// Fresh empties the state root before the daemon starts, and never reuses a running one.
	Fresh bool `json:"-"`
	// Alone waits until nobody else uses the daemon, and lets nobody else use it while the lease lasts.
	Alone bool `json:"-"`
}

// Binaries are the programs that a daemon consists of, by absolute path.
type Binaries struct {
	Self      []string `json:"self"` // this program, with the words that lead to Supervise and Enter
	Buildkitd string   `json:"buildkitd"`
	Vary      string   `json:"vary"`
	Runc      string   `json:"runc"`
}

// run is what the supervisor and the daemon's first process need to know, written to run.json in the daemon's folder.
type run struct {
	Spec     Spec          `json:"spec"`
	Binaries Binaries      `json:"binaries"`
	Dir      string        `json:"dir"`
	Socket   string        `json:"socket"`
	Idle     time.Duration `json:"idle"`
	Identity string        `json:"identity"`
	Rootless bool          `json:"rootless,omitempty"` // we are root in a user namespace only
}

// state is what is known of a running daemon, written to state.json by its supervisor.
type state struct {
	PID         int    `json:"pid"`         // the supervisor's
	Start       uint64 `json:"start"`       // its start time, so that a reused pid is not taken for it
	Daemon      int    `json:"daemon"`      // the daemon's first process: the tracer, or buildkitd
	DaemonStart uint64 `json:"daemonStart"` // its start time
	Identity    string `json:"identity"`
	Socket      string `json:"socket"`
}

// runs says whether the supervisor is there.
func (st state) runs() bool { return stateOf(st.PID, st.Start) != 0 }

func (r run) path(name string) string { return filepath.Join(r.Dir, name) }

// status is the tracer's status file; empty without a tracer.
func (r run) status() string {
	if !r.Spec.World.Traced() {
		return ""
	}
	return r.path("status.json")
}

func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", filepath.Base(path), err)
	}
	return atomicfile.Write(path, append(data, '\n'), 0o600)
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path) //nolint:gosec // a path below our own state folder
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}
