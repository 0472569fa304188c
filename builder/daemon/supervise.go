package daemon

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Supervise is the supervisor's whole life: it starts the daemon of the folder dir, waits until it is told to end or
// nobody has held a lease for the idle time, and ends it. It returns the exit code of its process.
func Supervise(dir string) error {
	// The daemon dies with the thread that started it (PR_SET_PDEATHSIG), so this must be a thread that stays.
	runtime.LockOSThread()
	var r run
	if err := readJSON(filepath.Join(dir, "run.json"), &r); err != nil {
		return err
	}
	lease, err := os.OpenFile(r.path("lease"), os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("opening the lease: %w", err)
	}
	defer lease.Close()
	args := append(append([]string{}, r.Binaries.Self[1:]...), "enter", dir)
	cmd := exec.Command(r.Binaries.Self[0], args...) //nolint:gosec,noctx // our own binary, ended below
	cmd.Stdout, cmd.Stderr, cmd.Env, cmd.Dir = os.Stdout, os.Stderr, environment(r), "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: r.namespaces(),
		Pdeathsig:  syscall.SIGKILL,
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the daemon: %w", err)
	}
	st := state{PID: os.Getpid(), Daemon: cmd.Process.Pid, Identity: r.Identity, Socket: r.Socket}
	if st.Start, err = startTime(st.PID); err == nil {
		_, st.DaemonStart, err = stat(st.Daemon) // a daemon that has ended already is a zombie still
	}
	if err != nil {
		return errors.Join(err, cmd.Process.Kill())
	}
	if r.Rootless {
		ports, err := r.handOutPorts(st.Daemon)
		if err != nil {
			return errors.Join(err, cmd.Process.Kill())
		}
		defer ports.Close() // and removes the socket
	}
	if err := writeJSON(r.path("state.json"), st); err != nil {
		return errors.Join(err, cmd.Process.Kill())
	}
	died := make(chan error, 1)
	go func() { died <- cmd.Wait() }()
	err = r.watch(lease, signals, died, cmd.Process)
	_ = os.Remove(r.path("state.json"))
	_ = os.Remove(r.Socket)
	return err
}

// watch waits for the end: a signal, an idle time, or the daemon's own death.
func (r run) watch(lease *os.File, signals <-chan os.Signal, died <-chan error, p *os.Process) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	used := time.Now()
	for {
		select {
		case err := <-died:
			return fmt.Errorf("the daemon ended: %w", err)
		case <-signals:
			return end(p, died)
		case <-tick.C:
			if syscall.Flock(int(lease.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
				used = time.Now()
				continue
			}
			if time.Since(used) > r.Idle {
				return end(p, died) // with the lock held: who wants the daemon now waits, and starts a new one
			}
			_ = syscall.Flock(int(lease.Fd()), syscall.LOCK_UN)
		}
	}
}

// end stops the daemon gently, then for certain; its PID namespace goes with it. A daemon that was told to end may do so with
// any exit code.
func end(p *os.Process, died <-chan error) error {
	_ = p.Signal(syscall.SIGTERM)
	late := time.AfterFunc(10*time.Second, func() { _ = p.Kill() })
	defer late.Stop()
	var exit *exec.ExitError
	if err := <-died; err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("waiting for the daemon's end: %w", err)
	}
	return nil
}
