package admission

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// Handler serves /mutate and /validate.
func (g *Gate) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/mutate", func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, Mutate) })
	mux.HandleFunc("/validate", func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, Validate) })
	return mux
}

// bodyTime bounds how long a body may take to arrive: a caller that drips bytes would hold one of the reviews that may be under way.
const bodyTime = 5 * time.Second

func (g *Gate) serve(w http.ResponseWriter, r *http.Request, phase Phase) {
	ctx, cancel := context.WithTimeout(r.Context(), g.within(waiting(r)))
	defer cancel()
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		g.malformed(w, phase, http.StatusMethodNotAllowed, errors.New("a review is posted"))
		return
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		g.malformed(w, phase, http.StatusUnsupportedMediaType, errors.New("a review is application/json"))
		return
	}
	size := r.ContentLength
	if size < 0 || size > maxBody {
		size = maxBody
	}
	if err := g.memory.Acquire(ctx, size); err != nil {
		g.malformed(w, phase, http.StatusServiceUnavailable, errBusy)
		return
	}
	defer g.memory.Release(size)
	body, err := readBody(w, r)
	if err != nil {
		code := http.StatusBadRequest
		if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
			code = http.StatusRequestEntityTooLarge
		}
		g.malformed(w, phase, code, err)
		return
	}
	asked, err := readReview(body)
	if err != nil {
		g.malformed(w, phase, http.StatusBadRequest, err)
		return
	}
	out, err := json.Marshal(review{APIVersion: reviewVersion, Kind: reviewKind, Response: g.answer(ctx, phase, asked)})
	if err != nil { // text and numbers always encode
		g.malformed(w, phase, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(out)
}

// readBody reads a review within bodyTime. The deadline is taken off afterwards, since on HTTP/1 one that passes later would end the request;
// after a failure it stays, or the server would go on waiting for the rest.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	control := http.NewResponseController(w)
	deadline := time.Now().Add(bodyTime)  //nolint:forbidigo // a connection's deadline is the system's time
	_ = control.SetReadDeadline(deadline) // what has no deadline has the server's own
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		_ = control.SetReadDeadline(time.Time{})
	}
	return body, err
}

// malformed refuses what cannot be answered with a review. The API server takes any status but 200 for a failed call, and failurePolicy:
// Fail makes that a denial.
func (g *Gate) malformed(w http.ResponseWriter, phase Phase, code int, why error) {
	g.opts.Reviewed(Reviewed{Phase: phase, Outcome: "malformed", Refusals: []Refusal{{Image: "*", Reason: why.Error()}}})
	http.Error(w, "selfsame: "+diag.Printable(clip(why.Error(), maxLine)), code)
}
