package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/selfsame-build/selfsame/guard/breakglass"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/metrics"
	"github.com/selfsame-build/selfsame/guard/wire"
	"github.com/selfsame-build/selfsame/policy"
)

// Server answers on the agent's socket.
type Server struct {
	Asker     engine.Asker
	Inventory *Inventory
	Grants    func() []breakglass.Grant
	Edition   func() policy.Edition
	Metrics   *metrics.Set
	// Members says that whoever the socket's mode lets in may ask; else only root and the user that we are.
	Members bool
	// Idle and AnswerTime bound a client that does not write, or does not read; zero: 30 s and 5 s.
	Idle, AnswerTime time.Duration

	seats seats
}

// Reply is an answer on the wire.
type Reply struct {
	engine.Answer
	Denial string `json:"denial,omitempty"`
}

// Status says that the agent lives, and by what it decides.
type Status struct {
	Policy  policy.Edition `json:"policy"`
	Running int            `json:"running"`
}

// Serve answers until ctx ends, and returns when all who were being answered are.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer l.Close()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return context.Cause(ctx)
		case err != nil:
			var temporary net.Error
			if errors.As(err, &temporary) && temporary.Timeout() || isBusy(err) {
				time.Sleep(10 * time.Millisecond) // out of descriptors: the next one may find some
				continue
			}
			return fmt.Errorf("serving on the node agent's socket: %w", err)
		}
		leave, guest, why := s.admit(conn)
		if leave == nil {
			s.refuse(conn, why)
			_ = conn.Close()
			continue
		}
		all.Go(func() {
			defer leave()
			defer conn.Close()
			s.client(guest(ctx), conn)
		})
	}
}

// admit gives a connection a seat, by who is at its other end; nil: it gets none, and why says so in the metric's word. guest tells the
// engine who that is, where it is neither root nor ourselves.
func (s *Server) admit(conn net.Conn) (leave func(), guest func(context.Context) context.Context, why string) {
	uid, err := wire.PeerUID(conn)
	ours := uid == 0 || uid == os.Geteuid()
	if err != nil || !ours && !s.Members {
		return nil, nil, "peer"
	}
	leave, why = s.seats.take(uid, ours)
	return leave, func(ctx context.Context) context.Context {
		if ours {
			return ctx
		}
		return engine.WithGuest(ctx, uid)
	}, why
}

// refuse tells a client that he gets no answer, without waiting for him.
func (s *Server) refuse(conn net.Conn, reason string) {
	s.Metrics.Add(metrics.Refused, 1, reason)
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second)) // a new connection has room for a line; less may be over before it is written
	_ = wire.WriteLine(conn, wire.Response{Version: wire.Version, Error: reason}, wire.MaxResponse)
}

// client serves one connection, a request at a time.
func (s *Server) client(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	r := bufio.NewReaderSize(conn, 4096)
	for ctx.Err() == nil {
		_ = conn.SetReadDeadline(time.Now().Add(or(s.Idle, idle)))
		if ctx.Err() != nil { // it ended between the two, and its deadline was the one that was overwritten
			return
		}
		var q wire.Request
		switch err := wire.ReadLine(r, &q, wire.MaxRequest); {
		case errors.Is(err, io.EOF), errors.Is(err, os.ErrDeadlineExceeded), ctx.Err() != nil:
			return
		case err != nil:
			s.refuse(conn, "malformed")
			return
		}
		a := s.answer(ctx, q)
		_ = conn.SetWriteDeadline(time.Now().Add(or(s.AnswerTime, answerTime)))
		if err := wire.WriteLine(conn, a, wire.MaxResponse); err != nil {
			return
		}
	}
}

func or(d, fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return d
}

// answer is one request. An error in it is for the client.
func (s *Server) answer(ctx context.Context, q wire.Request) (out wire.Response) {
	out.Version = wire.Version
	if q.Version != wire.Version {
		out.Error = fmt.Sprintf("this agent speaks version %d, not %d", wire.Version, q.Version)
		return out
	}
	var to *json.RawMessage
	var value any
	switch q.Op {
	case wire.OpAsk:
		var qs []engine.Question
		if err := json.Unmarshal(q.Questions, &qs); err != nil || len(qs) == 0 || len(qs) > wire.MaxQuestions {
			s.Metrics.Add(metrics.Refused, 1, "malformed")
			out.Error = fmt.Sprintf("between 1 and %d questions are meant", wire.MaxQuestions)
			return out
		}
		to, value = &out.Answers, s.ask(ctx, qs, time.Duration(q.WaitMillis)*time.Millisecond)
	case wire.OpPS:
		list, next, err := s.Inventory.list(string(q.After), q.Paged)
		if out.Containers, out.Next = list, []byte(next); err != nil {
			out.Error = err.Error()
		}
		return out
	case wire.OpBreakGlass:
		to, value = &out.Grants, s.Grants()
	case wire.OpStatus:
		to, value = &out.Status, Status{Policy: s.Edition(), Running: s.Inventory.Len()}
	default:
		s.Metrics.Add(metrics.Refused, 1, "malformed")
		out.Error = fmt.Sprintf("there is no operation %.30q", q.Op)
		return out
	}
	raw, err := json.Marshal(value)
	if err != nil {
		out.Error = err.Error()
	}
	*to = raw
	return out
}

func (s *Server) ask(ctx context.Context, qs []engine.Question, wait time.Duration) []Reply {
	if wait <= 0 || wait > wire.MaxWait {
		wait = wire.MaxWait
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	out := make([]Reply, len(qs))
	for i, a := range s.Asker.AskAll(ctx, qs) {
		out[i] = Reply{a, a.Denial()}
	}
	return out
}
