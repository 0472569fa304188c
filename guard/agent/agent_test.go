package agent_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/guard/agent"
	"github.com/selfsame-build/selfsame/guard/breakglass"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/guard/wire"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/policy"
)

const (
	shop = "registry.example.com/team/shop"
	good = digest.Digest("sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	evil = digest.Digest("sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee")
)

// asker allows good and denies the rest; slow is how long it takes, unless the time is over before.
type asker struct {
	mu   sync.Mutex
	slow time.Duration
	bad  map[digest.Digest]bool
	asks int
	uid  int // of the guest who asked last; 0: a gate
}

func (a *asker) Ask(ctx context.Context, q engine.Question) engine.Answer {
	a.mu.Lock()
	slow, bad := a.slow, a.bad[q.Digest]
	a.asks++
	a.uid, _ = engine.Guest(ctx)
	a.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return engine.Unanswered(q, errors.New("verdict pending"))
	}
	out := engine.Answer{Class: engine.ClassOK}
	out.Image = policy.Image{Name: q.Name, Digest: q.Digest.String(), Platforms: []policy.Platform{{Name: "linux/amd64", Digest: digest.FromString("child of " + q.Digest.String()).String()}}}
	if out.Allow = q.Digest == good && !bad; !out.Allow {
		out.Class, out.Reasons, out.ExitCode = engine.ClassRule, []string{"signed: nobody signed it"}, 14
		out.By = policy.Edition{Name: "prod", Version: 1, SHA256: "aa"}
	}
	return out
}

func (a *asker) AskAll(ctx context.Context, qs []engine.Question) []engine.Answer {
	var out []engine.Answer
	for _, q := range qs {
		out = append(out, a.Ask(ctx, q))
	}
	return out
}

// node is an agent that serves.
type node struct {
	*agent.Server
	client agent.Client
	asker  *asker
	stop   func()
}

func serve(t *testing.T, change func(*agent.Server)) *node {
	t.Helper()
	return serveAt(t, filepath.Join(t.TempDir(), "run", "guard.sock"), "", change)
}

func serveAt(t *testing.T, socket, group string, change func(*agent.Server)) *node {
	t.Helper()
	n := &node{asker: &asker{bad: map[digest.Digest]bool{}}, client: agent.Client{Socket: socket}}
	n.Server = &agent.Server{Asker: n.asker, Inventory: agent.NewInventory(n.asker, nil, func(string) {}, time.Now), Metrics: metrics.New(),
		Grants: func() []breakglass.Grant { return []breakglass.Grant{{ID: "1"}} }, Edition: func() policy.Edition { return policy.Edition{Name: "prod"} }}
	if change != nil {
		change(n.Server)
	}
	l, err := agent.Listen(n.client.Socket, group)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { _ = n.Serve(ctx, l); close(done) }()
	n.stop = func() { cancel(); <-done }
	t.Cleanup(n.stop)
	return n
}

func question(d digest.Digest) engine.Question {
	return engine.Question{Name: shop, Digest: d, Who: engine.Who{Gate: engine.GatePull}}
}

func TestAskThroughTheSocket(t *testing.T) {
	n := serve(t, nil)
	if a := n.client.Ask(t.Context(), question(good)); !a.Allow || a.Class != engine.ClassOK {
		t.Errorf("%+v", a)
	}
	got := n.client.AskAll(t.Context(), []engine.Question{question(evil), question(good)})
	if len(got) != 2 || got[0].Allow || !got[1].Allow || !strings.Contains(got[0].Denial(), "nobody signed it") || got[0].By.Name != "prod" {
		t.Errorf("%+v", got)
	}
	thin := wire.Ask(t.Context(), n.client.Socket, wire.Question{Name: shop, Digest: evil.String(), Who: map[string]string{"gate": "pull"}}, 20*time.Second)
	if thin.Allow || thin.Denial != got[0].Denial() {
		t.Errorf("%+v", thin)
	}
	if thin := wire.Ask(t.Context(), n.client.Socket, wire.Question{Name: shop, Digest: good.String()}, 20*time.Second); !thin.Allow {
		t.Errorf("%+v", thin)
	}
	if s, err := n.client.Status(t.Context()); err != nil || s.Policy.Name != "prod" {
		t.Errorf("%+v, %v", s, err)
	}
	if g, err := n.client.Grants(t.Context()); err != nil || len(g) != 1 {
		t.Errorf("%+v, %v", g, err)
	}
}

// TestNoAgent: whatever is wrong with the agent is a denial in words.
func TestNoAgent(t *testing.T) {
	dir := t.TempDir()
	closes := filepath.Join(dir, "closes.sock") // killed mid-request
	l, err := net.Listen("unix", closes)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	hangs := filepath.Join(dir, "hangs.sock")
	h, err := net.Listen("unix", hangs)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	lies := filepath.Join(dir, "lies.sock")
	f, err := net.Listen("unix", lies)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	answer := func(l net.Listener, do func(net.Conn)) {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(c).ReadBytes('\n')
			do(c)
		}
	}
	go answer(l, func(c net.Conn) { _ = c.Close() })
	go answer(h, func(net.Conn) {})
	go answer(f, func(c net.Conn) {
		_, _ = io.WriteString(c, `{"version":1,"answers":[{"allow":true},{"allow":true}]}`+"\n")
		_ = c.Close()
	})
	for name, socket := range map[string]string{"nobody there": filepath.Join(dir, "none.sock"), "killed mid-request": closes, "hung": hangs, "two answers to one question": lies} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		began := time.Now()
		a := agent.Client{Socket: socket}.Ask(ctx, question(good))
		if a.Allow || a.Class != engine.ClassUndecided || len(strings.Split(a.Denial(), "\n")) != 3 || time.Since(began) > 20*time.Second {
			t.Errorf("%s: %+v after %s", name, a, time.Since(began))
		}
		thin := wire.Ask(ctx, socket, wire.Question{Name: shop, Digest: good.String()}, 100*time.Millisecond)
		if thin.Allow || len(strings.Split(thin.Denial, "\n")) != 3 {
			t.Errorf("%s, a thin client: %+v", name, thin)
		}
		cancel()
		times := 0
		for _, err := range (agent.Client{Socket: socket}).Running(ctx) {
			if times++; diag.ExitCode(err) != diag.ExitUndecided || times > 1 {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestSlowAgentDeniesBeforeTheDeadline: the agent's own words arrive in time.
func TestSlowAgentDeniesBeforeTheDeadline(t *testing.T) {
	n := serve(t, nil)
	n.asker.slow = time.Minute
	for try := 1; ; try++ { // the way back takes longer than what is kept for it, now and then, where the machine has other work
		ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
		a := n.client.Ask(ctx, question(good))
		cancel()
		if a.Allow || try == 10 {
			t.Fatal(a.Denial())
		}
		if strings.Contains(a.Denial(), "verdict pending") {
			return
		}
	}
}

// TestClientsThatHangHoldNobodyUp: more than are served at once neither write nor read, and are put out.
func TestClientsThatHangHoldNobodyUp(t *testing.T) {
	for name, says := range map[string]string{"say nothing": "", "half a request": `{"version":1,"op":"p`, "never read": `{"version":1,"op":"ps"}` + "\n"} {
		t.Run(name, func(t *testing.T) {
			n := serve(t, func(s *agent.Server) { s.Idle, s.AnswerTime = 300*time.Millisecond, 300*time.Millisecond })
			var many []agent.Container // whose list no socket buffers whole
			for i := range 100 {
				many = append(many, agent.Container{ID: fmt.Sprint(i), Name: strings.Repeat("x", 4000), Image: shop, Digest: good})
			}
			n.Inventory.Sync(many)
			for range 260 {
				c, err := net.Dial("unix", n.client.Socket)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				_, _ = io.WriteString(c, says)
			}
			for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
				if a := n.client.Ask(t.Context(), question(good)); a.Allow {
					break
				} else if time.Since(began) > time.Minute {
					t.Fatal(a.Denial())
				}
			}
		})
	}
}

func TestBadRequests(t *testing.T) {
	n := serve(t, nil)
	for name, c := range map[string]struct{ send, want string }{
		"no JSON":         {"hello\n", "malformed"},
		"another version": {`{"version":2,"op":"ps"}` + "\n", "speaks version 1, not 2"},
		"no version":      {`{"op":"ps"}` + "\n", "speaks version 1, not 0"},
		"unknown":         {`{"version":1,"op":"rm"}` + "\n", `there is no operation \"rm\"`},
		"no question":     {`{"version":1,"op":"ask"}` + "\n", "questions are meant"},
		"too many":        {`{"version":1,"op":"ask","questions":[` + strings.Repeat("{},", 256) + "{}]}\n", "questions are meant"},
		"too long":        {strings.Repeat("x", 2*wire.MaxRequest), ""}, // the rest is never read, which may cost us the words
	} {
		conn, err := net.Dial("unix", n.client.Socket)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, c.send)
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		got, err := bufio.NewReader(conn).ReadString('\n')
		if !strings.Contains(got, c.want) || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %.300q, %v", name, got, err)
		}
		_ = conn.Close()
	}
}

func TestListen(t *testing.T) {
	n := serve(t, nil)
	if st, err := os.Stat(n.client.Socket); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	if _, err := agent.Listen(n.client.Socket, ""); err == nil || !strings.Contains(err.Error(), "another agent serves there") {
		t.Errorf("a second agent: %v", err)
	}
	n.stop()
	if _, err := os.Lstat(n.client.Socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket stays: %v", err)
	}
	// One that was killed leaves its socket and lock file behind.
	if err := os.WriteFile(n.client.Socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := agent.Listen(n.client.Socket, fmt.Sprint(os.Getgid()))
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(n.client.Socket); err != nil || st.Mode().Perm() != 0o660 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	_ = l.Close()
	open := filepath.Join(t.TempDir(), "open")
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o777)); err != nil { //nolint:gosec // that is the test
		t.Fatal(err)
	}
	if _, err := agent.Listen(filepath.Join(open, "s"), ""); diag.ExitCode(err) != diag.ExitUndecided {
		t.Errorf("a folder that others may write to: %v", err)
	}
	if _, err := agent.Listen(filepath.Join(t.TempDir(), "s"), "no-such-group"); err == nil {
		t.Error("a group that does not exist")
	}
}

func TestInventory(t *testing.T) {
	a := &asker{bad: map[digest.Digest]bool{}}
	var said bytes.Buffer
	m := metrics.New()
	inv := agent.NewInventory(a, m, func(s string) { said.WriteString(s + "\n") }, time.Now)
	inv.Sync([]agent.Container{{ID: "1", Name: "web", Namespace: "shop", Workload: "Pod/shop-0", Image: shop, Digest: good}, {ID: "2", Name: "old", Namespace: "shop", Image: shop, Digest: evil}, {ID: "3", Name: "nobody knows", Namespace: "zoo"}})
	inv.Judge(t.Context())
	all := inv.List()
	if len(all) != 3 || all[0].Name != "old" || all[0].Verified() || !all[1].Verified() || all[2].Verified() {
		t.Errorf("%+v", all)
	}
	if !strings.Contains(said.String(), "shop//old runs and is not allowed") || strings.Contains(said.String(), "web") {
		t.Errorf("%s", said.String())
	}
	said.Reset()
	a.bad[good] = true // revoked
	inv.Judge(t.Context())
	if !strings.Contains(said.String(), "shop/Pod/shop-0/web runs and is not allowed") || strings.Contains(said.String(), "old") {
		t.Errorf("told once, when it changes: %s", said.String())
	}
	counts := func(want string) {
		t.Helper()
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
		if !strings.Contains(w.Body.String(), "\nselfsame_unverified_running "+want+"\n") {
			t.Errorf("not %s unverified: %s", want, w.Body)
		}
	}
	counts("3")
	a.bad[good] = false
	inv.Judge(t.Context())
	counts("2")
	inv.Stopped("2")
	counts("1")
	child := digest.FromString("child of " + good.String())
	for d, want := range map[digest.Digest]int{good: 1, child: 1, evil: 0} {
		got := 0
		for _, r := range inv.List() {
			if r.Runs(d) {
				got++
			}
		}
		if got != want {
			t.Errorf("%s runs in %d places", d, got)
		}
	}
}

func TestWatchJudgesAtOnce(t *testing.T) {
	a := &asker{bad: map[digest.Digest]bool{}}
	inv := agent.NewInventory(a, nil, func(string) {}, time.Now)
	change := make(chan struct{})
	var mu sync.Mutex
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		inv.Watch(ctx, time.Hour, func() <-chan struct{} { mu.Lock(); defer mu.Unlock(); return change })
		close(done)
	}()
	verified := func(want bool) {
		t.Helper()
		for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
			if l := inv.List(); len(l) == 1 && l[0].Verdict != nil && l[0].Verified() == want {
				return
			} else if time.Since(began) > time.Minute {
				t.Fatalf("%+v", l)
			}
		}
	}
	inv.Started(agent.Container{ID: "1", Image: shop, Digest: good}, nil)
	verified(true)
	a.mu.Lock()
	a.bad[good] = true
	a.mu.Unlock()
	mu.Lock()
	old := change
	change = make(chan struct{})
	mu.Unlock()
	close(old)
	verified(false)
	cancel()
	<-done
}

// TestMoreThanAreServedAtOnce: whoever finds the agent busy asks again, and is answered in his time.
func TestMoreThanAreServedAtOnce(t *testing.T) {
	n := serve(t, nil)
	n.asker.slow = 50 * time.Millisecond
	var all sync.WaitGroup
	for range 1000 {
		all.Go(func() {
			if a := wire.Ask(t.Context(), n.client.Socket, wire.Question{Name: shop, Digest: good.String()}, 20*time.Second); !a.Allow {
				t.Error(a.Denial)
			}
		})
	}
	all.Wait()
}
