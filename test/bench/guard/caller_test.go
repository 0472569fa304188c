package main

import (
	"bufio"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestReadAnswer(t *testing.T) {
	const uid = "705ab4f5-6393-11e8-b7cc-000000000007"
	answer := func(head, body string) string {
		return fmt.Sprintf("HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n%s", head, len(body), body)
	}
	good := `{"response":{"uid":"` + uid + `","allowed":true}}`
	for _, c := range []struct {
		name, text string
		again      bool
		err        string // "": none
	}{
		{"allowed", answer("200 OK\r\nDate: x", good) + "HTTP/1.1", true, ""},
		{"the last one", answer("200 OK\r\nConnection: close", good), false, ""},
		{"longer than the reader's buffer", answer("200 OK", good+strings.Repeat(" ", 5000)), true, ""},
		{"denied", answer("200 OK", strings.Replace(good, "true", "false", 1)), true, "not allowed"},
		{"of another review", answer("200 OK", strings.Replace(good, "07\"", "08\"", 1)), true, "not the review"},
		{"the uid elsewhere", answer("200 OK", `{"response":{"uid":"","allowed":true,"status":{"message":"`+uid+`"}}}`), true, "not the review"},
		{"another status", answer("503 Service Unavailable", good), true, "503 Service Unavailable"},
		{"cut off", strings.TrimSuffix(answer("200 OK", good), "}}"), false, "EOF"},
		{"cut off in its head", "HTTP/1.1 200 OK\r\nDate", false, "unexpected EOF"},
		{"no length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false, "-1 bytes"},
		{"too long", "HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n", false, "65537 bytes"},
	} {
		again, err := readAnswer(bufio.NewReader(strings.NewReader(c.text)), []byte(uid))
		if again != c.again || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, %v", c.name, again, err)
		}
	}
}

// served is a server of reviews over TLS, and a caller of it. It closes what sends no head for so long.
func served(t *testing.T, patience time.Duration, h http.HandlerFunc) *caller {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ReadHeaderTimeout, s.Config.ErrorLog = patience, log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return newCaller(s.Listener.Addr().String(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

// TestCaller: the request is whole and has its own uid, connections are used again, and no more than API servers keep are kept.
func TestCaller(t *testing.T) {
	var mu sync.Mutex
	var held atomic.Int64
	held.Store(40)
	uids, from := map[string]bool{}, map[string]bool{}
	var gate sync.WaitGroup // until all are there, so that each needs a connection of its own
	gate.Add(40)
	c := served(t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
		if held.Add(-1) >= 0 {
			gate.Done()
		}
		gate.Wait()
		body, _ := io.ReadAll(r.Body)
		_, after, _ := strings.Cut(string(body), `"uid":"`)
		uid, _, _ := strings.Cut(after, `"`)
		mu.Lock()
		uids[uid], from[r.RemoteAddr] = true, true
		mu.Unlock()
		if r.URL.Path != "/validate" || r.URL.Query().Get("timeout") != "5s" || r.Header.Get("Content-Type") != "application/json" || !strings.HasSuffix(string(body), `"dryRun":false}}`) {
			t.Errorf("%s %v %s", r.URL, r.Header, body)
		}
		_, _ = io.WriteString(w, `{"response":{"uid":"`+uid+`","allowed":true}}`)
	})
	r := c.prepare("/validate?timeout=5s", pod("registry.example.com/shop@sha256:00"))
	many := func(n, first int) {
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				if err := c.post(t.Context(), r, first+i); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	many(40, 0)
	if len(from) != 40 || len(c.idle) != maxIdle {
		t.Errorf("%d connections, %d of them kept", len(from), len(c.idle))
	}
	for i := range 20 {
		many(1, 40+i)
	}
	if len(from) != 40 || len(uids) != 60 || !uids["705ab4f5-6393-11e8-b7cc-000000000059"] {
		t.Errorf("%d connections, uids %v", len(from), uids)
	}
}

// TestCallerFindsAnotherLine: a server closes what is idle for too long.
func TestCallerFindsAnotherLine(t *testing.T) {
	c := served(t, 2*time.Second, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, after, _ := strings.Cut(string(body), `"uid":"`)
		_, _ = io.WriteString(w, `{"response":{"uid":"`+after[:len(zeroUID)]+`","allowed":true}}`)
	})
	r := c.prepare("/validate", pod("a"))
	l, err := c.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); l.alive(); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatal("the server closes nothing")
		}
	}
	c.give(l, nil)
	l.since = l.since.Add(-time.Minute)
	if err := c.post(t.Context(), r, 1); err != nil {
		t.Fatal(err)
	}
	if c.idle[0] == l {
		t.Error("the closed connection was used")
	}
	c.address = "127.0.0.1:1"
	c.idle = nil
	if err := c.post(t.Context(), r, 1); err == nil {
		t.Error("nobody listens there")
	}
}

// TestLoad: time counts from when a call was due. What it waits for room is not the load's own lateness, and a failure is counted.
func TestLoad(t *testing.T) {
	const n = 2*underway + 1 // the last ones begin when the third lot may
	got, err := load(t.Context(), 10_000, n, func(_ context.Context, i int) error {
		time.Sleep(200 * time.Millisecond)
		if i == 7 {
			return errors.New("no verdict")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	first, last := got.took[0], got.took[n-1]
	if len(got.took) != n || first < 200*time.Millisecond || last < 550*time.Millisecond || last > time.Minute || got.failed != 1 || got.why == nil || got.why.Error() != "no verdict" {
		t.Errorf("%v to %v, %d failed: %v", first, last, got.failed, got.why)
	}
	if late := got.late.at(.5); late > 150*time.Millisecond {
		t.Errorf("half of the calls were late by %v", late)
	}
}

// TestPace: three hundred ticks of a millisecond take as long as that, and a busy machine makes it no more than some times as long.
func TestPace(t *testing.T) {
	began, waits := time.Now(), 0
	p, err := newPace(time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	for ticks := uint64(0); ticks < 300; waits++ {
		n, err := p.wait()
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	if took := time.Since(began); took < 300*time.Millisecond || took > 10*time.Second {
		t.Errorf("300 ticks of a millisecond took %v, in %d waits", took, waits)
	}
}

// TestCallerGivesUp: a server that hangs is an error within a bound, and its connection is not used again.
func TestCallerGivesUp(t *testing.T) {
	over := make(chan struct{})
	c := served(t, time.Minute, func(http.ResponseWriter, *http.Request) { <-over })
	t.Cleanup(func() { close(over) }) // before the server's own end, which waits for it
	c.wait = 100 * time.Millisecond
	done := make(chan error, 1)
	go func() { done <- c.post(t.Context(), c.prepare("/validate", pod()), 1) }()
	select {
	case err := <-done:
		if !errors.Is(err, os.ErrDeadlineExceeded) || len(c.idle) != 0 {
			t.Errorf("%v, %d connections kept", err, len(c.idle))
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits for ever")
	}
}
