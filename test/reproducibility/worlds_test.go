package reproducibility

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// TestFullWorld builds programs that a careless tracer breaks: B survives them in its whole world.
func TestFullWorld(t *testing.T) {
	t.Parallel()
	m := onMachine(t, "first")
	dir := clone(t, "worlds/full")
	if why := no32Bit(t); why != nil {
		t.Logf("without the 32-bit program, which this kernel does not run: %v", why)
		file := filepath.Join(dir, "Dockerfile")
		write(t, dir, map[string]string{"Dockerfile": strings.Replace(read(t, file), " && ./time32", "", 1)})
	}
	m.lock(dir)
	res := m.build(0, dir)
	if !res.Reproducible || !slices.Contains(res.Axes, "clock calls") || !slices.Contains(res.Axes, "kernel name") {
		t.Errorf("reproducible %v, axes %v, not applied %+v", res.Reproducible, res.Axes, res.NotApplied)
	}
}

// TestLanguages runs the Go library's own tests, and programs in Java and Python, in B's whole world.
func TestLanguages(t *testing.T) {
	t.Parallel()
	m := onMachine(t, "first")
	dir := clone(t, "worlds/languages")
	m.must(0, dir, "lock", "--progress", "plain")
	res := m.build(0, dir)
	if !res.Reproducible || !slices.Contains(res.Axes, "clock calls") || !slices.Contains(res.Axes, "kernel name") {
		t.Errorf("reproducible %v, axes %v, not applied %+v", res.Reproducible, res.Axes, res.NotApplied)
	}
}

// no32Bit says why this machine's kernel runs no 32-bit program, by running one.
func no32Bit(t *testing.T) error {
	out := filepath.Join(t.TempDir(), "i386")
	build := exec.Command("gcc", "-m32", "-nostdlib", "-static", "-fno-pic", "-ffreestanding", "-fno-stack-protector", "-o", out,
		"../../cmd/selfsame-vary/testdata/i386.c")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return exec.Command(out).Run()
}

// TestMilderWorlds builds what cannot work in B's world: programs that trace, and a certificate that B's year has left behind. B is
// repeated without the tracer, and the evidence names the step that was the reason.
func TestMilderWorlds(t *testing.T) {
	m := onMachine(t, "first")
	dir := clone(t, "worlds/milder")
	writeCertificate(t, filepath.Join(dir, "soon.pem"), 30*24*time.Hour)
	writeSignature(t, dir, 30*24*time.Hour)
	lines := strings.SplitAfter(read(t, filepath.Join(dir, "Dockerfile")), "\n")
	first := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "COPY") }) + 1
	last := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "RUN echo fine") })
	// The date and the tracing apart, so that each is seen to be a reason.
	for name, steps := range map[string][]string{"certificate": lines[first : first+1], "key": lines[first+1 : first+2], "tracing": lines[first+2 : last]} {
		t.Run(name, func(t *testing.T) {
			m := m.on(t)
			write(t, dir, map[string]string{"Dockerfile": strings.Join(slices.Concat(lines[:first], steps, lines[last:]), "")})
			m.lock(dir)
			res := m.build(0, dir)
			if !res.Reproducible || slices.Contains(res.Axes, "clock calls") || !slices.Contains(res.Axes, "directory order") {
				t.Fatalf("reproducible %v, axes %v", res.Reproducible, res.Axes)
			}
			for _, x := range res.NotApplied {
				if x.Name == "clock calls" && !strings.Contains(x.Reason, "Dockerfile:"+strconv.Itoa(first+1)) {
					t.Errorf("not applied because of %q, want the step named", x.Reason)
				}
			}
		})
	}
}

// TestRefusedQuietly builds a step that writes down whether it could trace, and does not fail if not: what B's tracer refused must not
// count as a difference, neither when it happens nor when a later build finds the result in B's cache. A real difference beside it does.
func TestRefusedQuietly(t *testing.T) {
	m := onMachine(t, "first")
	dir := clone(t, "worlds/milder")
	dockerfile := func(more string) {
		write(t, dir, map[string]string{"Dockerfile": `FROM debian:trixie AS tools
RUN if strace -o /dev/null true; then echo traced; else echo refused; fi >/done` + more + `

FROM scratch
COPY --from=tools /done /
`})
	}
	dockerfile("")
	m.lock(dir)
	for _, when := range []string{"at first", "cached"} {
		res := m.build(0, dir)
		if !res.Reproducible || slices.Contains(res.Axes, "clock calls") || !slices.Contains(res.Axes, "directory order") {
			t.Fatalf("%s: reproducible %v, axes %v", when, res.Reproducible, res.Axes)
		}
		for _, x := range res.NotApplied {
			if x.Name == "clock calls" && !strings.Contains(x.Reason, "strace") {
				t.Errorf("%s: not applied because of %q, want the program named", when, x.Reason)
			}
		}
	}
	dockerfile("\nRUN head -c 8 /dev/urandom >>/done")
	m.lock(dir)
	if res := m.build(13, dir); res.Reproducible {
		t.Error("random bytes beside a refused tracer passed")
	}
}

// TestUncovered builds a step that makes a call of an ABI which the tracer does not cover. Its images are equal, but the evidence must not
// call varied what that step may have seen unvaried, neither when it ran nor when B's cache has its result.
func TestUncovered(t *testing.T) {
	m := onMachine(t, "first")
	dir := clone(t, "worlds/milder")
	write(t, dir, map[string]string{
		"x32.c": "#include <unistd.h>\nint main(void) { syscall(0x40000000 | 201, 0); return 0; }\n",
		"Dockerfile": `FROM debian:trixie AS tools
COPY x32.c /
RUN gcc -o /x32abi /x32.c && /x32abi
RUN echo fine >/done
FROM scratch
COPY --from=tools /done /
`})
	m.lock(dir)
	for _, when := range []string{"at first", "cached"} {
		res := m.build(0, dir)
		if !res.Reproducible || slices.Contains(res.Axes, "clock calls") || slices.Contains(res.Axes, "kernel name") || !slices.Contains(res.Axes, "CPU count") {
			t.Fatalf("%s: reproducible %v, axes %v", when, res.Reproducible, res.Axes)
		}
		for _, x := range res.NotApplied {
			if x.Name == "clock calls" && !strings.Contains(x.Reason, "x32abi: x32 call") {
				t.Errorf("%s: not applied because of %q, want the program named", when, x.Reason)
			}
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// writeCertificate makes a certificate that is valid now and not for long.
func writeCertificate(t *testing.T, path string, valid time.Duration) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "soon"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(valid), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// writeSignature makes an OpenPGP key that expires soon, and a signature by it: key.gpg, message and message.sig.
func writeSignature(t *testing.T, dir string, valid time.Duration) {
	t.Helper()
	config := &packet.Config{KeyLifetimeSecs: uint32(valid.Seconds()), Time: func() time.Time { return time.Now().Add(-time.Hour) }}
	e, err := openpgp.NewEntity("soon", "", "soon@example.com", config)
	if err != nil {
		t.Fatal(err)
	}
	var public, signature bytes.Buffer
	if err := errors.Join(e.Serialize(&public), openpgp.DetachSign(&signature, e, strings.NewReader("message\n"), nil)); err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{"key.gpg": public.String(), "message": "message\n", "message.sig": signature.String()})
}
