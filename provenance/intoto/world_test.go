package intoto

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"strings"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"
)

func newPEM(t testing.TB, curve elliptic.Curve) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: raw})
}

var (
	sum     = digest.FromString
	expires = time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
)

// run is one honest run of the pipeline: each step's link, signed by its own functionary.
type run struct {
	t      testing.TB
	layout *Layout
	image  Image
	ids    map[string]string // functionary -> key id
	links  map[string]*Signed
}

// people are the functionaries of the layout; two may build on A.
var people = map[string][]string{
	StepSource: {"dev"}, StepLock: {"locker"}, StepBuildA: {"ci", "ci2"}, StepBuildB: {"ci"}, StepCompare: {"ci"}, StepSign: {"release"}, "scan": {"scanner"},
}

var order = []string{StepSource, StepLock, StepBuildA, StepBuildB, StepCompare, StepSign, "scan"}

func newRun(t testing.TB, thresholds map[string]int) *run {
	t.Helper()
	r := &run{t: t, ids: map[string]string{}, links: map[string]*Signed{}}
	pems := map[string][]byte{}
	std := Standard{Expires: expires, Thresholds: thresholds}
	for _, step := range order {
		for _, who := range people[step] {
			if pems[who] == nil {
				pems[who] = newPEM(t, elliptic.P256())
				r.ids[who], _ = KeyID(pems[who])
			}
			std.Functionaries = append(std.Functionaries, Functionary{Step: step, PEM: pems[who]})
		}
	}
	payload, err := std.Layout()
	if err != nil {
		t.Fatal(err)
	}
	if r.layout, err = Parse(payload); err != nil {
		t.Fatal(err)
	}
	r.perform("one")
	return r
}

// perform makes the links of an image that differs from others in its source, by a word.
func (r *run) perform(word string) {
	amd, arm := sum("amd64 "+word), sum("arm64 "+word)
	r.image = Image{Digest: sum("index " + word), Platforms: map[string]digest.Digest{"linux/amd64": amd, "linux/arm64": arm}}
	source := Artifacts{ArtifactRecipe: sum("recipe"), ArtifactDockerfile: sum("Dockerfile"), ArtifactContext: sum("context " + word), "context/docker.io/library/x:1": sum("x")}
	locked := Artifacts{ArtifactLock: sum("lock " + word)}
	image := Artifacts{ArtifactImage: r.image.Digest, "image/linux/amd64": amd, "image/linux/arm64": arm}
	a, b := Artifacts{"A/linux/amd64": amd, "A/linux/arm64": arm}, Artifacts{"B/linux/amd64": amd, "B/linux/arm64": arm}
	add := func(step string, materials, products Artifacts) {
		r.links[step] = &Signed{Link: Link{Step: step, Command: []string{"selfsame", step}, Materials: materials, Products: products}, KeyID: r.ids[people[step][0]], Where: step}
	}
	add(StepSource, Artifacts{}, source)
	add(StepLock, source, locked)
	add(StepBuildA, join(source, locked), a)
	add(StepBuildB, join(source, locked), b)
	add(StepCompare, join(a, b), image)
	add(StepSign, image, join(image, Artifacts{"statement/sha256:ab": sum("statement")}))
	add("scan", image, join(image, Artifacts{"scan.json": sum("report")}))
}

func join(all ...Artifacts) Artifacts {
	out := Artifacts{}
	for _, a := range all {
		maps.Copy(out, a)
	}
	return out
}

// list is all links, each through its signed form.
func (r *run) list() []Signed {
	r.t.Helper()
	var out []Signed
	for _, step := range order {
		if l := r.links[step]; l != nil {
			out = append(out, r.signed(*l))
		}
	}
	return out
}

func (r *run) signed(l Signed) Signed {
	r.t.Helper()
	payload, err := l.Statement()
	if err == nil {
		l.Link, err = ReadLink(payload)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return l
}

// brief is the outcome in one line: "lock missing", one after the other; empty when every step is held.
func brief(outcomes []Outcome) string {
	var out []string
	for _, o := range outcomes {
		if o.State == Held || o.State == Unchecked {
			continue
		}
		out = append(out, o.Step+" "+map[State]string{Undecided: "undecided", Missing: "missing", Broken: "broken"}[o.State])
	}
	return strings.Join(out, ", ")
}

func reasonOf(outcomes []Outcome) string {
	for _, o := range outcomes {
		if o.State != Held && o.State != Unchecked {
			return o.Reason
		}
	}
	return ""
}
