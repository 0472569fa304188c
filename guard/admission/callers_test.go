package admission

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// caller is a client with a certificate by an authority, for an hour.
func caller(t *testing.T, server, by *Authority) *http.Client {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made, err := certificate("kube-apiserver", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	made.KeyUsage, made.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	der, err := x509.CreateCertificate(rand.Reader, made, by.parsed, &key.PublicKey, by.signer)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(server.Certificate)
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		ClientSessionCache: tls.NewLRUClientSessionCache(4)}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// TestCallersAreRenewedWhileServing: the authorities of callers are those of the file as it is now, for new connections, resumed ones, and
// those that an API server keeps.
func TestCallersAreRenewedWhileServing(t *testing.T) {
	a, nobody := authority(t)
	old, _ := authority(t)
	next, _ := authority(t)
	dir := t.TempDir()
	cert, key := pair(t, a, dir, time.Now(), time.Hour)
	certs, err := LoadCertificates(cert, key, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "callers.crt")
	write := func(pem ...[]byte) {
		t.Helper()
		var all []byte
		for _, p := range pem {
			all = append(all, p...)
		}
		if err := os.WriteFile(path, all, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(old.Certificate)
	callers, err := LoadCallers(path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	var failed atomic.Int32
	r := start(t, newGate(t, &asker{}, nil), Serving{Certificates: certs, Callers: callers, Renewal: 10 * time.Millisecond, Failed: func(error) { failed.Add(1) }})
	before, after := caller(t, a, old), caller(t, a, next)
	// A review is posted: that a GET is answered at all (405) says that the caller may call. The client may hear of a refusal before or after
	// it has sent its request: TLS 1.3.
	may := func(c *http.Client) bool { code, _ := get(t, c, r.hook+"/validate"); return code == 405 }
	soon := func(what string, is func() bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("not within a minute: %s", what)
			}
		}
	}
	if !may(before) || may(after) || may(nobody) {
		t.Fatalf("at first: %v %v %v", may(before), may(after), may(nobody))
	}
	write([]byte("half of a fi"))
	soon("a broken file is told of", func() bool { return failed.Load() > 0 })
	if !may(before) || may(after) {
		t.Error("a broken file changes who may call")
	}
	write(old.Certificate, next.Certificate)
	soon("the new authority counts", func() bool { return may(after) })
	if !may(before) {
		t.Error("the old one does not count beside it")
	}
	write(next.Certificate)
	soon("the old one does not count on the connection that is open", func() bool {
		code, text := get(t, before, r.hook+"/validate")
		return code == 403 && strings.Contains(text, "may not call any more")
	})
	before.CloseIdleConnections()
	if may(before) {
		t.Error("a resumed connection of the old one is taken")
	}
	if !may(after) {
		t.Error("the new one does not count any more")
	}
}

func TestWrongCallers(t *testing.T) {
	a, _ := authority(t)
	for name, data := range map[string]string{
		"nothing": "", "no PEM": "hello", "a key": string(a.Key), "a key, too": string(a.Certificate) + string(a.Key),
		"no certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "half of the second one": string(a.Certificate) + string(a.Certificate[:len(a.Certificate)/2]), "too much": strings.Repeat("x", maxPEM+1) + string(a.Certificate),
	} {
		path := filepath.Join(t.TempDir(), "callers.crt")
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadCallers(path, time.Now); err == nil {
			t.Errorf("%s is taken for an authority", name)
		}
	}
	path := filepath.Join(t.TempDir(), "callers.crt")
	if err := os.WriteFile(path, a.Certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, ahead := range map[string]time.Duration{"ended": authorityLife + time.Hour, "to come": -time.Hour} {
		if _, err := LoadCallers(path, func() time.Time { return time.Now().Add(ahead) }); err == nil {
			t.Errorf("an authority that is %s is taken", name)
		}
	}
	if _, err := LoadCallers(path+"x", time.Now); err == nil {
		t.Error("no file is taken for authorities")
	}
}
