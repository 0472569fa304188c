// Package wire is what is spoken on the node agent's socket: a request is one line of JSON, and so is its answer. It imports next to nothing,
// so that the programs that only ask (containerd's image verifier, the runtime wrapper) stay small.
package wire

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Version is the protocol's. Fields are only ever added; what has another number is refused.
const Version = 1

// The bounds of a line, in bytes, and of a request.
const (
	MaxRequest   = 256 << 10
	MaxResponse  = 16 << 20
	MaxQuestions = 256
	MaxWait      = 30 * time.Second
)

// The operations.
const (
	OpAsk        = "ask"         // Questions -> Answers
	OpPS         = "ps"          // -> Containers, Next
	OpBreakGlass = "break-glass" // -> Grants
	OpStatus     = "status"      // -> Status
)

// Request is one line to the agent.
type Request struct {
	Version   int             `json:"version"`
	Op        string          `json:"op"`
	Questions json.RawMessage `json:"questions,omitempty"` // a list of engine.Question
	// WaitMillis is how long the agent may take before it denies in words; 0: as long as it takes, at most MaxWait.
	WaitMillis int64 `json:"waitMillis,omitempty"`
	// Paged asks for a list in answers of about a MiB, each from After on, which is the last one's Next. Without it a list that is longer than
	// MaxResponse is an error.
	Paged bool   `json:"paged,omitempty"`
	After []byte `json:"after,omitempty"`
}

// Response is one line from it. Error is set where there is nothing else.
type Response struct {
	Version    int             `json:"version"`
	Error      string          `json:"error,omitempty"`
	Answers    json.RawMessage `json:"answers,omitempty"`    // a list of agent.Reply
	Containers json.RawMessage `json:"containers,omitempty"` // a list of agent.Running
	Grants     json.RawMessage `json:"grants,omitempty"`     // a list of breakglass.Grant
	Status     json.RawMessage `json:"status,omitempty"`     // agent.Status
	Next       []byte          `json:"next,omitempty"`       // empty: the list is over
}

// Brief is the part of an answer that a program needs that only lets through or refuses.
type Brief struct {
	Allow  bool   `json:"allow"`
	Denial string `json:"denial"` // three lines, the first of which stands alone
	Class  string `json:"class"`  // engine.Class: why, in a word; empty: nobody could be asked
}

// Classes of answers that programs which only ask tell apart (engine.Class).
const (
	Denied     = "denied"      // the deny list names it
	Objected   = "objected"    // somebody trusted speaks against it
	BreakGlass = "break-glass" // allowed against the policy
	Rule       = "rule"        // a rule is not content with its evidence
	Missing    = "missing"     // it has none
	Invalid    = "invalid"     // none that holds
	Gone       = "gone"        // its repository does not have it
)

// Question is one of them in its simplest form.
type Question struct {
	Name   string            `json:"name"`
	Digest string            `json:"digest"`
	Who    map[string]string `json:"who,omitempty"` // as engine.Who
}

// Ask is the whole of a thin program: one question, and how it ends. Whatever goes wrong is a denial in words. wait is how long the agent may
// take; the call itself ends a second later at the latest.
func Ask(ctx context.Context, socket string, q Question, wait time.Duration) Brief {
	return AskAll(ctx, socket, []Question{q}, wait)[0]
}

// AskAll is Ask for some questions at once, at most MaxQuestions; there is an answer for each, in their order.
func AskAll(ctx context.Context, socket string, qs []Question, wait time.Duration) []Brief {
	ctx, cancel := context.WithTimeout(ctx, wait+time.Second)
	defer cancel()
	raw, err := json.Marshal(qs)
	var got []Brief
	if err == nil {
		var r Response
		if r, err = Call(ctx, socket, Request{Op: OpAsk, Questions: raw, WaitMillis: wait.Milliseconds()}); err == nil {
			err = json.Unmarshal(r.Answers, &got)
		}
	}
	out := make([]Brief, len(qs))
	for i, q := range qs {
		switch {
		case err != nil:
			out[i].Denial = fmt.Sprintf("%s@%s is denied: %v\nbefore any rule: nobody could be asked\nfix: see that selfsame-guard agent runs on this node", q.Name, q.Digest, err)
		case len(got) != len(qs) || !got[i].Allow && got[i].Denial == "":
			out[i].Denial = fmt.Sprintf("%s@%s is denied: the node agent answers something else\nbefore any rule\nfix: use one version of both programs", q.Name, q.Digest)
		default:
			out[i] = got[i]
		}
	}
	return out
}

// Busy is the agent's answer where as many clients are served as it serves at once. It is about no image: whoever gets it asks again.
const Busy = "busy"

var errBusy = errors.New("the node agent says: " + Busy)

// The pauses before asking a busy agent again.
const (
	firstPause = 10 * time.Millisecond
	lastPause  = 200 * time.Millisecond
)

// Call sends one request on a connection of its own, and again while the agent is busy. Without a deadline in ctx it takes MaxWait and a few
// seconds at most.
func Call(ctx context.Context, socket string, r Request) (Response, error) {
	ctx, cancel := context.WithTimeout(ctx, MaxWait+5*time.Second)
	defer cancel()
	r.Version = Version
	deadline, _ := ctx.Deadline() // there is one
	left, wait := time.Until(deadline), r.WaitMillis
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		out, err := once(ctx, socket, r)
		if !errors.Is(err, errBusy) {
			return out, err
		}
		select {
		case <-ctx.Done():
			return Response{}, err
		case <-time.After(pause):
		}
		if wait > 0 { // the agent's part of a time that has begun
			r.WaitMillis = max(wait-(left-time.Until(deadline)).Milliseconds(), 1)
		}
	}
}

func once(ctx context.Context, socket string, r Request) (Response, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return Response{}, fmt.Errorf("reaching the node agent: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	uid, err := PeerUID(conn)
	if err != nil {
		return Response{}, fmt.Errorf("reaching the node agent: %w", err)
	}
	if uid != 0 && uid != os.Geteuid() { // whoever could put a socket there would decide what runs
		return Response{}, fmt.Errorf("what serves on %s is neither root's nor ours (uid %d)", socket, uid)
	}
	asked := WriteLine(conn, r, MaxRequest)
	var out Response
	err = ReadLine(bufio.NewReaderSize(conn, 4096), &out, MaxResponse) // a busy agent answers and closes before it has read anything
	switch {
	case err == nil && out.Version == Version && out.Error == Busy:
		return Response{}, errBusy
	case errors.Is(err, unix.ECONNRESET): // it closed without having read the question, and without a word where it is very busy
		return Response{}, fmt.Errorf("%w, or ended: %w", errBusy, err)
	case asked != nil:
		return Response{}, fmt.Errorf("asking the node agent: %w", asked)
	case err != nil:
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return Response{}, fmt.Errorf("reading the node agent's answer: %w", err)
	case out.Version != Version:
		return Response{}, fmt.Errorf("the node agent speaks version %d, not %d", out.Version, Version)
	case out.Error != "":
		return Response{}, fmt.Errorf("the node agent says: %.300s", out.Error)
	}
	return out, nil
}

// PeerUID is the user on the other side of a unix socket, as the kernel knows it.
func PeerUID(conn net.Conn) (int, error) {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, errors.New("not a unix socket")
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) { cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return 0, err
	}
	if failed != nil {
		return 0, failed
	}
	return int(cred.Uid), nil
}

// WriteLine writes v as one line of at most max bytes.
func WriteLine(w io.Writer, v any, max int) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(raw) > max {
		return fmt.Errorf("a line of %d bytes, at most %d", len(raw), max)
	}
	_, err = w.Write(append(raw, '\n'))
	return err
}

// ReadLine reads one line of at most max bytes into v. io.EOF: there is none.
func ReadLine(r *bufio.Reader, v any, max int) error {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > max:
			return fmt.Errorf("a line of more than %d bytes", max)
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
		dec := json.NewDecoder(bytes.NewReader(line))
		return dec.Decode(v)
	}
}
