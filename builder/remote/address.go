// Package remote reaches BuildKit daemons that somebody else runs, and lets them reach us: the steps of a build get their sealed
// inputs from a server in this process, so a way to a builder has two directions.
//
//	unix   the daemon is on this machine, and reaches our loopback
//	ssh    one ssh process carries both: the daemon's socket to us, and our input server to a port of its machine's loopback
//	tcp    the daemon calls an address of this machine that the user names
package remote

import (
	"net"
	"net/url"
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// DefaultSocket is where a daemon listens unless it was told otherwise.
const DefaultSocket = "/run/buildkit/buildkitd.sock"

// Address says where a builder is. Make it with Parse.
type Address struct {
	// Scheme is "unix", "tcp" or "ssh".
	Scheme string
	// User, Host and Port are those of the machine; Port may be empty for ssh.
	User, Host, Port string
	// Socket is the daemon's path on its machine.
	Socket string
	text   string
}

// String is the address as the user wrote it.
func (a Address) String() string { return a.text }

// ssh expands %-tokens and ${} in the paths that it forwards, and takes a colon for the end.
var plainPath = lazyregexp.New(`^(/[A-Za-z0-9._+-]+)+$`)

var plainWord = lazyregexp.New(`^[A-Za-z0-9._][A-Za-z0-9._-]*$`)

// Parse reads a builder's address. flag is named in the diagnostic for one that cannot be used.
func Parse(flag, text string) (Address, error) {
	u, err := url.Parse(text)
	if err != nil {
		return Address{}, refuse(flag, text, "it is no address")
	}
	a := Address{Scheme: u.Scheme, User: u.User.Username(), Host: u.Hostname(), Port: u.Port(), Socket: u.Path, text: text}
	if _, secret := u.User.Password(); secret || u.RawQuery != "" || u.Fragment != "" {
		return Address{}, refuse(flag, u.Redacted(), "an address has no password, query or fragment; ssh takes its keys from ssh's own configuration")
	}
	switch {
	case a.Scheme == "unix" && a.Host == "" && strings.HasPrefix(a.Socket, "/"):
		return a, nil
	case a.Scheme == "unix":
		return Address{}, refuse(flag, text, "a unix address has three slashes and a whole path")
	case a.Scheme == "tcp" && a.Host != "" && a.Port != "" && a.Socket == "" && u.User == nil:
		return a, nil
	case a.Scheme == "tcp":
		return Address{}, refuse(flag, text, "a tcp address is a host and a port")
	case a.Scheme == "ssh":
		return a.ssh(flag)
	}
	return Address{}, refuse(flag, text, reasons[a.Scheme])
}

// ssh completes and checks an address that goes to the ssh program's command line.
func (a Address) ssh(flag string) (Address, error) {
	if a.Socket == "" || a.Socket == "/" {
		a.Socket = DefaultSocket
	}
	switch {
	case a.User != "" && !plainWord.MatchString(a.User):
		return Address{}, refuse(flag, a.text, "its user name is none that ssh can be given")
	case net.ParseIP(a.Host) == nil && !plainWord.MatchString(a.Host):
		return Address{}, refuse(flag, a.text, "its host name is none that ssh can be given")
	case !plainPath.MatchString(a.Socket):
		return Address{}, refuse(flag, a.text, "the socket's path holds characters that ssh does not forward as they are")
	}
	return a, nil
}

// reasons say why a way that other tools know is not one here.
var reasons = map[string]string{
	"":                  "it names no scheme",
	"docker-container":  "a container has a loopback of its own, so the daemon in it cannot reach the input server of this process, and docker's exec carries no connection back",
	"podman-container":  "a container has a loopback of its own, so the daemon in it cannot reach the input server of this process, and podman's exec carries no connection back",
	"nerdctl-container": "a container has a loopback of its own, so the daemon in it cannot reach the input server of this process, and nerdctl's exec carries no connection back",
	"kube-pod":          "a pod has a loopback of its own, so the daemon in it cannot reach the input server of this process, and kubectl's exec and port-forward carry no connection back",
	"npipe":             "images for Linux are built on Linux",
	"https":             "BuildKit is spoken to by gRPC",
	"http":              "BuildKit is spoken to by gRPC",
}

func refuse(flag, text, why string) error {
	if why == "" {
		why = "nothing is known of that scheme"
	}
	return diag.Errorf("A0323", "%s: builders at `%s` are not used", flag, text).WithWhy(why).
		WithHelp("give unix:///path/to/buildkitd.sock, ssh://USER@HOST[:PORT][/path/to/buildkitd.sock], or tcp://HOST:PORT together with --inputs-listen")
}
