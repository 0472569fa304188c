// Command seeker is a RUN step that looks for secrets in every place that a step can look into, and writes where it found one.
//
//	seeker OUT MASKED...
//
// MASKED are the secrets, each byte in hexadecimal with its bits turned over, so that neither the arguments nor the memory of this program are
// a find. It writes one line for each find, "found N in PLACE", and one for each kind of place that it could look into at all. It also prints
// them. It never fails.
package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxFile bounds what is read of one file.
const maxFile = 8 << 20

var (
	secrets [][]byte // masked
	mu      sync.Mutex
	lines   = map[string]bool{}
)

func main() {
	for _, m := range os.Args[2:] {
		b, err := hex.DecodeString(m)
		if err != nil {
			panic(err)
		}
		secrets = append(secrets, b)
	}
	for _, v := range os.Environ() {
		look("the environment", []byte(v))
	}
	processes()
	files()
	sockets()
	ports()
	var out []string
	for l := range lines {
		out = append(out, l)
	}
	sort.Strings(out)
	text := strings.Join(out, "\n") + "\n"
	fmt.Print(text)
	if err := os.WriteFile(os.Args[1], []byte(text), 0o644); err != nil {
		panic(err)
	}
}

func say(format string, args ...any) {
	mu.Lock()
	defer mu.Unlock()
	lines[fmt.Sprintf(format, args...)] = true
}

// look searches data for each secret.
func look(place string, data []byte) {
	kind, _, _ := strings.Cut(place, ":")
	say("looked into %s", kind)
	masked := make([]byte, len(data))
	for i, b := range data {
		masked[i] = ^b
	}
	for i, s := range secrets {
		if bytes.Contains(masked, s) {
			say("found %d in %s", i, place)
		}
	}
}

// processes looks at what the kernel tells of every process: its environment, arguments, mounts, open files and memory.
func processes() {
	list, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range list {
		for _, name := range []string{"environ", "cmdline", "mountinfo", "auxv", "stack", "task/" + filepath.Base(dir) + "/environ"} {
			if data, err := head(filepath.Join(dir, name)); err == nil {
				look("processes: "+filepath.Join(dir, name), data)
			}
		}
		fds, _ := filepath.Glob(dir + "/fd/*")
		for _, fd := range fds {
			if to, err := os.Readlink(fd); err == nil {
				look("open files: "+fd, []byte(to))
				if st, err := os.Stat(fd); err == nil && st.Mode().IsRegular() {
					if data, err := head(fd); err == nil {
						look("open files: "+fd, data)
					}
				}
			}
		}
		if strconv.Itoa(os.Getpid()) != filepath.Base(dir) {
			memory(dir)
		}
	}
}

// memory reads the memory of another process, where the kernel lets us.
func memory(dir string) {
	maps, err := head(dir + "/maps")
	if err != nil {
		return
	}
	mem, err := os.Open(dir + "/mem")
	if err != nil {
		return
	}
	defer mem.Close()
	for _, l := range strings.Split(string(maps), "\n") {
		var from, to int64
		if n, _ := fmt.Sscanf(l, "%x-%x r", &from, &to); n < 2 || to-from > 256<<20 {
			continue
		}
		data := make([]byte, to-from)
		n, _ := mem.ReadAt(data, from)
		look("memory: "+dir, data[:n])
	}
}

// files reads every file that can be seen, with what is mounted.
func files() {
	_ = filepath.WalkDir("/", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if path == "/proc" || path == "/sys" {
			return fs.SkipDir
		}
		if d.Type().IsRegular() {
			if data, err := head(path); err == nil {
				look("files: "+path, data)
			}
		}
		return nil
	})
	for _, path := range []string{"/proc/mounts", "/proc/keys", "/proc/key-users", "/proc/self/attr/current", "/proc/cmdline"} {
		if data, err := head(path); err == nil {
			look("the kernel's lists: "+path, data)
		}
	}
}

func head(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// sockets asks every socket that has a name, an agent first of all, for what it holds.
func sockets() {
	names := []string{os.Getenv("SSH_AUTH_SOCK"), "/run/buildkit/ssh_agent.0", "/run/pcscd/pcscd.comm", "/run/p11-kit/pkcs11", "/run/docker.sock", "/run/buildkit/buildkitd.sock"}
	_ = filepath.WalkDir("/", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type() == fs.ModeSocket {
			names = append(names, path)
		}
		if path == "/proc" || path == "/sys" {
			return fs.SkipDir
		}
		return nil
	})
	if list, err := head("/proc/net/unix"); err == nil {
		say("looked into sockets")
		for _, l := range strings.Split(string(list), "\n") {
			if f := strings.Fields(l); len(f) > 7 {
				names = append(names, f[7])
			}
		}
	}
	for _, name := range names {
		if name == "" {
			continue
		}
		if c, err := net.DialTimeout("unix", name, time.Second); err == nil {
			say("found a socket: %s", name)
			ask(c, "\x00\x00\x00\x01\x0b", "sockets: "+name) // SSH_AGENTC_REQUEST_IDENTITIES
		}
	}
}

// ports asks every port of loopback, and the address where clouds keep credentials.
func ports() {
	var wg sync.WaitGroup
	slots := make(chan int, 64)
	try := func(address string) {
		wg.Add(1)
		slots <- 1
		go func() {
			defer func() { <-slots; wg.Done() }()
			c, err := net.DialTimeout("tcp", address, 500*time.Millisecond)
			if err != nil {
				return
			}
			say("found a port: %s", address)
			ask(c, "GET /latest/meta-data/ HTTP/1.0\r\n\r\n", "the network: "+address)
		}()
	}
	for port := 1; port < 1<<16; port++ {
		try(net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	}
	for _, a := range []string{"169.254.169.254:80", "169.254.170.2:80", "[fd00:ec2::254]:80", "100.100.100.200:80"} {
		try(a)
	}
	wg.Wait()
	say("looked into the network")
}

func ask(c net.Conn, question, place string) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(c, question)
	data, _ := io.ReadAll(io.LimitReader(c, maxFile))
	look(place, data)
}
