//go:build !front

package cli

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/selfsame-build/selfsame/builder"
)

// credentials reads what --secret and --ssh name. Values are read here, once, and handed on in memory.
func (a *app) credentials(secrets, agents []string) (builder.Credentials, error) {
	c := builder.Credentials{Secrets: map[string][]byte{}, Agents: map[string]string{}}
	for _, s := range secrets {
		id, value, err := a.secret(s)
		if err != nil {
			return c, err
		}
		if _, twice := c.Secrets[id]; twice {
			return c, usage("--secret gives `%s` twice", id)
		}
		c.Secrets[id] = value
	}
	for _, s := range agents {
		id, socket, _ := strings.Cut(s, "=")
		if socket == "" {
			socket = a.get(envAgent)
		}
		if _, twice := c.Agents[id]; id == "" || twice {
			return c, usage("--ssh %s: an id is missing or given twice", s)
		}
		if st, err := os.Stat(socket); err != nil || st.Mode().Type() != os.ModeSocket {
			return c, usage("--ssh %s: `%s` is no agent's socket", s, socket)
		}
		c.Agents[id] = socket
	}
	return c, nil
}

// secret reads one --secret: id=NAME and either src=FILE or env=VARIABLE; with neither the variable NAME, or else the file NAME, as
// docker does. No message repeats the flag, for somebody may have put the value itself there.
func (a *app) secret(flag string) (string, []byte, error) {
	var id, file, variable string
	for field := range strings.SplitSeq(flag, ",") {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "id":
			id = value
		case "src", "source":
			file = value
		case "env":
			variable = value
		case "type": // docker's; the other keys say it already
		default:
			return "", nil, usage("--secret has a key other than id, src and env")
		}
	}
	switch {
	case id == "":
		return "", nil, usage("--secret names no id")
	case file != "" && variable != "":
		return "", nil, usage("--secret `%s` has both src and env", id)
	case file == "" && variable == "":
		if variable = id; a.Env(id) == "" {
			variable, file = "", id
		}
	}
	value, err := []byte(a.Env(variable)), error(nil)
	if file != "" {
		value, err = readSecret(file)
	}
	switch {
	case err != nil:
		return "", nil, usage("--secret `%s`: %v", id, err)
	case len(value) == 0:
		return "", nil, usage("--secret `%s` is empty", id)
	case len(value) > builder.MaxSecret:
		return "", nil, usage("--secret `%s` has more than %d bytes", id, builder.MaxSecret)
	}
	return id, value, nil
}

func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || st.IsDir() {
		return nil, errors.Join(err, errors.New("it is no file"))
	}
	return io.ReadAll(io.LimitReader(f, builder.MaxSecret+1))
}
