package builder

import (
	"maps"
	"slices"
	"time"

	"github.com/selfsame-build/selfsame/builder/daemon"
	"github.com/selfsame-build/selfsame/builder/remote"
)

// The twins' names for themselves. Each is long and odd enough that finding it in a file is no accident.
const (
	hostnameA = "selfsame-builder-a"
	hostnameB = "elsewhere-builder-b"

	hostnameAudit = "selfsame-auditor"
)

// clockOffset moves B's wall clock by more than a year, so that every field of a date differs (397 days: another year,
// month and day of the week).
const clockOffset = 397 * 24 * time.Hour

// startGap is how much later B starts a step than A: file times come from the kernel, and two builds in one second hide
// the commonest cause of all (DESIGN §4.3).
const startGap = 2 * time.Second

// startMargin is how much longer B waits: a later step may begin sooner after the one before it on B than it did on A.
const startMargin = 700 * time.Millisecond

// world is one twin's surroundings: those of its daemon, and those that go into the graph. For each axis that is varied by a value that
// we choose, the value is here: in daemon those of the kernel's name and of the CPUs, below the others. Empty or zero means that the twin
// has the machine's own, which the canary's report tells.
type world struct {
	daemon   daemon.World
	at       *remote.Address // of a daemon that somebody else runs; nil: ours
	tls      remote.TLS      // for one at tcp://
	name     string          // the daemon's
	hostname string
	planted
}

// worldA is the machine as it is.
func (h *Host) worldA() world {
	return world{name: "a", daemon: daemon.World{Root: daemon.RootHost}, hostname: hostnameA, planted: plantedA}
}

// worldB is elsewhere: another filesystem, fewer CPUs, another kernel and another year.
func (h *Host) worldB() world {
	w := h.worldMild()
	w.name = "b"
	w.daemon.Root, w.daemon.RootBytes = h.rootB()
	w.daemon.ClockOffset = clockOffset
	w.daemon.KernelRelease, w.daemon.KernelVersion = "9.9.0-elsewhere", "#1 SMP PREEMPT_DYNAMIC elsewhere"
	w.daemon.FixedAddresses = true
	w.planted = h.plantedB()
	return w
}

// worldRoomy is worldB for a build that is too large for memory.
func (h *Host) worldRoomy() world {
	w := h.worldB()
	w.name = "b-disk"
	w.daemon.Root, w.daemon.RootBytes = h.rootRoomy()
	return w
}

// worldMild is worldB without what could be the reason that B alone failed: no tracer, and nothing planted but a variable of our own. It
// stands on disk: what B has in memory stays there, and two such builders could fill the machine's.
func (h *Host) worldMild() world {
	w := world{name: "b-mild", hostname: hostnameB, planted: plantedMild}
	w.daemon.Root, w.daemon.RootBytes = h.rootRoomy()
	if h.CPUs > 1 {
		w.daemon.CPUs = 1
	}
	return w
}

// worldRecord is where recording runs: a state root that no build uses.
func (h *Host) worldRecord() world {
	return world{name: "record", daemon: daemon.World{Root: daemon.RootHost}, hostname: hostnameA, planted: plantedA}
}

// worldAudit is where somebody else's build is repeated: nothing is varied on purpose, but it has a place of its own, of so many bytes.
func (h *Host) worldAudit(bytes int64) world {
	w := h.worldA()
	w.name, w.hostname = "audit", hostnameAudit
	if !h.Rootless && bytes > 0 {
		w.daemon.Root, w.daemon.RootBytes = h.rootAudit(bytes, daemon.CanHave(daemon.RootExt4) == nil)
	}
	return w
}

// rootAudit is the filesystem of an auditor's builder: a file of so many bytes, or, where none can be made and memory is ample, at most half of
// the memory. Where neither is possible the builder's log says what is lacking.
func (h *Host) rootAudit(bytes int64, disk bool) (daemon.Root, int64) {
	if !disk && h.Memory >= ampleMemory {
		return daemon.RootTmpfs, min(bytes, h.Memory/2)
	}
	return daemon.RootExt4, bytes
}

// ampleMemory is where a builder's root in memory leaves enough for the build.
const ampleMemory = 12 << 30

// within bounds what a builder of ours may write to disk or memory, where its root is a filesystem of its own. 0: as it is.
func (w world) within(bytes int64) world {
	if bytes > 0 && w.daemon.RootBytes > bytes {
		w.daemon.RootBytes = bytes
	}
	return w
}

// rootB picks B's filesystem: memory where it is ample, else a file with another filesystem. Without root over the machine no such file
// can be mounted: then memory must do, and where it does not B's root is a folder like A's (noOrder).
func (h *Host) rootB() (daemon.Root, int64) {
	const least = 3 << 30
	switch {
	case h.Rootless && (h.Memory < least || daemon.MemoryHoldsLayers() != nil):
		return daemon.RootHost, 0
	case h.Rootless, h.Memory >= ampleMemory:
		return daemon.RootTmpfs, h.Memory / 2
	}
	return h.rootRoomy()
}

// rootRoomy is B's filesystem where it need not fit into memory; without root there is no other than rootB's.
func (h *Host) rootRoomy() (daemon.Root, int64) {
	if h.Rootless {
		return h.rootB()
	}
	return daemon.RootXFS, 40 << 30
}

// noOrder says why the directory order of a builder of ours is not varied; empty where it is.
func (w world) noOrder() string {
	if w.at == nil && w.daemon.Root == daemon.RootHost {
		return "without root only memory can be another filesystem, and here it has too little room, or a kernel that keeps no user attributes in it"
	}
	return ""
}

// elsewhere is a builder that somebody else runs: only what goes into the graph can be varied by us. Its limit of open files is left
// alone: one above the builder's own would fail every step.
func elsewhere(at *remote.Address, tls remote.TLS, like world) world {
	w := world{name: like.name, at: at, tls: tls, hostname: like.hostname, planted: like.planted}
	w.openFiles = nil
	return w
}

// harsh says whether a world has something that could be why a correct step fails.
func (w world) harsh() bool { return w.daemon.Traced() || len(w.variables()) > 1 || w.openFiles != nil }

// milder is where a builder B is repeated that failed in w: the same builder where somebody else runs it.
func (h *Host) milder(w world) world {
	if w.at != nil {
		return elsewhere(w.at, w.tls, h.worldMild())
	}
	return h.worldMild()
}

// spec is the daemon that a world needs.
func (w world) spec() daemon.Spec {
	cache := int64(20 << 30)
	if w.daemon.RootBytes > 0 { // a smaller place: what is old must go before it is full
		cache = min(cache, w.daemon.RootBytes/2)
	}
	return daemon.Spec{Name: w.name, World: w.daemon, CacheBytes: cache}
}

// worlds picks both builders, and excuses the axes that cannot be varied on a builder that is not ours.
func (h *Host) worlds(o Options) (a, b world, excused map[string]string, err error) {
	placeA, placeB, err := o.places(h.InputsListen)
	if err != nil {
		return a, b, nil, err
	}
	a, b = h.worldA(), h.worldB()
	if placeA != nil {
		a = elsewhere(placeA, o.BuilderTLS, a)
	}
	if placeB != nil {
		b = elsewhere(placeB, o.BuilderTLS, b)
		excused = foreignExcuses()
	}
	return a, b, excused, nil
}

// daemonAxes are what a builder's own daemon has to vary, and plantedAxes what the graph does that could be why a correct step fails.
var (
	daemonAxes = []string{
		"clock calls", "kernel name", "/proc/version", "/proc/sys/kernel/osrelease", "boot id", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat",
		"address layout",
	}
	plantedAxes = []string{"time zone", "locale", "open files", "CPU features"}
)

// milderExcuses are the axes that the milder world of w does without.
func milderExcuses(w world, why string) map[string]string {
	out := map[string]string{}
	for _, x := range append(slices.Clone(daemonAxes), plantedAxes...) {
		out[x] = why
	}
	if w.at != nil {
		maps.Copy(out, foreignExcuses())
	}
	return out
}

// foreignExcuses are the axes that cannot be varied on a builder that is not ours.
func foreignExcuses() map[string]string {
	out := map[string]string{}
	for _, x := range append(slices.Clone(daemonAxes), "CPU count", "directory order", "open files") {
		out[x] = "builder B is run by somebody else"
	}
	return out
}
