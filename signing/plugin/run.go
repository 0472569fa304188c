package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// grace is how long a program has to end by itself when it is told to.
const grace = 2 * time.Second

// run runs a program to its end and gives what it wrote. It fails when the program cannot be started, is ended by a signal, or writes more
// than maxOutput; its exit code says nothing (the protocol: "the plugin's exit status will be ignored"). The program and all that it started
// end with ctx.
func run(ctx context.Context, path string, args, env []string, stdin []byte) (out []byte, said string, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stdout := &bounded{limit: maxOutput, full: func() { cancel(errOutput) }}
	stderr := &bounded{limit: maxSaid}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, bytes.NewReader(stdin), stdout, stderr
	// A group of its own: what it starts ends with it, and a Ctrl-C on the terminal reaches it by ctx, once.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = grace
	err = cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	var exit *exec.ExitError
	switch {
	case errors.Is(context.Cause(ctx), errOutput):
		err = errOutput
	case errors.Is(err, exec.ErrWaitDelay):
		err = errHeld
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		err = nil
	case errors.As(err, &exit):
		err = fmt.Errorf("it was ended: %w", err)
	}
	return stdout.kept.Bytes(), stderr.kept.String(), err
}

var (
	errOutput = fmt.Errorf("it wrote more than %d bytes", maxOutput)
	errHeld   = errors.New("a process that it started held its output open")
)

// bounded keeps the first bytes that are written to it, and tells once when there are more.
type bounded struct {
	kept  bytes.Buffer // not embedded: its ReadFrom would read without end
	limit int
	full  func()
}

func (b *bounded) Write(p []byte) (int, error) {
	room := b.limit - b.kept.Len()
	if len(p) > room && b.full != nil {
		b.full()
	}
	b.kept.Write(p[:min(len(p), room)])
	return len(p), nil // the rest is read and dropped, so that the program is not stopped by a full pipe
}
