package cli

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/builder"
)

func TestCredentials(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, data := range map[string]string{"token": "from a file\n", "empty": "", "large": strings.Repeat("x", builder.MaxSecret+1), "FROM_ENV": "not this"} {
		if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ln, err := net.Listen("unix", filepath.Join(dir, "sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	env := map[string]string{"FROM_ENV": "from the environment", "SSH_AUTH_SOCK": "sock"}
	a := &app{Streams: Streams{Env: func(name string) string { return env[name] }}}

	for flag, want := range map[string]string{
		"id=a,src=token": "from a file\n", "id=a,source=token": "from a file\n", "id=a,type=file,src=token": "from a file\n", "id=token": "from a file\n",
		"id=a,env=FROM_ENV": "from the environment", "id=FROM_ENV": "from the environment",
	} {
		c, err := a.credentials([]string{flag}, nil)
		if id, _, _ := strings.Cut(strings.TrimPrefix(flag, "id="), ","); err != nil || string(c.Secrets[id]) != want {
			t.Errorf("--secret %s: %q, %v; want %q", flag, c.Secrets, err, want)
		}
	}
	for _, flags := range [][]string{
		{""}, {"src=token"}, {"id=a,src=token,env=FROM_ENV"}, {"id=a,src=missing"}, {"id=a,src=."}, {"id=a,src=empty"}, {"id=a,src=large"},
		{"id=a,env=UNSET"}, {"id=nothing"}, {"id=a,src=token", "id=a,env=FROM_ENV"}, {"id=a,hunter2"},
	} {
		if c, err := a.credentials(flags, nil); err == nil {
			t.Errorf("--secret %v: %v, want an error", flags, c.Secrets)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the message repeats what may be the value: %v", err)
		}
	}
	for flag, id := range map[string]string{"default": "default", "other=sock": "other"} {
		if c, err := a.credentials(nil, []string{flag}); err != nil || c.Agents[id] != "sock" {
			t.Errorf("--ssh %s: %v, %v", flag, c.Agents, err)
		}
	}
	for _, flags := range [][]string{{""}, {"=sock"}, {"a=token"}, {"a=missing"}, {"a", "a=sock"}} {
		if c, err := a.credentials(nil, flags); err == nil {
			t.Errorf("--ssh %v: %v, want an error", flags, c.Agents)
		}
	}
	delete(env, "SSH_AUTH_SOCK")
	if c, err := a.credentials(nil, []string{"default"}); err == nil {
		t.Errorf("--ssh default without an agent: %v", c.Agents)
	}
}
