package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/policy"
)

// TestRevokedPolicyDoesNotGoOn: whose word does not count any more decides nothing, although no other policy can be read.
func TestRevokedPolicyDoesNotGoOn(t *testing.T) {
	w := newWorld(t)
	w.want("before", good, true, engine.ClassOK, false, 1)
	source := w.config.Policy
	w.Close()
	var failed error
	w.config.Policy = func(ctx context.Context) (*policy.Policy, error) {
		if errors.Is(failed, policy.ErrRevoked) {
			return nil, failed
		}
		p, err := source(ctx)
		return p, errors.Join(failed, err)
	}
	w.open()
	w.want("a policy", good, true, engine.ClassOK, false, 2)

	failed = errDown // the one of before is given, and why it is no newer one
	if err := w.Refresh(t.Context()); !errors.Is(err, errDown) {
		t.Errorf("%v", err)
	}
	w.want("the registry is down", good, true, engine.ClassOK, true, 2)

	changed := w.Changed()
	failed = fmt.Errorf("the policy does not hold: %w", policy.ErrRevoked)
	if err := w.Refresh(t.Context()); !errors.Is(err, policy.ErrRevoked) {
		t.Errorf("%v", err)
	}
	select {
	case <-changed:
	default:
		t.Error("what runs is not judged again")
	}
	if a := w.ask(good); a.Allow || !strings.Contains(a.Denial(), "does not count any more") || a.By.SHA256 != "" {
		t.Errorf("%+v", a)
	}
	failed = nil
	check(t, w.Refresh(t.Context()))
	w.want("another one", good, true, engine.ClassOK, true, 2)
}

// TestFirstPolicyWithAnError: after a restart, the kept one decides.
func TestFirstPolicyWithAnError(t *testing.T) {
	w := newWorld(t)
	w.Close()
	source := w.config.Policy
	w.config.Policy = func(ctx context.Context) (*policy.Policy, error) {
		p, err := source(ctx)
		return p, errors.Join(errDown, err)
	}
	var err error
	w.Engine, err = engine.New(w.config)
	check(t, err)
	t.Cleanup(w.Close)
	if err := w.Refresh(t.Context()); !errors.Is(err, errDown) {
		t.Errorf("%v", err)
	}
	w.want("decided", good, true, engine.ClassOK, false, 1)
}

// slow is a Gatherer whose files are read at once, and whose registry hangs.
type slow struct {
	*fake
	release chan struct{}
}

func (s slow) RefreshFiles() error { s.set(func(f *fake) { f.epoch = f.next }); return nil }
func (s slow) Refresh(ctx context.Context) error {
	select {
	case <-s.release:
	case <-ctx.Done():
	}
	return errDown
}

// TestFilesDoNotWaitForTheRegistry: what is taken back on this machine is acted upon while the registry hangs.
func TestFilesDoNotWaitForTheRegistry(t *testing.T) {
	w := newWorld(t)
	w.Close()
	s := slow{w.f, make(chan struct{})}
	w.config.Gatherer = s
	w.Engine, _ = engine.New(w.config)
	t.Cleanup(w.Close)
	changed := w.Changed()
	w.f.set(func(f *fake) { f.next.Trust = "t2" })
	done := make(chan error, 1)
	go func() { done <- w.Refresh(t.Context()) }()
	select {
	case <-changed:
	case <-time.After(10 * time.Second):
		t.Error("what runs is not judged again")
	}
	if a := w.ask(good); a.Epoch.Trust != "t2" {
		t.Errorf("%+v", a.Epoch)
	}
	close(s.release)
	if err := <-done; !errors.Is(err, errDown) {
		t.Errorf("%v", err)
	}
}

// TestRevokedPolicyDoesNotWait: from when the deny list is read that names its signer, a policy decides nothing, though the next one is still
// being read.
func TestRevokedPolicyDoesNotWait(t *testing.T) {
	w := newWorld(t)
	w.want("before", good, true, engine.ClassOK, false, 1)
	w.Close()
	source, reading, release := w.config.Policy, make(chan struct{}), make(chan struct{})
	w.config.Stands = func() error {
		if w.f.Epoch().Deny == 1 {
			return nil
		}
		return fmt.Errorf("%w: its signer is denied", policy.ErrRevoked)
	}
	w.config.Policy = func(ctx context.Context) (*policy.Policy, error) {
		if w.f.Epoch().Deny > 1 { // the registry hangs
			close(reading)
			<-release
			return nil, errDown
		}
		return source(ctx)
	}
	w.open()
	changed, done := w.Changed(), make(chan error, 1)
	w.f.set(func(f *fake) { f.next.Deny = 2 })
	go func() { done <- w.Refresh(t.Context()) }()
	<-reading
	if a := w.ask(good); a.Allow || a.Class != engine.ClassNoPolicy || !strings.Contains(a.Denial(), "no policy is in force: the policy that was in force does not count any more: its signer is denied") {
		t.Errorf("%+v\n%s", a, a.Denial())
	}
	select {
	case <-changed:
	default:
		t.Error("what runs is not judged again")
	}
	close(release)
	if err := <-done; !errors.Is(err, errDown) {
		t.Errorf("%v", err)
	}
}
