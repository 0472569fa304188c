package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/policy"
)

// TestRevokedPolicyDoesNotGoOn: whose word does not count any more decides nothing, although no other policy can be read.
func TestRevokedPolicyDoesNotGoOn(t *testing.T) {
	w := newWorld(t, func(c *engine.Config) { c.Metrics = metrics.New() })
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

	w.config.Metrics.Put(metrics.PolicyEnds, 7) // as if it had an end
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
	if got := shown(w.config.Metrics); !strings.Contains(got, noPolicy) || strings.Count(got, "\nselfsame_policy_info{") != 1 ||
		!strings.Contains(got, "\nselfsame_policy_expires_timestamp_seconds 0\n") {
		t.Errorf("no policy is in force, and the metrics say\n%s", got)
	}
	failed = nil
	check(t, w.Refresh(t.Context()))
	w.want("another one", good, true, engine.ClassOK, true, 2)
	if got := shown(w.config.Metrics); strings.Contains(got, noPolicy) {
		t.Errorf("a policy is in force, and the metrics say\n%s", got)
	}
}

// noPolicy is what the alert SelfsameNoPolicy goes by.
const noPolicy = `selfsame_policy_info{name="",sha256="",version="0"} 0`

// TestNoPolicyIsShown: a guard that has read no policy since it started says so, and is not merely silent.
func TestNoPolicyIsShown(t *testing.T) {
	set := metrics.New()
	e, err := engine.New(engine.Config{Gatherer: &fake{}, Metrics: set, Decisions: io.Discard})
	check(t, err)
	defer e.Close()
	if got := shown(set); !strings.Contains(got, noPolicy) {
		t.Error(got)
	}
}

// shown is what metrics say.
func shown(s *metrics.Set) string {
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
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
	if out, ok := w.AskKept(t.Context(), []engine.Question{{Name: shop, Digest: good}}); ok {
		t.Errorf("%+v", out)
	}
	close(release)
	if err := <-done; !errors.Is(err, errDown) {
		t.Errorf("%v", err)
	}
	if d, want := w.ask(good).Denial(), "no policy is in force: the policy that was in force does not count any more, and no other could be read: "; !strings.Contains(d, want) {
		t.Errorf("%s\nwant %s", d, want)
	}
}

// TestPolicyRevokedWhileGathering: a question that was asked before is not answered by a policy that was taken back since.
func TestPolicyRevokedWhileGathering(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*world)
		source error
		class  engine.Class
		allow  bool
	}{
		"there is no other":    {func(*world) {}, errDown, engine.ClassNoPolicy, false},
		"another one says no":  {func(w *world) { w.write(text(2, "signatures.size() > 5", "")) }, nil, engine.ClassRule, false},
		"another one says yes": {func(w *world) { w.write(text(2, signed, "")) }, nil, engine.ClassOK, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Close()
			var next error
			source := w.config.Policy
			w.config.Policy = func(ctx context.Context) (*policy.Policy, error) {
				if next != nil {
					return nil, next
				}
				return source(ctx)
			}
			revoked := false // only Refresh asks
			w.config.Stands = func() error {
				if revoked {
					return fmt.Errorf("%w: its signer is denied", policy.ErrRevoked)
				}
				return nil
			}
			w.open()
			begun, release := make(chan struct{}, 8), make(chan struct{})
			w.f.set(func(f *fake) { f.gather = func(context.Context, digest.Digest) { begun <- struct{}{}; <-release } })
			answered := make(chan engine.Answer, 1)
			go func() { answered <- w.ask(good) }()
			<-begun
			revoked, next = true, c.source
			c.before(w)
			w.f.set(func(f *fake) { f.next.Deny = 2 })
			if err := w.Refresh(t.Context()); !errors.Is(err, c.source) {
				t.Errorf("%v", err)
			}
			close(release)
			if a := <-answered; a.Allow != c.allow || a.Class != c.class || a.By != w.Edition() {
				t.Errorf("%+v\n%s", a, a.Denial())
			}
		})
	}
}

// TestTakenBackWhileTheRegistryHangs: what is known from before stands in for an answer that does not come, unless it was taken back meanwhile.
func TestTakenBackWhileTheRegistryHangs(t *testing.T) {
	w := newWorld(t)
	w.want("before", good, true, engine.ClassOK, false, 1)
	w.pass(2 * time.Minute)
	begun := make(chan struct{}, 1)
	w.f.set(func(f *fake) {
		f.err = errDown
		f.gather = func(ctx context.Context, _ digest.Digest) { begun <- struct{}{}; <-ctx.Done() }
	})
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan engine.Answer, 1)
	go func() { answered <- w.Ask(ctx, engine.Question{Name: shop, Digest: good}) }()
	<-begun
	w.f.set(func(f *fake) { f.epoch.Deny, f.denied[good] = 2, true })
	cancel()
	if a := <-answered; a.Allow || a.Class != engine.ClassPending {
		t.Errorf("%+v", a)
	}
}
