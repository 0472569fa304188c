package faults

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority makes certificates for a test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.issue("ca", &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// issue writes NAME.pem and NAME.key.
func (a *authority) issue(name string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	put(a.t, a.path(name+".pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	put(a.t, a.path(name+".key"), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})))
	return made, key
}

// ownAddress is an address of this machine that is not loopback; the test skips where there is none.
func ownAddress(t *testing.T) string {
	t.Helper()
	list, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && !ip.IP.IsLoopback() {
			return ip.IP.String()
		}
	}
	t.Skip("SKIPPED: this machine has no address but loopback")
	return ""
}

// TestBuilderByTCP builds with B at a TCP address that asks for certificates, and that calls this machine for its inputs.
func TestBuilderByTCP(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	host := ownAddress(t)
	ca, other := newAuthority(t, "builders"), newAuthority(t, "strangers")
	ca.issue("server", &x509.Certificate{IPAddresses: []net.IP{net.ParseIP(host)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	for _, a := range []*authority{ca, other} {
		a.issue("client", &x509.Certificate{Subject: pkix.Name{CommonName: "us"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	}
	ln, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	address := "tcp://" + ln.Addr().String()
	_ = ln.Close()
	m.foreign("--proxy-network", "--allow-insecure-entitlement", "network.host", "--addr", address, "--tlscacert", ca.path("ca.pem"), "--tlscert", ca.path("server.pem"),
		"--tlskey", ca.path("server.key"))

	u := newUpstream(t, "sealed\n")
	dir := withStep(t, dockerfile(t, "FROM scratch\nCOPY step /\nRUN [\"/step\", \"get\", \"http://"+u.host+"/x\", \"/x\"]\n", u.host))
	m.must(0, dir, words("lock -q"))
	u.stop()
	tls := func(ca, client *authority) []string {
		return []string{"--builder-tls-ca", ca.path("ca.pem"), "--builder-tls-cert", client.path("client.pem"), "--builder-tls-key", client.path("client.key")}
	}
	here := []string{"--builder-b", address, "--inputs-listen", host}
	m.must(0, dir, append(append(words("build"), here...), tls(ca, ca)...), "A0326")
	for name, c := range map[string]struct {
		code int
		args []string
		says []string
	}{
		"a certificate of strangers":     {17, append(tls(ca, other), here...), []string{"A0702", "certificate"}},
		"a builder of strangers":         {17, append(tls(other, ca), here...), []string{"A0702", "certificate"}},
		"no certificate":                 {17, here, []string{"A0702", "wants"}},
		"no way back":                    {10, append(tls(ca, ca), "--builder-b", address), []string{"A0323", "--inputs-listen"}},
		"a way back to anywhere":         {10, append(tls(ca, ca), "--builder-b", address, "--inputs-listen", "0.0.0.0:0"), []string{"A0323"}},
		"a key without its certificate":  {10, append([]string{"--builder-tls-key", ca.path("client.key")}, here...), []string{"A0323", "go together"}},
		"a certificate that is not here": {10, append([]string{"--builder-tls-ca", "/nowhere"}, here...), []string{"A0323", "/nowhere"}},
		"no certificate at all":          {10, append([]string{"--builder-tls-ca", ca.path("ca.key")}, here...), []string{"A0323", "no certificate in"}},
		"settings for nobody":            {10, []string{"--inputs-listen", host}, []string{"A0323", "tcp://"}},
		"a container":                    {10, []string{"--builder-a", "docker-container://buildkit"}, []string{"A0323", "loopback of its own"}},
	} {
		t.Run(name, func(t *testing.T) {
			m.on(t).must(c.code, dir, append(words("build -q"), c.args...), c.says...)
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "selfsame-out", "image")); err != nil {
		t.Error(err)
	}
}
