package doctor

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// maxKubeconfig is in bytes, also of each file that it names.
const maxKubeconfig = 1 << 20

// kubeconfig is what is read of one. Fields that would have a program run, or a check left out, are there to be refused.
type kubeconfig struct {
	Current  string `json:"current-context"`
	Contexts []struct {
		Name    string `json:"name"`
		Context struct {
			Cluster string `json:"cluster"`
			User    string `json:"user"`
		} `json:"context"`
	} `json:"contexts"`
	Clusters []struct {
		Name    string `json:"name"`
		Cluster struct {
			Server     string `json:"server"`
			ServerName string `json:"tls-server-name"`
			CA         string `json:"certificate-authority"`
			CAData     []byte `json:"certificate-authority-data"`
			Insecure   bool   `json:"insecure-skip-tls-verify"`
			Proxy      string `json:"proxy-url"`
		} `json:"cluster"`
	} `json:"clusters"`
	Users []struct {
		Name string `json:"name"`
		User user   `json:"user"`
	} `json:"users"`
}

type user struct {
	Token     string          `json:"token"`
	TokenFile string          `json:"tokenFile"`
	Cert      string          `json:"client-certificate"`
	CertData  []byte          `json:"client-certificate-data"`
	Key       string          `json:"client-key"`
	KeyData   []byte          `json:"client-key-data"`
	Exec      json.RawMessage `json:"exec"`
	Provider  json.RawMessage `json:"auth-provider"`
	Username  string          `json:"username"`
	As        string          `json:"as"`
}

// FromKubeconfig reads the server of the current context. Diagnostic: A0980.
func FromKubeconfig(path string) (*Server, error) {
	s, err := fromKubeconfig(path)
	if err != nil {
		return nil, diag.Errorf(codeObjects, "the kubeconfig `%s`: %w", path, diag.WithoutPath(err)).WithHelp("give one with a server, its certificate authority, and a token or a client certificate; or files with --from")
	}
	return s, nil
}

func fromKubeconfig(path string) (*Server, error) {
	data, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	if data, err = toJSON(path, data); err != nil {
		return nil, err
	}
	var k kubeconfig
	if err := json.Unmarshal(data, &k); err != nil {
		return nil, errors.New("it is not a kubeconfig") // the library's words could quote a secret
	}
	dir := filepath.Dir(path)
	for _, c := range k.Contexts {
		if c.Name == k.Current {
			return k.connect(dir, c.Context.Cluster, c.Context.User)
		}
	}
	return nil, fmt.Errorf("the current context `%s` is not in it", k.Current)
}

func (k kubeconfig) connect(dir, cluster, name string) (*Server, error) {
	for _, c := range k.Clusters {
		if c.Name != cluster {
			continue
		}
		switch {
		case c.Cluster.Insecure:
			return nil, errors.New("insecure-skip-tls-verify is set; whoever stands between could show anything")
		case c.Cluster.Proxy != "":
			return nil, errors.New("proxy-url is not supported; set HTTPS_PROXY")
		}
		ca, err := dataOr(dir, c.Cluster.CAData, c.Cluster.CA)
		if err != nil {
			return nil, err
		}
		for _, u := range k.Users {
			if u.Name == name {
				token, certs, err := u.User.identity(dir)
				if err != nil {
					return nil, err
				}
				return newServer(c.Cluster.Server, c.Cluster.ServerName, token, ca, certs)
			}
		}
		return nil, fmt.Errorf("the user `%s` is not in it", name)
	}
	return nil, fmt.Errorf("the cluster `%s` is not in it", cluster)
}

// identity is a token, a certificate, or both.
func (u user) identity(dir string) (token string, certs []tls.Certificate, err error) {
	switch {
	case set(u.Exec) || set(u.Provider):
		return "", nil, errors.New("it has a program fetch credentials (exec, auth-provider), and this command runs none; give a token, as of `kubectl create token`")
	case u.Username != "" || u.As != "":
		return "", nil, errors.New("passwords and impersonation are not supported; give a token or a client certificate")
	}
	if token = u.Token; token == "" && u.TokenFile != "" {
		data, err := dataOr(dir, nil, u.TokenFile)
		if err != nil {
			return "", nil, err
		}
		token = strings.TrimSpace(string(data))
	}
	cert, err := dataOr(dir, u.CertData, u.Cert)
	if err != nil || len(cert) == 0 {
		return token, nil, err
	}
	key, err := dataOr(dir, u.KeyData, u.Key)
	if err != nil {
		return "", nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	return token, []tls.Certificate{pair}, err
}

func set(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// dataOr is what is written out, or the content of the file that is named; relative names start from the kubeconfig's folder.
func dataOr(dir string, data []byte, path string) ([]byte, error) {
	if len(data) > 0 || path == "" {
		return data, nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return readSmall(path)
}

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator, or his kubeconfig, names it
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	data, err := io.ReadAll(io.LimitReader(f, maxKubeconfig+1))
	if err == nil && len(data) > maxKubeconfig {
		err = fmt.Errorf("%s has more than %d bytes", path, maxKubeconfig)
	}
	return data, err
}

// serviceAccount is where a pod finds its own.
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

// InCluster is the API server of the cluster that this process is a pod of. host and port are KUBERNETES_SERVICE_HOST and _PORT.
// Diagnostic: A0980.
func InCluster(host, port string) (*Server, error) {
	token, err := readSmall(filepath.Join(serviceAccount, "token"))
	if err == nil {
		var ca []byte
		if ca, err = readSmall(filepath.Join(serviceAccount, "ca.crt")); err == nil {
			var s *Server
			if s, err = newServer("https://"+net.JoinHostPort(host, port), "", strings.TrimSpace(string(token)), ca, nil); err == nil {
				return s, nil
			}
		}
	}
	return nil, diag.Errorf(codeObjects, "the pod's own service account: %w", err).WithHelp("give --kubeconfig, or files with --from")
}
