package reproducibility

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh/agent"
)

func sortedNames(files map[string]string) []string { return slices.Sorted(maps.Keys(files)) }

// managersDockerfile has one step for each thing that steps fetch with. The base has no certificates at first. cargo comes without its
// compiler, which would be 150 MB more; apk is no package of Debian, so its step makes apk's requests and checks with curl and openssl.
const managersDockerfile = `FROM golang:1 AS go
ARG MIRROR
ENV GOPROXY=$MIRROR/go GONOSUMDB=* GOTOOLCHAIN=local
WORKDIR /src
COPY go /src/
RUN go mod tidy && go mod vendor

FROM debian:trixie
ARG MIRROR
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl git openssl python3-pip wget \
 && curl -fsS $MIRROR/plain -o /plain && wget -q $MIRROR/npm/@selfsame/hello/-/hello-1.0.0.tgz -O /npm.tgz \
 && git ls-remote $MIRROR/dumb.git >/refs && python3 -c "import urllib.request as r; r.urlopen('$MIRROR/plain')" \
 && apt-get download cargo && dpkg -x cargo_*.deb /tmp/cargo \
 && apt-get install -y --no-install-recommends $(dpkg-deb -f cargo_*.deb Depends | tr , '\n' | sed -n 's/^ *\(lib[^ ]*\).*/\1/p') \
 && mv /tmp/cargo/usr/bin/cargo /usr/local/bin/ && rm -rf cargo_*.deb /tmp/cargo \
 && apt-get clean && rm -rf /var/lib/apt/lists/* /var/cache/ldconfig/aux-cache && find /var/log -type f -delete
RUN pip install --no-cache-dir --no-compile --index-url $MIRROR/simple/ --target /py selfsame-hello \
 && PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/py python3 -m selfsame_hello
COPY rust /rust/
RUN cd /rust && export CARGO_HOME=/tmp/cargo && sed -i "s|@MIRROR@|$MIRROR|" .cargo/config.toml && cargo vendor --respect-source-config /vendor && rm -rf /tmp/cargo
RUN cd /tmp && repo=$MIRROR/alpine/v3.22/main/x86_64 && curl -fsS $MIRROR/alpine/test.rsa.pub -o key && curl -fsS $repo/APKINDEX.tar.gz -o index \
 && tar -xzf index --ignore-zeros .SIGN.RSA.test.rsa.pub APKINDEX \
 && python3 -c "import zlib; d = zlib.decompressobj(31); d.decompress(open('index', 'rb').read()); open('signed', 'wb').write(d.unused_data)" \
 && openssl dgst -sha1 -verify key -signature .SIGN.RSA.test.rsa.pub signed \
 && file=$(sed -n 's/^P:/n=/p; s/^V:/v=/p' APKINDEX | paste -sd' ' | sed 's/n=\(.*\) v=\(.*\)/\1-\2.apk/') \
 && curl -fsS $repo/$file -o pkg && tar -xzf pkg --ignore-zeros -C / usr/share/hello && rm -rf /tmp/* /tmp/.SIGN*
RUN --mount=type=secret,id=token,required=true --mount=type=secret,id=password,env=PASSWORD --mount=type=secret,id=sometimes --mount=type=ssh \
 echo "the token is $(cat /run/secrets/token)" \
 && curl -fsS -H "Authorization: Bearer $(cat /run/secrets/token)" $MIRROR/private -o /private \
 && wget -q --user me --password "$PASSWORD" $MIRROR/challenge -O /challenge \
 && curl -fsS "$MIRROR/signed?X-Amz-Signature=$PASSWORD" -o /signed \
 && if [ -S "$SSH_AUTH_SOCK" ]; then python3 /rust/agent.py; fi && test ! -e /run/secrets/sometimes
COPY --from=go /src /go
`

// agentClient asks an ssh agent for its keys (draft-miller-ssh-agent: request 11, answer 12 and their number).
const agentClient = `import os, socket, struct
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["SSH_AUTH_SOCK"])
s.sendall(struct.pack(">IB", 1, 11))
answer = s.makefile("rb").read(9)
print("the agent has", struct.unpack(">I", answer[5:9])[0], "key", answer[4])
`

// TestPackageManagers records what each package manager fetches by HTTPS, from mirrors on loopback with packages made by this test, with
// secrets and an ssh agent at hand; then it builds with mirrors, secrets and agent gone. Values of secrets are nowhere.
func TestPackageManagers(t *testing.T) {
	shared, begun := onMachine(t, "first"), time.Now()
	token, password := randomWord(t), ""
	m := newMirror(t, token)
	password = token
	dir := filepath.Join(t.TempDir(), "managers")
	for name, text := range map[string]string{
		"Dockerfile": managersDockerfile,
		"recipe.yaml": fmt.Sprintf("recipe: v1\nname: managers\nplatforms: [linux/amd64]\nepoch: 1760000000\nbuild:\n  dockerfile: Dockerfile\n"+
			"  args: {MIRROR: %q}\n  contexts:\n    debian:trixie:\n      debian: {suite: trixie}\n"+
			"    golang:1:\n      debian: {suite: trixie, packages: [golang-go]}\n"+
			"record: {private: [%s]}\noutput: {image: registry.example.com/managers}\n", m.url, mirrorHost),
		"go/go.mod":               "module example.com/main\n\ngo 1.21\n",
		"go/main.go":              "package main\n\nimport \"example.test/hello\"\n\nfunc main() { println(hello.Word) }\n",
		"rust/Cargo.toml":         "[package]\nname = \"main\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\nselfsame-hello = \"0.1\"\n",
		"rust/src/main.rs":        "fn main() { println!(\"{}\", selfsame_hello::hello()) }\n",
		"rust/.cargo/config.toml": "[source.crates-io]\nreplace-with = \"mirror\"\n[source.mirror]\nregistry = \"sparse+@MIRROR@/cargo/\"\n",
		"rust/agent.py":           agentClient,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		m.write(path, []byte(text))
	}
	secret := filepath.Join(t.TempDir(), "token") // beside the context, as a careful author keeps it
	m.write(secret, []byte(token+"\n"))
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Skip("unshare is not installed: run make deps")
	}
	recording := &machine{t: t, self: shared.self, home: shared.home,
		prefix: []string{unshare, "--mount", "sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, m.hosts},
		env:    []string{"SSL_CERT_FILE=" + m.ca, "MIRROR_PASSWORD=" + password, "SSH_AUTH_SOCK=" + sshAgent(t)},
	}

	missing := recording.must(10, dir, "lock", "--progress", "plain")
	if !strings.Contains(missing.err, "A0342") || !strings.Contains(missing.err, "--secret id=token") {
		t.Errorf("without the secret that a step needs:\n%s", tail(missing.err, 20))
	}
	unused := recording.must(10, dir, "lock", "--secret", "id=tokn,src="+secret, "--secret", "id=token,src="+secret)
	if !strings.Contains(unused.err, "A0343") {
		t.Errorf("with a secret that nobody asks for:\n%s", tail(unused.err, 20))
	}
	locked := recording.must(0, dir, "lock", "--progress", "plain", "--secret", "id=token,src="+secret,
		"--secret", "id=password,env=MIRROR_PASSWORD", "--ssh", "default")
	for _, want := range []string{"the token is ***", "the agent has 1 key 12", "asked for with credentials"} {
		if !strings.Contains(locked.err, want) {
			t.Errorf("the recording does not show %q", want)
		}
	}
	lines, err := os.ReadFile(filepath.Join(dir, "selfsame.lock"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"pkg:pypi/selfsame-hello@1.0?", "pkg:pypi/selfsame-greeting@2.0?", "pkg:cargo/selfsame-hello@0.1.0", "pkg:golang/example.test/hello@v1.0.0",
		"pkg:apk/alpine/hello@1.0-r0?", "pkg:npm/%40selfsame/hello@1.0.0", "pkg:deb/debian/curl@", "X-Amz-Signature=REDACTED", "/private", "/challenge",
	} {
		if !bytes.Contains(lines, []byte(want)) {
			t.Errorf("the lock has no %q", want)
		}
	}

	t.Logf("locked in %s", locked.took)

	m.stop()
	sealed := shared.on(t)
	res := sealed.must(0, dir, "build", "--offline", "--progress", "plain")
	t.Logf("built in %s", res.took)
	if !strings.Contains(res.err, "the same bit for bit") {
		t.Errorf("the verdict is missing:\n%s", tail(res.err, 10))
	}
	absent(t, token, map[string]string{"lock's output": locked.out + locked.err, "build's output": res.out + res.err})
	nowhere(t, token, begun, dir, shared.home)
	for _, id := range []string{"token", "password", "sometimes", "ssh:default"} {
		if !strings.Contains(provenanceOf(t, dir), `"`+id+`"`) {
			t.Errorf("the provenance does not name %s", id)
		}
	}
}

func randomWord(t *testing.T) string {
	t.Helper()
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b[:])
}

// sshAgent is an agent with one key, and gives its socket.
func sshAgent(t *testing.T) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := agent.NewKeyring()
	if err := keys.Add(agent.AddedKey{PrivateKey: &key}); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "agent-") //nolint:usetesting // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("unix", filepath.Join(dir, "sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = ln.Close(), os.RemoveAll(dir) })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(keys, c); _ = c.Close() }()
		}
	}()
	return filepath.Join(dir, "sock")
}

func absent(t *testing.T, value string, texts map[string]string) {
	t.Helper()
	for name, text := range texts {
		if strings.Contains(text, value) {
			t.Errorf("the %s shows a secret", name)
		}
	}
}

// nowhere looks for a value in every file below the folders that was written since: lock, results, store, and all that the builders keep
// and log.
func nowhere(t *testing.T, value string, since time.Time, dirs ...string) {
	t.Helper()
	files, size, from := 0, int64(0), time.Now()
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil //nolint:nilerr // a daemon may remove what it no longer needs
			}
			var st syscall.Stat_t
			if syscall.Lstat(path, &st) != nil || time.Unix(st.Ctim.Unix()).Before(since) { // a file's own time may be set back
				return nil
			}
			files++
			size += st.Size
			if holds(path, []byte(value)) {
				t.Errorf("%s holds a secret", path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if t.Logf("looked through %d files, %d MB, in %s", files, size>>20, time.Since(from)); files < 100 {
		t.Errorf("only %d files were looked through", files)
	}
}

// holds reads a file in pieces that overlap by one byte less than the value has.
func holds(path string, value []byte) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	buf, kept := make([]byte, 1<<20), 0
	for {
		n, err := f.Read(buf[kept:])
		if bytes.Contains(buf[:kept+n], value) {
			return true
		}
		if err != nil {
			return false
		}
		end := buf[:kept+n]
		kept = copy(buf, end[max(0, len(end)-len(value)+1):])
	}
}

// provenanceOf is the provenance that a build left, as JSON.
func provenanceOf(t *testing.T, dir string) string {
	t.Helper()
	cmd := exec.Command("../../bin/selfsame", "show", filepath.Join(dir, "selfsame-out/image"), "provenance")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("showing the evidence: %v\n%s", err, out)
	}
	return string(out)
}
