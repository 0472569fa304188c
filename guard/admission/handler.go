package admission

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// Handler serves /mutate and /validate.
func (g *Gate) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/mutate", func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, Mutate) })
	mux.HandleFunc("/validate", func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, Validate) })
	return mux
}

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
	body, release, err := g.readBody(ctx, w, r)
	if err != nil {
		g.malformed(w, phase, bodyStatus(err), err)
		return
	}
	defer release()
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

// malformed refuses what cannot be answered with a review. The API server takes any status but 200 for a failed call, and failurePolicy:
// Fail makes that a denial.
func (g *Gate) malformed(w http.ResponseWriter, phase Phase, code int, why error) {
	g.opts.Reviewed(Reviewed{Phase: phase, Outcome: "malformed", Refusals: []Refusal{{Image: "*", Reason: why.Error()}}})
	http.Error(w, "selfsame: "+diag.Printable(clip(why.Error(), maxLine)), code)
}
