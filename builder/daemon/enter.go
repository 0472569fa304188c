package daemon

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/internal/trace/world"
)

// Enter is the first process of the daemon's namespaces: it mounts what the world needs and becomes the daemon. It only
// returns an error.
func Enter(dir string) error {
	var r run
	if err := readJSON(filepath.Join(dir, "run.json"), &r); err != nil {
		return err
	}
	// Mounts made here must not reach the host, but what the host mounts later may be seen here.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("leaving the host's mounts: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	if r.Rootless {
		if err := loopbackUp(); err != nil {
			return err
		}
	}
	if err := r.mountRoot(); err != nil {
		return err
	}
	if err := r.dropHalfFetched(); err != nil {
		return err
	}
	if err := r.mountTemp(); err != nil {
		return err
	}
	if err := os.WriteFile(r.path("buildkitd.toml"), nil, 0o600); err != nil {
		return fmt.Errorf("writing the daemon's configuration: %w", err)
	}
	if n := r.Spec.World.CPUs; n > 0 && !r.Spec.World.Traced() {
		if err := limitCPUs(n); err != nil {
			return err
		}
	}
	next := r.Binaries.Runc
	if r.Spec.World.Traced() {
		next = r.path("world/runtime")
	}
	if _, err := world.WriteQuiet(r.Dir, r.Binaries.Vary, next, r.Rootless && mountsSys(r.path("root/tmp"))); err != nil {
		return err
	}
	argv := arguments(r)
	return fmt.Errorf("becoming %s: %w", argv[0], syscall.Exec(argv[0], argv, environment(r)))
}

// The daemon's folder for temporary files, in its own mounts. It is short because BuildKit makes sockets for ssh agents there, and a
// socket's path has at most 108 bytes, whatever the state folder's. Who is root only in a user namespace cannot make folders in /run;
// every Linux has the other one, and a daemon has no use for it.
const (
	tempDir         = "/run/selfsame"
	tempDirRootless = "/dev/shm"
)

// temp is where the daemon finds its temporary files.
func (r run) temp() string {
	switch {
	case !r.Rootless:
		return tempDir
	case strings.HasPrefix(r.Dir, tempDirRootless+"/"): // must not be hidden
		return r.path("root/tmp")
	}
	return tempDirRootless
}

// mountTemp puts the temporary files on the daemon's own root.
func (r run) mountTemp() error {
	for _, dir := range []string{r.path("root/tmp"), r.temp()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("making the daemon's root: %w", err)
		}
	}
	if err := unix.Mount(r.path("root/tmp"), r.temp(), "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting the daemon's temporary files: %w", err)
	}
	return nil
}

// dropHalfFetched removes what an earlier daemon was in the middle of fetching. BuildKit would go on where it stopped, but cannot
// read an image of ours from the middle (v0.34.2: util/iohelper.ReadCloser hides the seeking that util/contentutil needs), so
// one interrupted build would break the builder for a day.
func (r run) dropHalfFetched() error {
	dirs, err := filepath.Glob(r.path("root/runc-*/content/ingest/*"))
	if err != nil {
		return err
	}
	for _, d := range dirs {
		if err := os.RemoveAll(d); err != nil {
			return fmt.Errorf("dropping a half fetched layer: %w", err)
		}
	}
	return nil
}

// arguments is the daemon's command line, under the tracer where the world asks for one.
func arguments(r run) []string {
	var argv []string
	if w := r.Spec.World; w.Traced() {
		argv = []string{
			r.Binaries.Vary, "run", "--status", r.path("status.json"),
			"--clock-offset", w.ClockOffset.String(), "--kernel-release", w.KernelRelease, "--kernel-version", w.KernelVersion,
			"--world", r.path("world"), "--runc", r.Binaries.Runc,
		}
		if w.CPUs > 0 {
			argv = append(argv, "--cpus", strconv.Itoa(w.CPUs), "--pin") // a tracer beside its tracees cost more than one on their CPU
		}
		if w.FixedAddresses {
			argv = append(argv, "--fixed-addresses")
		}
		argv = append(argv, "--")
	}
	argv = append(argv, r.Binaries.Buildkitd,
		"--config", r.path("buildkitd.toml"), "--root", r.path("root"), "--addr", "unix://"+r.Socket,
		"--oci-worker", "true", "--containerd-worker", "false", "--oci-worker-snapshotter", "overlayfs",
		"--oci-worker-binary", r.path(world.QuietName), "--oci-worker-net", "host", "--oci-worker-gc", "true",
		"--oci-worker-gc-keepstorage", kept(r.Spec.CacheBytes, r.path("root")),
		"--proxy-network", "--allow-insecure-entitlement", "network.host",
		"--otel-socket-path", strings.TrimSuffix(r.Socket, ".sock")+"-otel", "--cdi-disabled",
	)
	if r.Rootless {
		argv = append(argv, "--oci-worker-rootless")
	}
	return argv
}

// kept is what buildkitd keeps of old builds, as "reserved,free,maximum" in megabytes: at most so many bytes and half of the disk, and less,
// down to a tenth of that, while less than a quarter of it is free. A cache is never worth a build that finds no room.
func kept(most int64, root string) string {
	var disk unix.Statfs_t
	if err := unix.Statfs(root, &disk); err == nil {
		most = min(most, int64(disk.Blocks)*disk.Bsize/2) //nolint:gosec // no disk has so many blocks
	}
	const mega = 1_000_000
	return fmt.Sprintf("%d,%d,%d", most/10/mega, most/4/mega, most/mega)
}

// environment is all that the daemon inherits: nothing of the caller's that could reach a build (proxies above all).
func environment(r run) []string {
	env := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + r.path("root"), "TMPDIR=" + r.temp(),
		// BuildKit clips long output by default, and with it its own report of a step's requests.
		"BUILDKIT_STEP_LOG_MAX_SIZE=-1", "BUILDKIT_STEP_LOG_MAX_SPEED=-1",
	}
	if r.Rootless {
		env = append(env, "XDG_RUNTIME_DIR="+r.temp()) // runc keeps its containers' states here instead of in /run
	}
	return env
}

// mountRoot gives the daemon a filesystem of its own where the world says so.
func (r run) mountRoot() error {
	root := r.path("root")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return fmt.Errorf("making the daemon's root: %w", err)
	}
	w := r.Spec.World
	size := w.RootBytes
	if size == 0 {
		size = 20 << 30
	}
	switch w.Root {
	case RootHost, "":
		return nil
	case RootTmpfs:
		if r.Rootless {
			return r.mountLayers(size)
		}
		if err := unix.Mount("tmpfs", root, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", size)); err != nil {
			return fmt.Errorf("mounting a tmpfs for the daemon's root: %w", err)
		}
		return nil
	}
	image := r.path("root." + string(w.Root))
	if _, err := os.Stat(image); err != nil {
		if err := makeImage(image, string(w.Root), size); err != nil {
			return errors.Join(CanHave(w.Root), err)
		}
	}
	out, err := exec.Command("mount", "-o", mountOptions(w.Root), image, root).CombinedOutput() //nolint:gosec,noctx // fixed words; init has no context
	if err != nil {
		return errors.Join(CanHave(w.Root), fmt.Errorf("mounting %s for the daemon's root: %w: %s", w.Root, err, out))
	}
	return nil
}

// mountOptions: overlayfs waits for the disk whenever it copies a file up (Debian's dpkg has it do that for each package), except on an ext4
// that orders nothing, whose file is thrown away with the builder.
func mountOptions(root Root) string {
	if root == RootExt4 {
		return "loop,noatime,nobarrier,data=writeback"
	}
	return "loop"
}

// CanHave says whether this machine can make and mount a file with such a filesystem; an error says what is lacking.
func CanHave(root Root) error {
	of := map[Root]string{RootXFS: "xfsprogs", RootExt4: "e2fsprogs"}
	if _, err := exec.LookPath("mkfs." + string(root)); err != nil {
		return fmt.Errorf("a builder's disk is a file with %[1]s, and there is no mkfs.%[1]s, which is in the package %[2]s: %[3]w", root, of[root], err)
	}
	_, err := os.Stat("/dev/loop-control")
	if err != nil {
		_, err = os.Stat("/dev/loop0") // mount tries those that are there
	}
	if err != nil {
		return fmt.Errorf("a builder's disk is a file with %s, and there are no loop devices to mount it by: %w", root, err)
	}
	return nil
}

// makeImage makes a sparse file with a filesystem in it, whole or not at all.
func makeImage(path, kind string, size int64) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600) //nolint:gosec // below our own state folder
	if err != nil {
		return fmt.Errorf("making a filesystem image: %w", err)
	}
	err = f.Truncate(size)
	_ = f.Close()
	if err != nil {
		return fmt.Errorf("making a filesystem image: %w", err)
	}
	out, err := exec.Command("mkfs."+kind, "-q", tmp).CombinedOutput() //nolint:gosec,noctx // kind is one of ours
	if err != nil {
		return fmt.Errorf("running mkfs.%s: %w: %s", kind, err, out)
	}
	return os.Rename(tmp, path)
}

// limitCPUs keeps this process and all below it on the first n CPUs that it may use.
func limitCPUs(n int) error {
	var have, want unix.CPUSet
	if err := unix.SchedGetaffinity(0, &have); err != nil {
		return fmt.Errorf("reading the CPU mask: %w", err)
	}
	for cpu := 0; cpu < 1024 && want.Count() < n; cpu++ {
		if have.IsSet(cpu) {
			want.Set(cpu)
		}
	}
	if err := unix.SchedSetaffinity(0, &want); err != nil {
		return fmt.Errorf("setting the CPU mask: %w", err)
	}
	return nil
}
