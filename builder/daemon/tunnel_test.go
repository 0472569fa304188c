package daemon

import "testing"

func TestParseRemote(t *testing.T) {
	for address, want := range map[string]Remote{
		"ssh://host":                       {"host", "", defaultSocket},
		"ssh://user@host:2222/":            {"user@host", "2222", defaultSocket},
		"ssh://user@host/run/other/b.sock": {"user@host", "", "/run/other/b.sock"},
		"ssh://[::1]:22/s":                 {"::1", "22", "/s"},
	} {
		if got, err := ParseRemote(address); err != nil || got != want {
			t.Errorf("%s: %+v, %v", address, got, err)
		}
	}
	for _, address := range []string{"ssh://", "ssh://user:secret@host", "ssh://-oProxyCommand=x", "ssh://host/s?x=1", "tcp://host", "ssh://%zz"} {
		if got, err := ParseRemote(address); err == nil {
			t.Errorf("%s: %+v", address, got)
		}
	}
}
