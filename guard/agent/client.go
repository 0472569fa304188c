package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"syscall"
	"time"

	"github.com/selfsame-build/selfsame/guard/breakglass"
	"github.com/selfsame-build/selfsame/guard/engine"
	"github.com/selfsame-build/selfsame/guard/wire"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// Client asks the agent of this node. It is an engine.Asker: without an agent everything is denied, in words.
type Client struct{ Socket string }

// Ask implements engine.Asker.
func (c Client) Ask(ctx context.Context, q engine.Question) engine.Answer {
	return c.AskAll(ctx, []engine.Question{q})[0]
}

// margin is what is kept of a deadline for the way back, so that the agent's denial in words arrives before it.
const margin = 100 * time.Millisecond

// AskAll implements engine.Asker.
func (c Client) AskAll(ctx context.Context, qs []engine.Question) []engine.Answer {
	if len(qs) == 0 {
		return nil
	}
	wait := wire.MaxWait
	if deadline, ok := ctx.Deadline(); ok {
		wait = max(time.Until(deadline)-margin, time.Millisecond)
	}
	raw, err := json.Marshal(qs)
	var out []engine.Answer
	if err == nil {
		var r wire.Response
		if r, err = wire.Call(ctx, c.Socket, wire.Request{Op: wire.OpAsk, Questions: raw, WaitMillis: wait.Milliseconds()}); err == nil {
			err = json.Unmarshal(r.Answers, &out)
		}
	}
	if err == nil && len(out) != len(qs) {
		err = fmt.Errorf("the node agent gave %d answers to %d questions", len(out), len(qs))
	}
	if err == nil {
		return out
	}
	out = make([]engine.Answer, len(qs))
	for i, q := range qs {
		out[i] = engine.Unanswered(q, err)
	}
	return out
}

// Running goes through what runs on the node, a page of the agent's at a time. What starts or ends meanwhile may be missing or there.
// Diagnostic: A0905.
func (c Client) Running(ctx context.Context) iter.Seq2[Running, error] {
	return func(yield func(Running, error) bool) {
		var after []byte
		for {
			page, next, err := c.page(ctx, after)
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
			}
			if err == nil && len(next) > 0 && bytes.Compare(next, after) <= 0 {
				err = c.failed(errors.New("its pages do not end"))
			}
			if err != nil {
				yield(Running{}, err)
				return
			}
			if after = next; len(after) == 0 {
				return
			}
		}
	}
}

func (c Client) page(ctx context.Context, after []byte) (page []Running, next []byte, err error) {
	r, err := wire.Call(ctx, c.Socket, wire.Request{Op: wire.OpPS, Paged: true, After: after})
	if err == nil {
		err = json.Unmarshal(r.Containers, &page)
	}
	if err != nil {
		return nil, nil, c.failed(err)
	}
	return page, r.Next, nil
}

// Grants are the break-glass statements in force. Diagnostic: A0905.
func (c Client) Grants(ctx context.Context) ([]breakglass.Grant, error) {
	return call[[]breakglass.Grant](ctx, c, wire.OpBreakGlass, func(r wire.Response) json.RawMessage { return r.Grants })
}

// Status says by what the agent decides. Diagnostic: A0905.
func (c Client) Status(ctx context.Context) (Status, error) {
	return call[Status](ctx, c, wire.OpStatus, func(r wire.Response) json.RawMessage { return r.Status })
}

func call[T any](ctx context.Context, c Client, op string, part func(wire.Response) json.RawMessage) (out T, err error) {
	r, err := wire.Call(ctx, c.Socket, wire.Request{Op: op})
	if err == nil {
		err = json.Unmarshal(part(r), &out)
	}
	if err != nil {
		return out, c.failed(err)
	}
	return out, nil
}

func (c Client) failed(err error) error {
	return diag.Errorf(diag.CodeGuardAgent, "asking the agent at `%s`: %w", c.Socket, err).WithHelp("start `selfsame-guard agent`, or name its socket with `socket:` in the configuration")
}

func isBusy(err error) bool { return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) }
