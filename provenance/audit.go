package provenance

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// InputsFrom says where an auditor had the inputs from. Where k owners rebuild from one seal, they all repeat what one recording
// has seen; one that fetched anew is a witness of its own.
type InputsFrom string

// The origins of inputs.
const (
	InputsSeal      InputsFrom = "seal"      // all of them from the seal that the builder pushed
	InputsRefetched InputsFrom = "refetched" // each was fetched from upstream once more, and had the digest that the lock names
)

// BasesFrom says what an auditor built on, where the recipe has a Debian base that is made of packages.
type BasesFrom string

// BasesKept says that it was one that an earlier audit of the same auditor made, of the same packages with the same programs. Empty: it was made
// for this very audit.
const BasesKept BasesFrom = "kept"

// Locked counts the inputs in the lock that was rebuilt from, and what upstream said of them when it was asked again. A request that the
// recording refused is none: upstream never answered it.
type Locked struct {
	Total int `json:"total"`
	// FirstSeen are those that nothing vouches for but the recording: no signature, no checksum of the author's.
	FirstSeen int `json:"firstSeen"`
	// Refetched had the locked digest; Changed have another one upstream now; Vanished could not be had. All zero for InputsSeal,
	// unless upstream was asked and did not have all.
	Refetched int `json:"refetched,omitempty"`
	Changed   int `json:"changed,omitempty"`
	Vanished  int `json:"vanished,omitempty"`
}

// Observed is what an auditor saw of its own machine, beside the independence that it claims. It is the auditor's word.
type Observed struct {
	// Host is a name of the machine for this recipe only: HMAC-SHA256 of the recipe's digest under the machine's id. Equal names are
	// one machine; names of two recipes cannot be compared, so that nobody is followed around by them.
	Host     string `json:"host,omitempty"`
	Kernel   string `json:"kernel,omitempty"`
	CPU      string `json:"cpu,omitempty"`
	BuildKit string `json:"buildkit,omitempty"`
	// Binaries are the programs that built, by name.
	Binaries map[string]map[string]string `json:"binaries,omitempty"`
	// Differs and Same name what differs from the original's builders as their provenance describes them, and what does not. What is in
	// neither is not known of the original. Nothing in Differs means that nothing observed supports more than same-host.
	Differs []string `json:"differs"`
	Same    []string `json:"same"`
}

// Challenge shows that an auditor has what only a build gives: the contents of stages that are not in the published image.
type Challenge struct {
	// Nonce is what the auditor was given, and nobody else was.
	Nonce string `json:"nonce"`
	// Intermediates maps "PLATFORM STAGE" to the answer (Answer) for that stage. None: the build has no stage that is not published,
	// and the challenge shows nothing.
	Intermediates map[string]string `json:"intermediates"`
}

// Answer is HMAC-SHA256 under the nonce over rebuilder, place and the ordered contents of an intermediate stage. Whoever has built knows
// the contents, and can make everybody's answer again; whoever has not can neither make one nor turn another's into its own.
func Answer(nonce, rebuilder, place string, diffIDs []digest.Digest) string {
	h := hmac.New(sha256.New, []byte(nonce))
	for _, part := range []string{"https://selfsame.build/challenge/v1", rebuilder, place} {
		fmt.Fprintf(h, "%d:%s\n", len(part), part)
	}
	for _, d := range diffIDs {
		fmt.Fprintf(h, "%s\n", d)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// The length of a nonce in bytes: enough that nobody guesses it, and a line of a file.
const (
	minNonce = 16
	maxNonce = 256
)

var answerForm = lazyregexp.New(`^[0-9a-f]{64}$`)

// CheckNonce says why s is no nonce.
func CheckNonce(s string) error {
	if len(s) < minNonce || len(s) > maxNonce || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("a challenge is %d to %d printable characters without spaces", minNonce, maxNonce)
	}
	return nil
}

// HostName is Observed.Host: machine is the machine's id (machine-id(5), which is not to be shown), recipe the digest of the recipe's bytes.
func HostName(machine string, recipe digest.Digest) string {
	if machine == "" {
		return ""
	}
	h := hmac.New(sha256.New, []byte(machine))
	fmt.Fprintf(h, "https://selfsame.build/host/v1 %s", recipe)
	return hex.EncodeToString(h.Sum(nil))
}

// FindingStatement says that subject was built again and came out different. It must be signed by a key that does nothing else: never
// that of a release or of a rebuilder's matches, since stock cosign takes any statement that a key signed as "signed".
func FindingStatement(name string, subject ocispec.Descriptor, r Rebuild) (Subjected, error) {
	rebuilt := r.Rebuilt.sha256()
	switch {
	case r.Result != ResultMismatch:
		return Subjected{}, fmt.Errorf("the result is %q, not %q", r.Result, ResultMismatch)
	case r.Original.sha256() != subject.Digest:
		return Subjected{}, fmt.Errorf("the original is %q, not the subject %s", r.Original.sha256(), subject.Digest)
	case rebuilt == subject.Digest:
		return Subjected{}, fmt.Errorf("the rebuilt digest is the original's: that is no mismatch")
	case len(r.Builders) == 0:
		return Subjected{}, fmt.Errorf("no builder is named")
	}
	if err := checkSHA256("rebuilt", rebuilt); err != nil {
		return Subjected{}, err
	}
	if err := r.checkAudit(); err != nil {
		return Subjected{}, err
	}
	return marshal(name, subject, PredicateRebuild, r)
}

// checkAudit: what an auditor adds must be of a known form, and must not contradict itself.
func (r Rebuild) checkAudit() error {
	if l := r.Locked; r.Inputs == InputsRefetched && (l == nil || l.Changed+l.Vanished > 0 || l.Refetched != l.Total) {
		return fmt.Errorf("the inputs count as %s, but not all of them were", InputsRefetched)
	}
	if l := r.Locked; l != nil && (min(l.Total, l.FirstSeen, l.Refetched, l.Changed, l.Vanished) < 0 || max(l.FirstSeen, l.Refetched+l.Changed+l.Vanished) > l.Total) {
		return fmt.Errorf("of %d inputs more are counted than there are", l.Total)
	}
	if r.Inputs != "" && r.Inputs != InputsSeal && r.Inputs != InputsRefetched {
		return fmt.Errorf("the inputs are from %q, which is not known", r.Inputs)
	}
	if r.Bases != "" && r.Bases != BasesKept {
		return fmt.Errorf("the bases are %q, which is not known", r.Bases)
	}
	if o := r.Observed; o != nil && r.Independence != SameHost && o.Host != "" && slices.Contains(o.Same, "host") {
		return fmt.Errorf("the independence is %s, but the machine is the original's", r.Independence)
	}
	if c := r.Challenge; c != nil {
		if err := CheckNonce(c.Nonce); err != nil {
			return err
		}
		for place, answer := range c.Intermediates {
			if !answerForm.MatchString(answer) {
				return fmt.Errorf("the answer for %q is no HMAC-SHA256", place)
			}
		}
	}
	return nil
}
