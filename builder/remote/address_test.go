package remote

import (
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/internal/diag"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Address{
		"unix:///run/x.sock":                  {Scheme: "unix", Socket: "/run/x.sock"},
		"tcp://10.0.0.7:1234":                 {Scheme: "tcp", Host: "10.0.0.7", Port: "1234"},
		"tcp://[fd00::7]:1234":                {Scheme: "tcp", Host: "fd00::7", Port: "1234"},
		"ssh://host":                          {Scheme: "ssh", Host: "host", Socket: DefaultSocket},
		"ssh://host/":                         {Scheme: "ssh", Host: "host", Socket: DefaultSocket},
		"ssh://me@host:2222/run/u/1/b_k.sock": {Scheme: "ssh", User: "me", Host: "host", Port: "2222", Socket: "/run/u/1/b_k.sock"},
		"ssh://[fd00::7]/s":                   {Scheme: "ssh", Host: "fd00::7", Socket: "/s"},
	} {
		got, err := Parse("--builder-a", text)
		want.text = text
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, why := range map[string]string{
		"docker-container://buildkit": "loopback of its own", "podman-container://b": "loopback of its own",
		"kube-pod://buildkit?namespace=x": "query", "kube-pod://buildkit": "loopback of its own", "nerdctl-container://b": "loopback of its own",
		"npipe:////./pipe/x": "Linux", "http://host": "gRPC", "gopher://host": "nothing is known", "/run/x.sock": "no scheme", "": "no scheme",
		"unix://run/x.sock": "three slashes", "tcp://host": "port", "tcp://host:1/x": "port", "tcp://:1": "port",
		"ssh://me:secret@host": "password", "ssh://-oProxyCommand=x": "host name", "ssh://-l@host": "user name", "ssh://host/a:b": "characters",
		"ssh://host/%25h": "characters", "ssh://host/$%7BHOME%7D": "characters", "ssh://host/a b": "characters", "ssh:///sock": "host name", "%": "no address",
		"ssh://host?x=1": "query", "ssh://ho%20st/s": "",
	} {
		_, err := Parse("--builder-a", text)
		if diag.ExitCode(err) != diag.ExitUsage || !strings.Contains(diag.All(err)[0].Why, why) {
			t.Errorf("%q: %v, want a refusal because of %q", text, err, why)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the message shows the password", text)
		}
	}
}
