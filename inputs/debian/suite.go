package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/inputs/debian/archive"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

// suite is one checked InRelease with the place it came from.
type suite struct {
	codename        string
	root, imageRoot string // the archive's address: to ask, and in the image
	key             string // of its line in the lock
	blob            inputs.Blob
	release         *archive.Release
	indexes         []*index
}

type index struct {
	key  string
	file archive.Index
}

// validSuite is a code name; it becomes a part of addresses and of a shell script.
var validSuite = lazyregexp.New(`^[a-z][a-z0-9-]{0,40}$`)

// clockSlack is how far a Release may lie in the future before the clocks are called wrong.
const clockSlack = time.Hour

// suites fetches and checks every InRelease of the wish.
func (r *resolver) suites(ctx context.Context) ([]*suite, error) {
	if !validSuite.MatchString(r.Spec.Suite) {
		return nil, diag.Errorf(codeSuite, "`%s` is no suite", r.Spec.Suite).WithHelp("write a code name, like `suite: trixie`")
	}
	var all []*suite
	for _, codename := range codenames(r.Spec.Suite) {
		s := &suite{codename: codename, root: r.Mirrors.Main, imageRoot: r.image.Main}
		if strings.HasSuffix(codename, "-security") {
			s.root, s.imageRoot = r.Mirrors.Security, r.image.Security
		}
		s.key = s.imageRoot + "/dists/" + codename + "/InRelease"
		all = append(all, s)
	}
	var wg sync.WaitGroup
	errs := make([]error, len(all))
	for i, s := range all {
		wg.Go(func() { errs[i] = r.fetchRelease(ctx, s) })
	}
	wg.Wait()
	for _, err := range errs { // the main suite's fault is the one to hear of
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// fetchRelease keeps an InRelease only when it has passed every check.
func (r *resolver) fetchRelease(ctx context.Context, s *suite) error {
	d := download{url: s.root + "/dists/" + s.codename + "/InRelease", size: -1, limit: archive.MaxInRelease}
	var b bytes.Buffer
	err := r.fetch.get(ctx, d, func(body io.Reader) error {
		b.Reset()
		_, err := io.Copy(&b, body)
		return err
	})
	var status *StatusError
	if errors.As(err, &status) && status.Status == 404 {
		return diag.Errorf(codeSuite, "the mirror has no suite `%s`", s.codename).
			WithWhy(fmt.Sprintf("%s: %v", d.url, err)).WithHelp("write the code name of a Debian release, like `suite: trixie`")
	}
	if err != nil {
		return unfetched(err)
	}
	s.release, err = archive.ReadRelease(b.Bytes(), r.Keyring, r.Now)
	if err != nil {
		return distrusted(d.url, err)
	}
	if err := r.checkRelease(d.url, s); err != nil {
		return err
	}
	files, err := s.release.Indexes(r.Arch)
	if err != nil {
		return malformed(d.url, err)
	}
	for _, f := range files {
		s.indexes = append(s.indexes, &index{key: s.imageRoot + "/dists/" + s.codename + "/" + f.Path, file: f})
	}
	if s.blob, err = r.store.Put(ctx, bytes.NewReader(b.Bytes()), int64(b.Len())); err != nil {
		return fmt.Errorf("storing %s: %w", d.url, err)
	}
	return nil
}

// checkRelease asks whether a well signed InRelease is the right one, and of now: a mirror may serve any that was ever
// signed.
func (r *resolver) checkRelease(url string, s *suite) error {
	rel := s.release
	if rel.Codename != s.codename {
		return diag.Errorf(codeSuite, "`%s` is the code name of what the mirror serves as `%s`", rel.Codename, s.codename).
			WithWhy(url).WithHelp("write `suite: " + strings.TrimSuffix(rel.Codename, "-security") + "`")
	}
	if !rel.ValidUntil.IsZero() && r.Now.After(rel.ValidUntil) {
		return diag.Errorf(codeExpired, "the InRelease of `%s` was valid until %s", s.codename, rel.ValidUntil.Format(time.RFC3339)).
			WithWhy(url + ", and now is " + r.Now.UTC().Format(time.RFC3339)).WithHelp("use a mirror that is up to date")
	}
	if rel.Date.After(r.Now.Add(clockSlack)) {
		return diag.Errorf(codeExpired, "the InRelease of `%s` is of %s, which is yet to come", s.codename, rel.Date.Format(time.RFC3339)).
			WithWhy("now is " + r.Now.UTC().Format(time.RFC3339)).WithHelp("set this machine's clock: date")
	}
	for _, e := range r.Previous {
		if e.Kind != lock.KindRelease || e.Key != s.key {
			continue
		}
		_, before, err := parseReleaseEvidence(e.Evidence)
		if err == nil && rel.Date.Before(before) {
			return diag.Errorf(codeRollback, "the InRelease of `%s` is of %s; the lock has one of %s", s.codename, rel.Date.Format(time.RFC3339), before.Format(time.RFC3339)).
				WithWhy(url).WithHelp("use a mirror that is up to date")
		}
	}
	return nil
}

// readIndex visits the packages of a stored index, after its bytes have proved to be the named ones.
func readIndex(store Store, d digest.Digest, name, arch string, visit func(archive.Package) error) error {
	f, _, err := store.Open(d)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := archive.Unpack(name, f)
	if err != nil {
		return err
	}
	if err := aside(text, func(text io.Reader) error { return archive.ReadPackages(text, arch, visit) }); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, f) // the store's verdict comes at the end
	return err
}

// aside has r read by a goroutine of its own, which is one piece ahead of use, so that unpacking and reading an index go on two CPUs. r is read no
// more when it returns.
func aside(r io.Reader, use func(io.Reader) error) error {
	out, in := io.Pipe()
	var reading sync.WaitGroup
	reading.Go(func() {
		_, err := io.Copy(in, r)
		_ = in.CloseWithError(err) // nil: io.EOF
	})
	err := use(out)
	_ = out.Close()
	reading.Wait()
	return err
}

// unfetched turns a download's error into a diagnostic: wrong bytes, or a mirror that does not answer.
func unfetched(err error) error {
	var ours sinkError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ours), errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, errMismatch), errors.Is(err, errTooLarge):
		return diag.Errorf(codeMismatch, "the mirror does not send what is signed: %w", err).WithHelp("try again later, or another mirror")
	}
	return diag.Errorf(codeUnreachable, "the Debian mirror does not answer: %w", err).
		WithWhy(fmt.Sprintf("tried up to %d times; what was fetched is kept", tries)).WithHelp("selfsame lock")
}

func distrusted(url string, err error) error {
	var s *archive.SignatureError
	if errors.As(err, &s) {
		return diag.Errorf(codeSignature, "%s is not to be believed: %w", url, err).WithHelp("try another mirror")
	}
	return malformed(url, err)
}

func malformed(what string, err error) error {
	if errors.Is(err, inputs.ErrMissing) || errors.Is(err, inputs.ErrCorrupt) {
		return fmt.Errorf("reading %s: %w", what, err)
	}
	return diag.Errorf(codeMalformed, "%s is malformed: %w", what, err).WithHelp("try another mirror")
}
