package inputs_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

const token = "0123456789abcdef0123456789abcdef"

func clock() time.Time { return time.Unix(1_700_000_000, 0).UTC() }

func start(t *testing.T, s *inputs.Server, err error) *inputs.Server {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(ln, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func recorder(t *testing.T, store *inputs.Store, o inputs.RecorderOptions) *inputs.Server {
	t.Helper()
	o.Now, o.Backoff = clock, time.Millisecond
	if o.Private == nil {
		o.Private = []string{"127.0.0.1"}
	}
	s, err := inputs.NewRecorder(store, token, o)
	return start(t, s, err)
}

func sealed(t *testing.T, store *inputs.Store, entries []lock.Entry) *inputs.Server {
	t.Helper()
	s, err := inputs.NewSealed(store, token, entries, clock)
	return start(t, s, err)
}

// seal turns what a recorder has into a sealed server for one step.
func seal(t *testing.T, store *inputs.Store, rec *inputs.Server) *inputs.Server {
	t.Helper()
	steps := map[string][]string{}
	for _, r := range rec.Requests() {
		steps[r.URL] = []string{"Dockerfile:1"}
	}
	entries, orphans := rec.Entries("linux/amd64", steps)
	if len(orphans) != 0 {
		t.Fatalf("orphans: %v", orphans)
	}
	return sealed(t, store, entries)
}

// reply is what a client can see of a response.
type reply struct {
	Status int
	Header http.Header
	Body   string
	Err    bool
}

var plain = &http.Client{
	Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       20 * time.Second,
}

// ask requests a URL as BuildKit's proxy would: converted first.
func ask(t *testing.T, s *inputs.Server, method, url string, header ...string) reply {
	t.Helper()
	to, ok := s.ConvertURL(url)
	if !ok {
		t.Fatalf("%s was not converted", url)
	}
	return fetch(t, method, to, header...)
}

func fetch(t *testing.T, method, url string, header ...string) reply {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := plain.Do(req)
	if err != nil {
		return reply{Err: true}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(body), err != nil}
}

func upstream(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	up := httptest.NewServer(h)
	t.Cleanup(up.Close)
	return up.URL
}

func TestReplayIsWhatRecordingServed(t *testing.T) {
	big := strings.Repeat("0123456789", 200_000)
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Set-Cookie", "session=secret")
		h.Set("Cache-Control", "max-age=1")
		h.Set("X-PyPI-Last-Serial", "7")
		h.Set("Content-Type", "text/x-"+r.Header.Get("Accept"))
		switch r.URL.Path {
		case "/big":
			h.Set("ETag", `"e"`)
			h.Set("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
			_, _ = io.WriteString(w, big)
		case "/gz":
			h.Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "\x1f\x8bnot really")
		case "/moved":
			http.Redirect(w, r, "/big?from=moved", http.StatusMovedPermanently)
		case "/auth":
			h.Set("WWW-Authenticate", `Bearer realm="r"`)
			w.WriteHeader(http.StatusUnauthorized)
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		case "/a%2Fb", "/a/b":
			_, _ = io.WriteString(w, r.URL.EscapedPath()+"?"+r.URL.RawQuery)
		default:
			http.NotFound(w, r)
		}
	})
	store := open(t, t.TempDir())
	rec := recorder(t, store, inputs.RecorderOptions{})
	paths := []string{"/big", "/gz", "/moved", "/auth", "/empty", "/a%2Fb?x=%20&y", "/a/b?x=%20&y", "/nothing", "", "/big?"}
	first, again := map[string]reply{}, map[string]reply{}
	for _, p := range paths {
		first[p], again[p] = ask(t, rec, "GET", up+p, "Accept", "one"), ask(t, rec, "GET", up+p, "Accept", "one")
	}
	rec.Close()
	sea := seal(t, store, rec)
	for _, p := range paths {
		got := ask(t, sea, "GET", up+p, "Accept", "one")
		if d := cmp.Diff(again[p], got); d != "" {
			t.Errorf("%q: sealed differs from recorded: %s", p, d)
		}
		delete(first[p].Header, "Content-Length")
		delete(got.Header, "Content-Length")
		if d := cmp.Diff(first[p], got); d != "" {
			t.Errorf("%q: sealed differs from the first answer: %s", p, d)
		}
		if got.Header.Get("Set-Cookie")+got.Header.Get("Cache-Control") != "" {
			t.Errorf("%q: headers that must not be kept: %v", p, got.Header)
		}
	}
	if got := first["/big"]; got.Status != 200 || got.Body != big || got.Header.Get("Etag") != `"e"` || got.Header.Get("X-Pypi-Last-Serial") != "7" {
		t.Errorf("/big: status %d, %d bytes, %v", got.Status, len(got.Body), got.Header)
	}
	if first["/moved"].Header.Get("Location") != "/big?from=moved" || first["/auth"].Status != 401 || first["/nothing"].Status != 404 {
		t.Errorf("%v %v %v", first["/moved"], first["/auth"], first["/nothing"])
	}
	if first["/a%2Fb?x=%20&y"].Body != "/a%2Fb?x=%20&y" || first["/a/b?x=%20&y"].Body != "/a/b?x=%20&y" {
		t.Errorf("escapes were changed on the way: %v", first["/a%2Fb?x=%20&y"].Body)
	}
	if n := len(sea.Misses()) + len(sea.Refused()) + len(sea.Failed()); n != 0 {
		t.Errorf("%d requests of the replay went wrong", n)
	}
}

func TestSealedMiss(t *testing.T) {
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Header.Get("Accept")) })
	store := open(t, t.TempDir())
	rec := recorder(t, store, inputs.RecorderOptions{})
	ask(t, rec, "GET", up+"/x", "Accept", "text/html")
	ask(t, rec, "GET", up+"/star", "Accept", "*/*")
	sea := seal(t, store, rec)
	if got := ask(t, sea, "GET", up+"/star"); got.Status != 200 {
		t.Errorf("no Accept must be the same as */*: %v", got)
	}
	for _, accept := range []string{"text/plain", "*/*"} {
		got := ask(t, sea, "GET", up+"/x", "Accept", accept)
		if got.Status != 404 || !strings.Contains(got.Body, "not in the lock") || !strings.Contains(got.Body, up+"/x") {
			t.Errorf("Accept %s: %v", accept, got)
		}
	}
	miss := sea.Misses()
	want := []inputs.Request{
		{Method: "GET", Route: inputs.RouteStep, URL: up + "/x", Accept: "text/plain", Time: clock(), Outcome: inputs.OutcomeMissed, Status: 404, Code: diag.RequestUnlocked, Reason: miss[0].Reason},
		{Method: "GET", Route: inputs.RouteStep, URL: up + "/x", Time: clock(), Outcome: inputs.OutcomeMissed, Status: 404, Code: diag.RequestUnlocked, Reason: miss[0].Reason},
	}
	if d := cmp.Diff(want, miss); d != "" {
		t.Error(d)
	}
	d := miss[0].Diagnostic("Dockerfile:7")
	if d.Code.Exit() != diag.ExitLock || !strings.Contains(d.Summary, "Dockerfile:7") || !strings.Contains(d.Summary, up+"/x") {
		t.Errorf("diagnostic %v", d)
	}
}

func TestWrongToken(t *testing.T) {
	s := sealed(t, open(t, t.TempDir()), nil)
	to, _ := s.ConvertURL("http://example.com/")
	if got := fetch(t, "GET", strings.Replace(to, token, strings.Repeat("f", 32), 1)); got.Status != 404 {
		t.Errorf("got %v", got)
	}
	if len(s.Misses()) != 0 || len(s.Refused()) != 1 || !strings.Contains(s.Refused()[0].Reason, "token") {
		t.Errorf("misses %v, refused %v", s.Misses(), s.Refused())
	}
}

func TestOnlyGET(t *testing.T) {
	var asked atomic.Int32
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); _, _ = io.WriteString(w, "hello") })
	store := open(t, t.TempDir())
	rec := recorder(t, store, inputs.RecorderOptions{})
	for _, m := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"} {
		if got := ask(t, rec, m, up+"/x"); got.Status != 405 {
			t.Errorf("%s: status %d", m, got.Status)
		}
	}
	if n := len(rec.Refused()); n != 6 || asked.Load() != 0 {
		t.Errorf("%d refusals noted, %d requests passed on; want 6 and none", n, asked.Load())
	}
	ask(t, rec, "GET", up+"/x")
	for _, s := range []*inputs.Server{rec, seal(t, store, rec)} {
		got := ask(t, s, "HEAD", up+"/x")
		if got.Status != 200 || got.Header.Get("Content-Length") != "5" || got.Body != "" {
			t.Errorf("HEAD from the record: %v", got)
		}
	}
	if got := ask(t, seal(t, store, rec), "POST", up+"/x"); got.Status != 405 {
		t.Errorf("sealed POST: %v", got)
	}
}

// TestRefusedAgain has a refusal's bytes made again from its line, and asked about again by a later recording that may allow it.
func TestRefusedAgain(t *testing.T) {
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "hello") })
	store := open(t, t.TempDir())
	rec := recorder(t, store, inputs.RecorderOptions{Private: []string{}})
	ask(t, rec, "GET", up+"/x")
	entries, _ := rec.Entries("linux/amd64", map[string][]string{up + "/x": {"s"}})
	if len(entries) != 1 || entries[0].Evidence != inputs.EvidenceRefused || entries[0].Status != 403 {
		t.Fatalf("lines %+v", entries)
	}
	body, headers := inputs.RefusalAgain(entries[0])
	if digest.FromBytes(body) != entries[0].Digest || digest.FromBytes(headers) != entries[0].Headers {
		t.Errorf("%q and %q are other bytes than were locked", body, headers)
	}
	offline := recorder(t, store, inputs.RecorderOptions{Private: []string{"127.0.0.1"}, Previous: entries, KeepRefusals: true})
	ask(t, offline, "GET", up+"/x")
	if again, _ := offline.Entries("linux/amd64", map[string][]string{up + "/x": {"s"}}); cmp.Diff(entries, again) != "" {
		t.Errorf("kept: %+v, want %+v", again, entries)
	}
	allowed := recorder(t, store, inputs.RecorderOptions{Private: []string{"127.0.0.1"}, Previous: entries})
	if got := ask(t, allowed, "GET", up+"/x"); got.Status != 200 || got.Body != "hello" {
		t.Errorf("allowed now: %v", got)
	}
}

// TestWithheld has the proxy ask about requests and pass only some on, as BuildKit's does with what is no GET.
func TestWithheld(t *testing.T) {
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "hello") })
	rec := recorder(t, open(t, t.TempDir()), inputs.RecorderOptions{})
	ask(t, rec, "GET", up+"/both")
	ask(t, rec, "GET", up+"/fine")
	for _, path := range []string{"/posted?token=hunter2", "/both"} {
		if _, ok := rec.ConvertURL(up + path); !ok {
			t.Fatal("not converted")
		}
	}
	var urls []string
	for _, w := range rec.Withheld() {
		urls = append(urls, strings.TrimPrefix(w.URL, up))
		if d := w.Diagnostic("Dockerfile:3"); d.Code != diag.RequestRefused || !strings.Contains(d.Error(), "Dockerfile:3") || strings.Contains(d.Error(), "hunter2") {
			t.Errorf("%v", d)
		}
	}
	if d := cmp.Diff([]string{"/both", "/posted?token=REDACTED"}, urls); d != "" {
		t.Error(d)
	}
	secret := recorder(t, open(t, t.TempDir()), inputs.RecorderOptions{Secrets: [][]byte{[]byte("hunter2hunter2")}})
	for _, url := range []string{up + "/bot/hunter2hunter2/send", "http://me@example.com/hunter2hunter2"} {
		secret.ConvertURL(url)
	}
	if w, r := fmt.Sprint(secret.Withheld()), fmt.Sprint(secret.Requests()); strings.Contains(w+r, "hunter2") || !strings.Contains(w, "REDACTED") || !strings.Contains(r, "REDACTED") {
		t.Errorf("the value of a secret is shown, or nothing is: %s %s", w, r)
	}
}

func TestOneUpstreamRequestForAThousandClients(t *testing.T) {
	var asked atomic.Int32
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		_, _ = fmt.Fprintf(w, "answer %d ", n)
		w.(http.Flusher).Flush()
		time.Sleep(50 * time.Millisecond)
		_, _ = io.WriteString(w, "end")
	})
	store := open(t, t.TempDir())
	rec := recorder(t, store, inputs.RecorderOptions{})
	to, _ := rec.ConvertURL(up + "/x")
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 200, MaxIdleConnsPerHost: 200}}
	var wg sync.WaitGroup
	var wrong atomic.Int32
	for range 1000 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			resp, err := client.Get(to)
			if err != nil {
				wrong.Add(1)
				return
			}
			defer resp.Body.Close()
			if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "answer 1 end" {
				wrong.Add(1)
			}
		}()
	}
	wg.Wait()
	if wrong.Load() != 0 || asked.Load() != 1 {
		t.Errorf("%d wrong answers, %d upstream requests; want 0 and 1", wrong.Load(), asked.Load())
	}
	fresh := slices.DeleteFunc(rec.Requests(), func(r inputs.Request) bool { return r.Cached })
	if len(rec.Requests()) != 1000 || len(fresh) != 1 {
		t.Errorf("%d requests noted, %d of them fresh", len(rec.Requests()), len(fresh))
	}
}

func TestTheFirstAnswerStays(t *testing.T) {
	var asked atomic.Int32
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, asked.Add(1)) })
	rec := recorder(t, open(t, t.TempDir()), inputs.RecorderOptions{})
	for range 3 {
		if got := ask(t, rec, "GET", up+"/x"); got.Body != "1" {
			t.Errorf("answer %q; want the first", got.Body)
		}
	}
	if got := ask(t, rec, "GET", up+"/x", "Accept", "text/html"); got.Body != "2" {
		t.Errorf("another Accept is another key; got %q", got.Body)
	}
}

func TestPreviousAnswersAreKept(t *testing.T) {
	var asked atomic.Int32
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, asked.Add(1)) })
	store := open(t, t.TempDir())
	rec := recorder(t, store, inputs.RecorderOptions{})
	for _, p := range []string{"/a", "/b"} {
		ask(t, rec, "GET", up+p)
	}
	steps := map[string][]string{up + "/a": {"s"}, up + "/b": {"s"}}
	before, _ := rec.Entries("linux/amd64", steps)
	if err := store.Remove(before[1].Digest); err != nil {
		t.Fatal(err)
	}
	rec = recorder(t, store, inputs.RecorderOptions{Previous: before})
	if got := ask(t, rec, "GET", up+"/a"); got.Body != "1" {
		t.Errorf("a locked answer was asked for again: %v", got)
	}
	if got := ask(t, rec, "GET", up+"/b"); got.Body != "3" {
		t.Errorf("an answer that the store lost: %v", got)
	}
	after, _ := rec.Entries("linux/amd64", steps)
	if len(after) != 2 || after[0] != before[0] || after[1] == before[1] {
		t.Errorf("before %v, after %v", before, after)
	}
}

func TestRequestHeadersPassedOn(t *testing.T) {
	var seen http.Header
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) { seen = r.Header })
	rec := recorder(t, open(t, t.TempDir()), inputs.RecorderOptions{})
	ask(t, rec, "GET", up+"/x", "Accept", "a", "Authorization", "Bearer t", "User-Agent", "pip/1", "X-Custom", "c",
		"If-None-Match", "e", "If-Modified-Since", "d", "Range", "bytes=0-1", "Cookie", "c=1", "Traceparent", "p")
	want := http.Header{"Accept": {"a"}, "Authorization": {"Bearer t"}, "User-Agent": {"pip/1"}, "X-Custom": {"c"}}
	if d := cmp.Diff(want, seen); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{inputs.NoteCredentials, inputs.NoteCookie}, rec.Requests()[0].Notes); d != "" {
		t.Error(d)
	}
}

func TestFaultsOfUpstream(t *testing.T) {
	hijack := func(w http.ResponseWriter, text string) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_, _ = io.WriteString(c, text)
			c.Close()
		}
	}
	cases := []struct {
		name    string
		handler func(n int32, w http.ResponseWriter, r *http.Request)
		status  int   // seen by the client; 0: the connection breaks, or 502 if the failure came at once
		tries   int32 // upstream requests
		outcome inputs.Outcome
	}{
		{"dies half-way", func(_ int32, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = io.WriteString(w, strings.Repeat("x", 50000))
			panic(http.ErrAbortHandler)
		}, 0, 1, inputs.OutcomeFailed},
		{"dies half-way, length unknown", func(_ int32, w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", 50000))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, 0, 1, inputs.OutcomeFailed},
		{"stalls in the body", func(_ int32, w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "x")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, 0, 1, inputs.OutcomeFailed},
		{"stalls at once", func(_ int32, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 502, 1, inputs.OutcomeFailed},
		{"503 for ever", func(_ int32, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, 503, 3, inputs.OutcomeFailed},
		{"429, 500, then fine", func(n int32, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader([]int{429, 500, 200}[n-1])
		}, 200, 3, inputs.OutcomeServed},
		{"reset, reset, then fine", func(n int32, w http.ResponseWriter, _ *http.Request) {
			if n < 3 {
				hijack(w, "")
			}
		}, 200, 3, inputs.OutcomeServed},
		{"garbage", func(_ int32, w http.ResponseWriter, _ *http.Request) { hijack(w, "hello\r\n\r\n") }, 502, 3, inputs.OutcomeFailed},
		{"Vary: *", func(_ int32, w http.ResponseWriter, _ *http.Request) { w.Header().Set("Vary", "Accept, *") }, 502, 1, inputs.OutcomeRefused},
		{"partial", func(_ int32, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(206) }, 502, 1, inputs.OutcomeFailed},
		{"too long, said", func(_ int32, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100001")
			_, _ = io.WriteString(w, strings.Repeat("x", 100001))
		}, 502, 1, inputs.OutcomeFailed},
		{"too long, not said", func(_ int32, w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, strings.Repeat("x", 100001))
		}, 0, 1, inputs.OutcomeFailed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var asked atomic.Int32
			up := upstream(t, func(w http.ResponseWriter, r *http.Request) { c.handler(asked.Add(1), w, r) })
			store := open(t, t.TempDir())
			rec := recorder(t, store, inputs.RecorderOptions{Attempts: 3, Stall: 200 * time.Millisecond, MaxBody: 100000})
			got := ask(t, rec, "GET", up+"/x")
			if broken := got.Err || got.Status == 502; c.status == 0 && !broken || c.status != 0 && got.Status != c.status {
				t.Errorf("client saw status %d, broken %t; want %d", got.Status, got.Err, c.status)
			}
			req := rec.Requests()[0]
			if req.Outcome != c.outcome || asked.Load() != c.tries {
				t.Errorf("outcome %s (%s) after %d tries; want %s after %d", req.Outcome, req.Reason, asked.Load(), c.outcome, c.tries)
			}
			entries, _ := rec.Entries("linux/amd64", map[string][]string{up + "/x": {"s"}})
			if want := c.outcome != inputs.OutcomeFailed; (len(entries) == 1) != want {
				t.Errorf("%d lines for the lock", len(entries))
			}
			if c.outcome != inputs.OutcomeServed && req.Diagnostic("s") == nil {
				t.Error("nothing to tell the user")
			}
			rec.Close()
			if n := tempFiles(t, store); n != 0 {
				t.Errorf("%d temporary files left", n)
			}
		})
	}
}

func TestARetryOfTheClientHealsAFailure(t *testing.T) {
	var asked atomic.Int32
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, "whole")
	})
	rec := recorder(t, open(t, t.TempDir()), inputs.RecorderOptions{})
	if got := ask(t, rec, "GET", up+"/x"); !got.Err && got.Status != 502 { // 502 if the failure came before the head was sent
		t.Errorf("half an answer passed for a whole one: %v", got)
	}
	if len(rec.Failed()) != 1 {
		t.Error("the failure was not noted")
	}
	if got := ask(t, rec, "GET", up+"/x"); got.Body != "whole" {
		t.Errorf("second try: %v", got)
	}
	if len(rec.Failed()) != 0 || len(rec.Requests()) != 2 {
		t.Error("a failure that was made good still counts")
	}
}

func TestPrivateTargets(t *testing.T) {
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "hello") })
	port := up[strings.LastIndex(up, ":")+1:]
	for _, c := range []struct {
		name    string
		private []string
		url     string
		want    int
	}{
		{"address", []string{}, up, 403},
		{"name that resolves to it", []string{}, "http://localhost:" + port, 403},
		{"metadata service", []string{}, "http://169.254.169.254/latest/meta-data", 403},
		{"IPv6 loopback", []string{}, "http://[::1]:" + port, 403},
		{"mapped", []string{}, "http://[::ffff:127.0.0.1]:" + port, 403},
		{"private range", []string{}, "http://10.1.2.3/", 403},
		{"another host is allowed", []string{"example.com", "127.0.0.1:1"}, up, 403},
		{"allowed by host", []string{"127.0.0.1"}, up, 200},
		{"allowed by host and port", []string{"127.0.0.1:" + port}, up, 200},
		{"allowed by name", []string{"LOCALHOST"}, "http://localhost:" + port, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := open(t, t.TempDir())
			rec := recorder(t, store, inputs.RecorderOptions{Private: c.private, Attempts: 1, Stall: 2 * time.Second})
			got := ask(t, rec, "GET", c.url)
			if got.Status != c.want {
				t.Errorf("status %d (%s); want %d", got.Status, got.Body, c.want)
			}
			if c.want == 403 {
				if r := rec.Refused(); len(r) != 1 || r[0].Code != diag.RequestPrivate {
					t.Errorf("refusals: %v", r)
				}
				sealed := seal(t, store, rec)
				if again := ask(t, sealed, "GET", c.url); again.Status != 403 || again.Body != got.Body || len(sealed.Misses()) != 0 {
					t.Errorf("sealed: status %d, %q, misses %v; want what recording said, %q", again.Status, again.Body, sealed.Misses(), got.Body)
				}
			}
		})
	}
}

func TestMirror(t *testing.T) {
	var self string
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", "of this mirror")
		if r.URL.Path == "/some/debian/old" {
			http.Redirect(w, r, self+"/some/debian/new", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, r.URL.Path)
	})
	self = up
	store := open(t, t.TempDir())
	rec := recorder(t, store, inputs.RecorderOptions{Private: []string{}, Mirrors: map[string]string{"http://debian.invalid/": up + "/some/"}})
	if got := ask(t, rec, "GET", "http://debian.invalid/debian/x"); got.Body != "/some/debian/x" || got.Header.Get("Etag")+got.Header.Get("Date") != "" {
		t.Errorf("mapped request: %v", got)
	}
	if got := ask(t, rec, "GET", "http://debian.invalid/debian/old"); got.Header.Get("Location") != "http://debian.invalid/debian/new" {
		t.Errorf("redirect of the mirror: %v", got.Header)
	}
	if got := ask(t, rec, "GET", up+"/some/debian/x"); got.Status != 403 {
		t.Errorf("the mirror's own address is private and yet reachable for a step: %v", got)
	}
	if got := ask(t, seal(t, store, rec), "GET", "http://debian.invalid/debian/x"); got.Body != "/some/debian/x" {
		t.Errorf("sealed: %v", got)
	}
}

func TestSecretsInQueries(t *testing.T) {
	var self string
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/release":
			http.Redirect(w, r, self+"/blob?X-Amz-Date=d&X-Amz-Signature=s3cr3t", http.StatusFound)
		case r.URL.Query().Get("X-Amz-Signature") == "s3cr3t", r.URL.Query().Get("token") == "t0k3n":
			_, _ = io.WriteString(w, "content")
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	})
	self = up
	dir := t.TempDir()
	store := open(t, dir)
	rec := recorder(t, store, inputs.RecorderOptions{})
	to := ask(t, rec, "GET", up+"/release").Header.Get("Location")
	if to != up+"/blob?X-Amz-Date=d&X-Amz-Signature=REDACTED" {
		t.Fatalf("redirect to %s", to)
	}
	if got := ask(t, rec, "GET", to); got.Body != "content" {
		t.Errorf("following the redacted redirect: %v", got)
	}
	if got := ask(t, rec, "GET", up+"/direct?token=t0k3n"); got.Body != "content" {
		t.Errorf("a client's own token: %v", got)
	}
	sea := seal(t, store, rec)
	for _, u := range []string{to, up + "/direct?token=REDACTED", up + "/direct?token=another"} {
		if got := ask(t, sea, "GET", u); got.Body != "content" {
			t.Errorf("sealed %s: %v", u, got)
		}
	}
	for _, r := range rec.Requests() {
		if noted := slices.Contains(r.Notes, inputs.NoteSecret); noted == strings.HasSuffix(r.URL, "/release") {
			t.Errorf("%s: noted as secret: %t", r.URL, noted)
		}
	}
	for _, secret := range []string{"s3cr3t", "t0k3n"} {
		if file := grep(t, dir, secret); file != "" {
			t.Errorf("the store holds %s in %s", secret, file)
		}
		if strings.Contains(fmt.Sprintf("%+v", rec.Requests()), secret) {
			t.Errorf("the journal holds %s", secret)
		}
	}
}

func TestTwoSecretsForOneKeyAreRefused(t *testing.T) {
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.RawQuery) })
	rec := recorder(t, open(t, t.TempDir()), inputs.RecorderOptions{})
	ask(t, rec, "GET", up+"/page?token=1", "Accept", "a")
	if got := ask(t, rec, "GET", up+"/page?token=2", "Accept", "b"); got.Status == 200 {
		t.Errorf("another page was fetched under the same key: %v", got)
	}
}

func TestUserInfoAndOwnAddressAreRefused(t *testing.T) {
	s := recorder(t, open(t, t.TempDir()), inputs.RecorderOptions{})
	own, _ := s.ConvertURL("http://example.com/")
	for _, u := range []string{"https://user:pass@example.com/x?token=t", own, "docker-image://x", "http://", "local://context", "%"} {
		if got, ok := s.ConvertURL(u); ok {
			t.Errorf("%s was converted to %s", u, got)
		}
	}
	if !s.Owns(own) || s.Owns("http://example.com/") {
		t.Error("the server does not know its own URLs")
	}
	if r := s.Refused(); len(r) != 2 || strings.Contains(fmt.Sprint(r), "pass") || strings.Contains(fmt.Sprint(r), "token=t ") {
		t.Errorf("refused: %v", r)
	}
}

func TestSourceRouteKeepsRedirectsInside(t *testing.T) {
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/tool":
			http.Redirect(w, r, "/dl/tool.tar.gz", http.StatusFound)
		case "/dl/tool.tar.gz":
			_, _ = io.WriteString(w, "tool")
		case "/out":
			w.Header().Set("Location", "ftp://example.com/x")
			w.WriteHeader(http.StatusFound)
		}
	})
	store := open(t, t.TempDir())
	rec := recorder(t, store, inputs.RecorderOptions{})
	from, _ := rec.SourceURL(up + "/tool")
	first := fetch(t, "GET", from)
	to := first.Header.Get("Location")
	if orig, ok := rec.OriginalURL(to); !ok || orig != up+"/dl/tool.tar.gz" {
		t.Fatalf("redirected to %s", to)
	}
	if got := fetch(t, "GET", to); got.Body != "tool" {
		t.Errorf("got %v", got)
	}
	out, _ := rec.SourceURL(up + "/out")
	if got := fetch(t, "GET", out); got.Header.Get("Location") != "" {
		t.Errorf("a redirect leads out of the server: %v", got.Header)
	}
	entries, orphans := rec.Entries("linux/amd64", map[string][]string{up + "/tool": {"Dockerfile:4"}})
	if len(entries) != 2 || entries[0].Kind != lock.KindHTTP || entries[1].Step != "Dockerfile:4" || len(orphans) != 1 {
		t.Errorf("entries %v, orphans %v", entries, orphans)
	}
	sea := sealed(t, store, entries)
	from, _ = sea.SourceURL(up + "/tool")
	if got := fetch(t, "GET", fetch(t, "GET", from).Header.Get("Location")); got.Body != "tool" {
		t.Errorf("sealed: %v", got)
	}
}

func TestSealedNeverServesDamagedBytes(t *testing.T) {
	body := strings.Repeat("content ", 100_000)
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, body) })
	for name, c := range map[string]struct {
		harm func(t *testing.T, s *inputs.Store, r inputs.Request)
		code diag.Code
	}{
		"flipped bit": {func(t *testing.T, s *inputs.Store, r inputs.Request) {
			damage(t, s, r.Digest, "X"+body[1:])
		}, diag.InputCorrupt},
		"truncated":  {func(t *testing.T, s *inputs.Store, r inputs.Request) { damage(t, s, r.Digest, body[:5000]) }, diag.InputCorrupt},
		"missing":    {func(t *testing.T, s *inputs.Store, r inputs.Request) { _ = s.Remove(r.Digest) }, diag.InputMissing},
		"headers":    {func(t *testing.T, s *inputs.Store, r inputs.Request) { damage(t, s, r.Headers, "Content-Type: evil\n") }, diag.InputCorrupt},
		"no headers": {func(t *testing.T, s *inputs.Store, r inputs.Request) { _ = s.Remove(r.Headers) }, diag.InputMissing},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			store := open(t, dir)
			rec := recorder(t, store, inputs.RecorderOptions{})
			ask(t, rec, "GET", up+"/x")
			c.harm(t, store, rec.Requests()[0])
			entries, _ := rec.Entries("linux/amd64", map[string][]string{up + "/x": {"s"}})
			sea := sealed(t, open(t, dir), entries) // another process: nothing is known to be good
			got := ask(t, sea, "GET", up+"/x")
			if got.Status != 500 || strings.Contains(got.Body, "content content") {
				t.Errorf("client got status %d, %d bytes", got.Status, len(got.Body))
			}
			if f := sea.Failed(); len(f) != 1 || f[0].Code != c.code {
				t.Errorf("failed: %+v", f)
			}
		})
	}
	t.Run("while running", func(t *testing.T) {
		store := open(t, t.TempDir())
		rec := recorder(t, store, inputs.RecorderOptions{})
		ask(t, rec, "GET", up+"/x") // the store has seen these bytes go in
		damage(t, store, rec.Requests()[0].Digest, "X"+body[1:])
		sea := seal(t, store, rec)
		if got := ask(t, sea, "GET", up+"/x"); !got.Err {
			t.Error("a body that went bad was served as a whole one")
		}
		if f := sea.Failed(); len(f) != 1 || f[0].Code != diag.InputCorrupt {
			t.Errorf("failed: %+v", f)
		}
	})
}

func TestTwoAnswersToOneRequestAreRefused(t *testing.T) {
	store := open(t, t.TempDir())
	e := lock.Entry{Kind: lock.KindResponse, Key: "http://example.com/", Digest: put(t, store, "a"), Size: 1, Status: 200}
	other := e
	other.Step, other.Digest = "s", put(t, store, "b")
	if _, err := inputs.NewSealed(store, token, []lock.Entry{e, e}, clock); err != nil {
		t.Errorf("the same answer twice: %v", err)
	}
	_, err := inputs.NewSealed(store, token, []lock.Entry{e, other}, clock)
	if all := diag.All(err); len(all) != 1 || all[0].Code != diag.RequestAmbiguous {
		t.Errorf("two answers: %v", err)
	}
}

func TestToken(t *testing.T) {
	a, err := inputs.NewToken(strings.NewReader(strings.Repeat("a", 32)))
	if err != nil || len(a) != 64 {
		t.Errorf("token %q, %v", a, err)
	}
	if _, err := inputs.NewToken(strings.NewReader("short")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("little randomness: %v", err)
	}
	if _, err := inputs.NewSealed(open(t, t.TempDir()), "guessable", nil, clock); err == nil {
		t.Error("a short token was accepted")
	}
}

// TestUnchangedAnswerKeepsItsLine asks again for what an older lock has: an answer with another Date alone has the old line, one with
// another body or another header a new one.
func TestUnchangedAnswerKeepsItsLine(t *testing.T) {
	date, body, etag := "Mon, 23 Nov 2026 04:34:00 GMT", "body", "1"
	up := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", date)
		w.Header().Set("Etag", etag)
		_, _ = io.WriteString(w, body)
	})
	store := open(t, t.TempDir())
	record := func(before []lock.Entry) []lock.Entry {
		rec := recorder(t, store, inputs.RecorderOptions{})
		ask(t, rec, "GET", up+"/f")
		entries, _ := rec.Entries("", map[string][]string{up + "/f": {"Dockerfile:3"}})
		rec.AsBefore(entries, before)
		if len(entries) != 1 {
			t.Fatalf("%d lines", len(entries))
		}
		return entries
	}
	first := record(nil)
	date = "Tue, 24 Nov 2026 04:34:00 GMT"
	if d := cmp.Diff(first, record(first)); d != "" {
		t.Errorf("only the date is another: %s", d)
	}
	if d := cmp.Diff(first, record(nil)); d == "" {
		t.Error("without an older lock, the date is no part of the line")
	}
	etag = "2"
	if d := cmp.Diff(first, record(first)); d == "" {
		t.Error("another Etag has the old line")
	}
	etag, body = "1", "b0dy"
	if d := cmp.Diff(first, record(first)); d == "" {
		t.Error("another body has the old line")
	}
}

func TestEntriesPerStep(t *testing.T) {
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
	rec := recorder(t, open(t, t.TempDir()), inputs.RecorderOptions{})
	deb := up + "/debian/pool/main/c/curl/curl_7.88.1-10_amd64.deb"
	for _, u := range []string{deb, deb, up + "/lost"} {
		ask(t, rec, "GET", u)
	}
	entries, orphans := rec.Entries("linux/amd64", map[string][]string{deb: {"Dockerfile:9", "Dockerfile:3", "Dockerfile:3"}})
	var got []string
	for _, e := range entries {
		got = append(got, e.Step+" "+e.PURL)
	}
	purl := "pkg:deb/debian/curl@7.88.1-10?arch=amd64"
	if d := cmp.Diff([]string{"Dockerfile:3 " + purl, "Dockerfile:9 " + purl}, got); d != "" {
		t.Error(d)
	}
	if len(orphans) != 1 || orphans[0].URL != up+"/lost" {
		t.Errorf("orphans %v", orphans)
	}
	if _, err := lock.Parse((&lock.Lock{Entries: entries}).Format()); err != nil {
		t.Errorf("the lines make no lock: %v", err)
	}
}
