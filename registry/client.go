package registry

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// Options says how to talk to registries. The zero value is right for a command.
type Options struct {
	// Keychain finds credentials; nil: docker's config.json and credential helpers.
	Keychain authn.Keychain
	// Transport carries requests; nil: TLS with the system's roots, and the proxy the environment names.
	Transport http.RoundTripper
	// Jobs bounds the transfers at one time; 0: 4.
	Jobs int
	// Connections bounds the idle connections that are kept to one host: a few for each image that is verified at one time; 0: 64.
	Connections int
	// Stall is how long a request may go without a byte in either direction; 0: 60 s.
	Stall time.Duration
	// Attempts is how often a request is made that fails in a way that may pass (429, 5xx, a lost connection); 0: 6.
	Attempts int
	// PlainHTTP allows http:// to registries other than this machine's own.
	PlainHTTP bool
	// Progress, when set, is called for every piece of content that starts, moves and ends. Calls are not concurrent.
	Progress func(Progress)
	// Waiting, when set, is called once for a registry that has not answered a request for two seconds, from any goroutine.
	Waiting func(host string)
}

// Progress is one step of a transfer.
type Progress struct {
	Digest string // of the content
	Done   int64  // bytes so far
	Total  int64  // bytes in all
	// State is "start", "moving", "done", or "exists" for content that was there already.
	State string
}

const (
	defaultJobs     = 4
	defaultStall    = 60 * time.Second
	defaultAttempts = 6
	// smallTimeout bounds a whole request for a manifest, a listing or a token, however slowly its bytes drip.
	smallTimeout = 2 * time.Minute
	// minRate in bytes a second bounds a blob's transfer: smallTimeout and its size at this rate.
	minRate = 32 << 10
)

// Client talks to registries and keeps their sessions. It is safe for concurrent use.
type Client struct {
	opts   Options
	base   http.RoundTripper
	once   http.RoundTripper // base without its repetitions
	jitter func() float64    // in [0,1): spreads retries and writers apart; nothing secret hangs on it

	mu       sync.Mutex
	sessions map[sessionKey]*session
	subjects map[string]*subjectState
	progress sync.Mutex
}

// New makes a client. Nothing is sent yet.
func New(opts Options) *Client {
	if opts.Keychain == nil {
		opts.Keychain = authn.DefaultKeychain
	}
	if opts.Transport == nil {
		opts.Transport = defaultTransport(max(opts.Connections, 64))
	}
	if opts.Jobs <= 0 {
		opts.Jobs = defaultJobs
	}
	if opts.Stall <= 0 {
		opts.Stall = defaultStall
	}
	if opts.Attempts <= 0 {
		opts.Attempts = defaultAttempts
	}
	watched := &watchdog{inner: opts.Transport, stall: opts.Stall, plainHTTP: opts.PlainHTTP}
	impatient := patient{tell: opts.Waiting, after: patience, told: &sync.Map{}}
	once, base := impatient, impatient
	once.inner = watched
	base.inner = &retrier{inner: watched, attempts: opts.Attempts, first: time.Second / 2, sleep: sleep, jitter: rand.Float64}
	return &Client{
		opts:     opts,
		jitter:   rand.Float64,
		once:     once,
		base:     base,
		sessions: map[sessionKey]*session{},
		subjects: map[string]*subjectState{},
	}
}

func defaultTransport(connections int) http.RoundTripper {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   15 * time.Second,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       30 * time.Second,
		MaxIdleConnsPerHost:   connections,
	}
}

func (c *Client) report(p Progress) {
	if c.opts.Progress != nil {
		c.progress.Lock()
		defer c.progress.Unlock()
		c.opts.Progress(p)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// Repository is one repository of a registry.
type Repository struct {
	client *Client
	repo   name.Repository
}

// Repository names a repository as in "registry.example.com/team/shop". Nothing is sent yet. A0514: not a name.
func (c *Client) Repository(repository string) (*Repository, error) {
	repo, err := name.NewRepository(repository, c.nameOptions()...)
	if err != nil {
		return nil, badReference(repository, err)
	}
	return &Repository{client: c, repo: repo}, nil
}

// Name is the repository's full name, without tag and digest; Docker Hub is written docker.io.
func (r *Repository) Name() string {
	if r.repo.RegistryStr() == name.DefaultRegistry {
		return "docker.io/" + r.repo.RepositoryStr()
	}
	return r.repo.Name()
}

func (c *Client) nameOptions() []name.Option {
	if c.opts.PlainHTTP {
		return []name.Option{name.Insecure}
	}
	return nil
}

// target is a parsed reference: a repository and a tag or a digest.
type target struct {
	repo   *Repository
	tag    string
	digest string
}

func (c *Client) parse(ref string) (target, error) {
	if host, _, ok := strings.Cut(ref, "/"); ok && strings.Trim(host, ".") == "" {
		return target{}, diag.Errorf(codeReference, "`%.200s` is not an image reference: it is a path", ref).
			WithHelp("write it as registry.example.com/team/shop:1.2.3")
	}
	if d, err := name.NewDigest(ref, c.nameOptions()...); err == nil {
		return target{repo: &Repository{client: c, repo: d.Context()}, digest: d.DigestStr()}, nil
	}
	if _, d, ok := strings.Cut(ref, "@"); ok {
		if err := digest.Digest(d).Validate(); err != nil {
			return target{}, diag.Errorf(codeReference, "`%.200s` is not an image reference: `%.100s` is no digest", ref, d).
				WithHelp("a digest is sha256: and 64 digits from 0 to f; copy the whole of it")
		}
	}
	t, err := name.NewTag(ref, c.nameOptions()...)
	if err != nil {
		return target{}, badReference(ref, err)
	}
	return target{repo: &Repository{client: c, repo: t.Context()}, tag: t.TagStr()}, nil
}

// CheckReference says whether ref could be an image's reference, without asking anyone. A0514: it is none.
func CheckReference(ref string) error {
	_, err := (&Client{}).parse(ref)
	return err
}

func badReference(ref string, err error) error {
	var bad *name.ErrBadName
	if errors.As(err, &bad) {
		return diag.Errorf(codeReference, "`%.200s` is not an image reference: %w", ref, err).
			WithHelp("write it as registry.example.com/team/shop:1.2.3")
	}
	return err
}
