package reproducibility

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// mirrorHost is the mirrors' name. It must be a name: tools do not use a proxy for addresses of loopback.
const mirrorHost = "mirror.test"

// mirror is a web server on loopback that speaks what package managers speak, over HTTPS, with packages made here. The real registries
// of Python, Rust and Alpine are asked by nobody.
type mirror struct {
	t     *testing.T
	url   string
	ca    string // file with the certificate that it shows
	hosts string // file for /etc/hosts
	token string // what /private and /challenge demand

	mu    sync.Mutex
	files map[string][]byte
	types map[string]string
	asked map[string]int
	srv   *http.Server
}

func newMirror(t *testing.T, token string) *mirror {
	t.Helper()
	m := &mirror{t: t, token: token, files: map[string][]byte{}, types: map[string]string{}, asked: map[string]int{}}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	m.url = "https://" + mirrorHost + ":" + port
	dir := t.TempDir()
	m.hosts, m.ca = filepath.Join(dir, "hosts"), filepath.Join(dir, "ca.pem")
	m.write(m.hosts, []byte("127.0.0.1 localhost "+mirrorHost+"\n"))
	m.python()
	m.rust()
	m.golang()
	m.alpine()
	m.files["/plain"] = []byte("plain\n")
	m.files["/npm/@selfsame/hello/-/hello-1.0.0.tgz"] = targz(t, map[string]string{"package/index.js": "module.exports = 'hello'\n"})
	m.files["/dumb.git/info/refs"] = []byte(strings.Repeat("1", 40) + "\trefs/heads/main\n")
	m.files["/dumb.git/HEAD"] = []byte("ref: refs/heads/main\n")
	m.srv = &http.Server{Handler: m, TLSConfig: &tls.Config{Certificates: []tls.Certificate{m.certificate()}}}
	go func() { _ = m.srv.ServeTLS(ln, "", "") }()
	t.Cleanup(m.stop)
	return m
}

func (m *mirror) stop() { _ = m.srv.Close() }

func (m *mirror) write(path string, data []byte) {
	m.t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// certificate is the mirror's own, which nothing but the recording selfsame trusts: steps meet BuildKit's proxy.
func (m *mirror) certificate() tls.Certificate {
	m.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		m.t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: mirrorHost}, DNSNames: []string{mirrorHost},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		m.t.Fatal(err)
	}
	m.write(m.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// ServeHTTP gives files, and what is private to those who say so.
func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked[r.URL.Path]++
	_, password, _ := r.BasicAuth()
	switch {
	case r.URL.Path == "/private" && r.Header.Get("Authorization") == "Bearer "+m.token,
		r.URL.Path == "/challenge" && password == m.token:
		_, _ = fmt.Fprintln(w, "only for those who know")
	case r.URL.Path == "/private", r.URL.Path == "/challenge":
		w.Header().Set("Www-Authenticate", `Basic realm="mirror"`)
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/signed" && r.URL.Query().Get("X-Amz-Signature") == m.token:
		_, _ = fmt.Fprintln(w, "signed")
	case m.files[r.URL.Path] == nil:
		http.NotFound(w, r)
	default:
		if t := m.types[r.URL.Path]; t != "" {
			w.Header().Set("Content-Type", t)
		}
		_, _ = w.Write(m.files[r.URL.Path])
	}
}

// python is a simple index (PEP 503) with a wheel that needs a source distribution, whose build backend lies in its own tree.
func (m *mirror) python() {
	wheel := zipped(m.t, map[string]string{
		"selfsame_hello.py": "from selfsame_greeting import word\nprint(word)\n",
		"selfsame_hello-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: selfsame-hello\nVersion: 1.0\n" +
			"Requires-Dist: selfsame-greeting\n",
		"selfsame_hello-1.0.dist-info/WHEEL":  "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
		"selfsame_hello-1.0.dist-info/RECORD": "",
	})
	const root = "selfsame_greeting-2.0/"
	sdist := targz(m.t, map[string]string{
		root + "PKG-INFO":             "Metadata-Version: 2.1\nName: selfsame-greeting\nVersion: 2.0\n",
		root + "pyproject.toml":       "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n",
		root + "selfsame_greeting.py": "word = 'hello'\n",
		root + "backend.py": `import os, zipfile
def build_wheel(directory, config_settings=None, metadata_directory=None):
    name, info = "selfsame_greeting-2.0-py3-none-any.whl", "selfsame_greeting-2.0.dist-info/"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as z:
        for path, text in {
            "selfsame_greeting.py": open("selfsame_greeting.py").read(),
            info + "METADATA": open("PKG-INFO").read(),
            info + "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            info + "RECORD": "",
        }.items():
            z.writestr(zipfile.ZipInfo(path), text)
    return name
`,
	})
	for name, file := range map[string]struct {
		name string
		data []byte
	}{
		"selfsame-hello": {"selfsame_hello-1.0-py3-none-any.whl", wheel}, "selfsame-greeting": {"selfsame_greeting-2.0.tar.gz", sdist},
	} {
		sum := hexSum(file.data)
		path := "/packages/" + sum[:2] + "/" + sum[2:4] + "/" + sum[4:] + "/" + file.name // as PyPI lays them out
		m.files[path] = file.data
		index := "/simple/" + name + "/"
		m.files[index] = fmt.Appendf(nil, "<!DOCTYPE html><html><body><a href=\"%s#sha256=%s\">%s</a></body></html>\n", path, sum, file.name)
		m.types[index] = "text/html; charset=utf-8"
	}
}

// rust is a sparse index (doc.rust-lang.org/cargo/reference/registry-index.html) with one crate.
func (m *mirror) rust() {
	crate := targz(m.t, map[string]string{
		"selfsame-hello-0.1.0/Cargo.toml": "[package]\nname = \"selfsame-hello\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
		"selfsame-hello-0.1.0/src/lib.rs": "pub fn hello() -> &'static str { \"hello\" }\n",
	})
	m.files["/cargo/config.json"] = fmt.Appendf(nil, `{"dl":"%s/crates/{crate}/{crate}-{version}.crate"}`, m.url)
	m.files["/cargo/se/lf/selfsame-hello"] = fmt.Appendf(nil, `{"name":"selfsame-hello","vers":"0.1.0","deps":[],"cksum":"%s","features":{},"yanked":false}`+"\n", hexSum(crate))
	m.files["/crates/selfsame-hello/selfsame-hello-0.1.0.crate"] = crate
}

// golang is a module proxy (go.dev/ref/mod#goproxy-protocol) with one module.
func (m *mirror) golang() {
	const mod, at = "module example.test/hello\n\ngo 1.21\n", "/go/example.test/hello/@v/"
	m.files[at+"list"] = []byte("v1.0.0\n")
	m.files[at+"v1.0.0.info"] = []byte(`{"Version":"v1.0.0","Time":"2024-01-01T00:00:00Z"}`)
	m.files[at+"v1.0.0.mod"] = []byte(mod)
	m.files[at+"v1.0.0.zip"] = zipped(m.t, map[string]string{
		"example.test/hello@v1.0.0/go.mod":   mod,
		"example.test/hello@v1.0.0/hello.go": "package hello\n\n// Word is said.\nconst Word = \"hello\"\n",
	})
}

// alpine is a signed repository with one package (wiki.alpinelinux.org/wiki/Apk_spec): gzip streams one after the other, the first
// with the signature of the rest.
func (m *mirror) alpine() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		m.t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		m.t.Fatal(err)
	}
	const at, signer = "/alpine/v3.22/main/x86_64/", "test.rsa.pub"
	sign := func(stream []byte) []byte {
		sum := sha1.Sum(stream)
		sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA1, sum[:])
		if err != nil {
			m.t.Fatal(err)
		}
		return append(targzOpen(m.t, map[string]string{".SIGN.RSA." + signer: string(sig)}), stream...)
	}
	data := targz(m.t, map[string]string{"usr/share/hello": "hello\n"})
	control := targzOpen(m.t, map[string]string{".PKGINFO": "pkgname = hello\npkgver = 1.0-r0\narch = x86_64\ndatahash = " + hexSum(data) + "\n"})
	pkg := append(sign(control), data...)
	sum := sha1.Sum(control)
	index := fmt.Sprintf("C:Q1%s\nP:hello\nV:1.0-r0\nA:x86_64\nS:%d\nI:6\n\n", base64.StdEncoding.EncodeToString(sum[:]), len(pkg))
	m.files[at+"hello-1.0-r0.apk"] = pkg
	m.files[at+"APKINDEX.tar.gz"] = sign(targz(m.t, map[string]string{"APKINDEX": index}))
	m.files["/alpine/"+signer] = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
}

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// targz is a compressed tar archive; targzOpen one without the two blocks that end it, so that another can follow.
func targz(t *testing.T, files map[string]string) []byte { return tarred(t, files, true) }

func targzOpen(t *testing.T, files map[string]string) []byte { return tarred(t, files, false) }

func tarred(t *testing.T, files map[string]string, closed bool) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	for _, name := range sortedNames(files) {
		h := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name])), ModTime: time.Unix(1_700_000_000, 0)}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	end := w.Flush
	if closed {
		end = w.Close
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func zipped(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, name := range sortedNames(files) {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
