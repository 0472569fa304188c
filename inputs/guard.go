package inputs

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

// privateError is a target that recording may not reach.
type privateError struct {
	host string
	addr netip.Addr // zero when the name alone was enough
}

func (e *privateError) Error() string {
	if !e.addr.IsValid() {
		return e.host + " is a private name"
	}
	return fmt.Sprintf("%s is at %s, which is a private address or this machine's own", e.host, e.addr)
}

// reserved are the ranges that public servers never have (IANA special-purpose registries, RFC 6890), beyond those that
// netip has methods for. The metadata services of all clouds are among the link-local and unique-local ones.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("fec0::/10"),
	netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("64:ff9b:1::/48"),
}

// nat64 and sixToFour carry an IPv4 address, which decides (RFC 6052, RFC 3056).
var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour = netip.MustParsePrefix("2002::/16")
)

// publicAddr says whether an address may be that of a public server.
func publicAddr(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	b := a.As16()
	switch {
	case nat64.Contains(a):
		return publicAddr(netip.AddrFrom4([4]byte(b[12:16])))
	case sixToFour.Contains(a):
		return publicAddr(netip.AddrFrom4([4]byte(b[2:6])))
	case !a.IsValid() || a.IsUnspecified() || a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsMulticast():
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// guard is one list of hosts that may be private.
type guard struct {
	allowed map[string]bool // "host" or "host:port", lower case
	own     map[netip.Addr]bool
	proxies sync.Map      // "host:port" of proxies the operator chose
	dials   chan struct{} // bounds parallel dials: on some machines many look-ups at once fail
}

func newGuard(hosts []string) *guard {
	g := &guard{allowed: map[string]bool{}, own: ownAddrs(), dials: make(chan struct{}, 8)}
	for _, h := range hosts {
		h = strings.ToLower(h)
		if strings.HasPrefix(h, "[") && strings.HasSuffix(h, "]") {
			h = h[1 : len(h)-1]
		}
		g.allowed[h] = true
	}
	return g
}

// ownAddrs are this machine's addresses. What it serves at a public one is often meant for itself.
func ownAddrs() map[netip.Addr]bool {
	out := map[netip.Addr]bool{}
	list, _ := net.InterfaceAddrs() // a machine that cannot tell them still has the ranges
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out[p.Addr().Unmap()] = true
		}
	}
	return out
}

// public says whether recording may dial a.
func (g *guard) public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return publicAddr(a) && !g.own[a]
}

// allows says whether host, asked at port, is on the list.
func (g *guard) allows(host, port string) bool {
	host = strings.ToLower(host)
	return g.allowed[host] || g.allowed[net.JoinHostPort(host, port)]
}

// checkURL refuses what the URL alone gives away; it is what remains of the guard when a proxy does the dialling.
func (g *guard) checkURL(u *url.URL) error {
	host, port := u.Hostname(), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if g.allows(host, port) {
		return nil
	}
	if a, err := netip.ParseAddr(host); err == nil && !g.public(a) {
		return &privateError{host, a}
	}
	if name := strings.TrimSuffix(strings.ToLower(host), "."); name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return &privateError{host: host}
	}
	return nil
}

// dial connects to addr (host:port) unless the address that the name leads to is private. The check is made on the
// very address that is about to be dialled, so a name that changes between look-ups gains nothing.
func (g *guard) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	select {
	case g.dials <- struct{}{}:
		defer func() { <-g.dials }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: 30 * time.Second}
	if _, proxy := g.proxies.Load(addr); !proxy && !g.allows(host, port) {
		d.Control = func(_, dialled string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(dialled)
			if err != nil {
				return err
			}
			if !g.public(ap.Addr()) {
				return &privateError{host, ap.Addr().Unmap()}
			}
			return nil
		}
	}
	return d.DialContext(ctx, network, addr)
}

// transport is an HTTP transport behind the guard. It never decompresses: bodies are stored as they came.
func (g *guard) transport(o RecorderOptions) *http.Transport {
	t := &http.Transport{
		DialContext:            g.dial,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    16,
		MaxConnsPerHost:        16,
		IdleConnTimeout:        30 * time.Second,
		TLSHandshakeTimeout:    30 * time.Second,
		MaxResponseHeaderBytes: maxHeaderText,
		TLSClientConfig:        o.TLS,
	}
	if o.Proxy != nil {
		t.Proxy = func(r *http.Request) (*url.URL, error) {
			u, err := o.Proxy(r)
			if err == nil && u != nil {
				g.proxies.Store(canonicalAddr(u), true)
			}
			return u, err
		}
	}
	return t
}

// Guarded is a transport that reaches no loopback, link-local or private address, nor one of this machine, but the hosts allowed. It is for
// addresses that come from elsewhere. proxy may be nil.
func Guarded(allowed []string, proxy func(*http.Request) (*url.URL, error)) http.RoundTripper {
	g := newGuard(allowed)
	return guarded{g, g.transport(RecorderOptions{Proxy: proxy})}
}

type guarded struct {
	guard *guard
	next  *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (t guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := t.guard.checkURL(r.URL); err != nil {
		return nil, err
	}
	return t.next.RoundTrip(r)
}

// canonicalAddr is host:port as net/http dials it.
func canonicalAddr(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// CheckAddress refuses a repository at a private address, unless its host is among allowed. address is a URL or git's host:path form.
// The name is looked up here and again by whoever fetches, so a name that changes between the two could lead elsewhere; a URL that
// only speaks git's protocol is what it would lead to.
func CheckAddress(ctx context.Context, address string, allowed []string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		host, _, ok := strings.Cut(address, ":")
		if !ok || strings.Contains(host, "/") {
			return fmt.Errorf("`%s` is on this machine and not in a network", address)
		}
		host = host[strings.LastIndex(host, "@")+1:]
		u = &url.URL{Scheme: "ssh", Host: host}
	}
	g := newGuard(allowed)
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "ssh": "22", "git": "9418"}[u.Scheme]
	}
	if err := g.checkURL(u); err != nil || g.allows(u.Hostname(), port) {
		return err
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return fmt.Errorf("looking up %s: %w", u.Hostname(), err)
	}
	for _, a := range addrs {
		if !g.public(a) {
			return &privateError{u.Hostname(), a.Unmap()}
		}
	}
	return nil
}
