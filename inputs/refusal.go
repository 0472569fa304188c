package inputs

import (
	"net/http"

	"github.com/selfsame-build/selfsame/recipes/lock"
)

// A GET that is refused while recording is refused by the sealed build in the same words, or a step that shrugs at it could be locked
// and never built. So a refusal is an answer, with a line of the lock like any other. Its bytes are ours: whoever lacks them makes
// them again and asks nobody.

// EvidenceRefused marks the line of a refused request.
const EvidenceRefused = lock.Refused

// RefusalAgain makes body and headers of a refused request's answer.
func RefusalAgain(e lock.Entry) (body, headers []byte) {
	return refusalText(e.Key), headerText(refusalHeaders())
}

func refusalText(url string) []byte { return []byte("selfsame: refused: GET " + url + "\n") }

func refusalHeaders() http.Header {
	return http.Header{"Content-Type": {"text/plain; charset=utf-8"}}
}

// refusal makes the answer to a request that is refused. Its text has no reason: that may differ from machine to machine.
func (m *recorder) refusal(k key, why *failure) (answer, *failure) {
	headers, err := m.store.PutBytes(m.ctx, headerText(refusalHeaders()))
	if err != nil {
		return answer{}, failed(m.ctx, err)
	}
	body, err := m.store.PutBytes(m.ctx, refusalText(k.url))
	if err != nil {
		return answer{}, failed(m.ctx, err)
	}
	return answer{status: why.status, headers: headers, body: body, refused: why}, nil
}
