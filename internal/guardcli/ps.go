package guardcli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"text/tabwriter"
	"time"

	digest "github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/selfsame-build/selfsame/guard/agent"
	"github.com/selfsame-build/selfsame/internal/diag"
)

func (a *app) psCommand() *cobra.Command {
	var bad bool
	cmd := &cobra.Command{
		Use: "ps", GroupID: "look", Short: "List what runs on this node, and under which verdict", Args: cobra.NoArgs,
		Long: `Ask this node's agent which containers run, from which image, and whether that image is allowed now: the verdict is reached anew when policy,
trust file or deny list change, and on a timer. Images that they mount as volumes are listed, too. Exit 14 if any is not allowed, or was not
judged yet, or is one of which nobody knows the name.`,
		Example: "  selfsame-guard ps\n  selfsame-guard ps --unverified --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := a.running(cmd.Context())
			if err != nil {
				return err
			}
			return a.showRunning(all, bad)
		},
	}
	cmd.Flags().BoolVar(&bad, "unverified", false, "only those whose image is not allowed now")
	return cmd
}

func (a *app) whereCommand() *cobra.Command {
	return &cobra.Command{
		Use: "where DIGEST", GroupID: "look", Short: "Say where on this node an image runs", Args: cobra.ExactArgs(1),
		Long: `Ask this node's agent which containers run or mount an image, by the digest of its index or of one platform. Exit 0 also where none does: that is the
answer then. Exit 17 where none is found, and of some that run nobody knows now which platforms their image has (its evidence could not be read, the deny
list names it, an image volume has no name here, or it was not judged yet): the digest of a platform may be one of theirs. What was started by a platform's digest is found by that alone,
and not by the digest of an index.`,
		Example: "  selfsame-guard where sha256:1f1c...",
		RunE: func(cmd *cobra.Command, args []string) error {
			d := digest.Digest(args[0])
			if d.Validate() != nil || d.Algorithm() != digest.SHA256 {
				return usage("`%s` is not a sha256 digest", diag.Printable(args[0])).
					WithHelp("a digest is sha256: and 64 digits from 0 to f; `selfsame-guard ps --json` shows those that run")
			}
			all, err := a.running(cmd.Context())
			if err != nil {
				return err
			}
			return a.showWhere(all, d)
		},
	}
}

// showWhere lists those that run an image. That there is none is no answer while some could be.
func (a *app) showWhere(all iter.Seq2[agent.Running, error], d digest.Digest) error {
	found, open := 0, 0
	err := a.printRunning(only(all, func(r agent.Running) bool {
		runs := r.Runs(d)
		switch {
		case runs:
			found++
		case r.Verdict == nil || len(r.Verdict.Image.Platforms) == 0:
			open++
		}
		return runs
	}))
	if err != nil || open == 0 {
		return err
	}
	a.notice("of %d more that run here nobody knows now which platforms their image has: a platform's digest may be one of theirs (`selfsame-guard ps`)", open)
	if found > 0 {
		return nil
	}
	return shown(diag.ExitUndecided)
}

func (a *app) running(ctx context.Context) (iter.Seq2[agent.Running, error], error) {
	c, err := a.configuration()
	if err != nil {
		return nil, err
	}
	return agent.Client{Socket: c.Socket.Path}.Running(ctx), nil
}

// only are those of all that are of interest.
func only(all iter.Seq2[agent.Running, error], is func(agent.Running) bool) iter.Seq2[agent.Running, error] {
	return func(yield func(agent.Running, error) bool) {
		for r, err := range all {
			if (err != nil || is(r)) && !yield(r, err) {
				return
			}
		}
	}
}

func (a *app) showRunning(all iter.Seq2[agent.Running, error], onlyBad bool) error {
	code := diag.ExitProven
	err := a.printRunning(only(all, func(r agent.Running) bool {
		if !r.Verified() {
			code = diag.ExitPolicy
		}
		return !onlyBad || !r.Verified()
	}))
	if err != nil || code == diag.ExitProven {
		return err
	}
	return shown(code)
}

// printRunning writes the list as it comes, so that it costs no more memory than a part of it. Of a list that ends with an error the JSON does
// not end.
func (a *app) printRunning(list iter.Seq2[agent.Running, error]) error {
	if a.global.json {
		return a.runningJSON(list)
	}
	return a.runningTable(list)
}

func (a *app) runningJSON(list iter.Seq2[agent.Running, error]) error {
	out := bufio.NewWriter(a.Out)
	before := `{"schemaVersion":1,"containers":[`
	for r, err := range list {
		var one []byte
		if err == nil {
			one, err = json.Marshal(r)
		}
		if err != nil {
			return errors.Join(err, out.Flush())
		}
		_, _ = out.WriteString(before) // Flush says what went wrong
		_, _ = out.Write(one)
		before = ","
	}
	if before == "," {
		before = ""
	}
	_, _ = out.WriteString(before + "]}\n")
	return out.Flush()
}

// alignedRows is how many rows are as wide as one another. A node has fewer.
const alignedRows = 1000

func (a *app) runningTable(list iter.Seq2[agent.Running, error]) error {
	w := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
	const head = "NAMESPACE\tWORKLOAD\tCONTAINER\tIMAGE\tDIGEST\tVERDICT\tJUDGED"
	rows := 0
	for r, err := range list {
		if err == nil && rows%alignedRows == 0 {
			err = w.Flush()
		}
		if err != nil {
			return errors.Join(err, w.Flush())
		}
		if rows == 0 {
			fmt.Fprintln(w, head)
		}
		rows++
		fmt.Fprintln(w, strings.Join(cellsOf(r), "\t"))
	}
	if rows == 0 {
		fmt.Fprintln(w, head)
	}
	return w.Flush()
}

func cellsOf(r agent.Running) []string {
	judged := "-"
	if !r.Judged.IsZero() {
		judged = r.Judged.UTC().Format(time.RFC3339)
	}
	cells := []string{dash(r.Namespace), dash(r.Workload), dash(r.Name), dash(r.Image), dash(short(r.Digest.String())), verdictOf(r), judged}
	for i := range cells {
		cells[i] = diag.Printable(cells[i])
	}
	return cells
}

// verdictOf is a verdict in a few words.
func verdictOf(r agent.Running) string {
	switch {
	case r.Verdict == nil:
		return "not judged yet"
	case r.Verdict.BreakGlass != nil:
		return "break-glass until " + r.Verdict.BreakGlass.Expires.UTC().Format(time.RFC3339)
	case r.Verdict.Allow:
		return "allowed"
	case len(r.Verdict.Reasons) > 0:
		return "DENIED: " + r.Verdict.Reasons[0]
	}
	return "DENIED"
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// short is the beginning of a digest, as people compare it.
func short(d string) string {
	if len(d) > 19 {
		return d[:19]
	}
	return d
}
