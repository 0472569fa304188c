package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// layersDir is where the daemon's snapshotter keeps the files of layers and steps, below its root.
const layersDir = "root/runc-overlayfs/snapshots/snapshots"

// mountLayers gives a rootless daemon a tmpfs for layers alone. The snapshotter asks for the attributes that it needs in a user namespace
// unless its own folder, one level up, is in a tmpfs (containerd v2.4.2: overlayutils.NeedsUserXAttr; its reason was true until Linux 6.6).
// What lies outside of the tmpfs is of no use once that is gone.
func (r run) mountLayers(size int64) error {
	if err := os.RemoveAll(r.path("root")); err != nil {
		return fmt.Errorf("emptying the daemon's root: %w", err)
	}
	dir := r.path(layersDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the daemon's root: %w", err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", size)); err != nil {
		return fmt.Errorf("mounting a tmpfs for the daemon's layers: %w", err)
	}
	return nil
}

// MemoryHoldsLayers says whether a tmpfs can hold the layers of a daemon that is root in a user namespace only; an error says why not. Its overlayfs marks what a step
// deleted and made anew by an attribute of the user's (mount option userxattr), which tmpfs has since Linux 6.6 if the kernel is built with
// TMPFS_XATTR; without, removing a folder of a lower layer fails with EIO. The kernel is asked by trying, in mounts that nobody else sees.
func MemoryHoldsLayers() error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // this thread's mounts are its own from here on; it ends with them
		done <- tryMemory()
	}()
	return <-done
}

func tryMemory() error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("making a namespace for mounts: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("leaving the machine's mounts: %w", err)
	}
	const dir = tempDirRootless // any that is there
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=700"); err != nil {
		return fmt.Errorf("mounting a tmpfs: %w", err)
	}
	for _, name := range []string{"lower/folder", "upper", "work", "merged"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
	}
	merged := filepath.Join(dir, "merged")
	options := fmt.Sprintf("lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work,userxattr", dir, dir, dir)
	if err := unix.Mount("overlay", merged, "overlay", 0, options); err != nil {
		return fmt.Errorf("mounting an overlayfs in it: %w", err)
	}
	folder := filepath.Join(merged, "folder")
	if err := os.Remove(folder); err != nil {
		return fmt.Errorf("deleting in it: %w", err)
	}
	return os.Mkdir(folder, 0o700)
}
