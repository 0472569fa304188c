// Command hostile is a RUN step that looks for a way out of its container, and for what it should not see. It writes a line for every
// try: a name, and "no" or what came back. It never fails.
//
//	hostile OUT HOST TCP UDP SOCKET ABSTRACT [free]
//
// With "free" it tries only what is harmless where nothing stands in its way. What it tries besides is made so that it would change nothing
// even then: a call with a wrong argument, which the kernel refuses for another reason to who may not make it at all.
//
// HOST is an address of the machine, TCP and UDP ports on which the test listens there and on loopback, SOCKET and ABSTRACT unix
// sockets of the test's.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const patience = 2 * time.Second

type try struct {
	name string
	do   func() (string, error)
}

func main() {
	out, host, tcp, udp, socket, abstract := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6]
	tries := []try{
		{"TCP to the machine", dial("tcp", net.JoinHostPort(host, tcp))},
		{"TCP to the machine's loopback", dial("tcp", "127.0.0.1:"+tcp)},
		{"TCP over IPv6", dial("tcp6", "[::1]:"+tcp)},
		{"UDP to the machine", send(net.JoinHostPort(host, udp))},
		{"UDP to the machine's loopback", send("127.0.0.1:" + udp)},
		{"a unix socket of the machine", dial("unix", socket)},
		{"an abstract socket of the machine", dial("unix", "@"+abstract)},
		{"TCP to the metadata address", dial("tcp", "169.254.169.254:80")},
		{"a name server", lookup},
		{"a raw socket", raw(host)},
		{"a virtual machine's host", vsock},
		{"a socket in our own files", sockets},
		{"a device of the machine", devices},
		{"the loading of a module", allowed(func() error { return unix.InitModule(nil, "") })},
		{"the setting of the clock", allowed(func() error {
			_, err := unix.Adjtimex(&unix.Timex{Modes: unix.ADJ_TICK, Tick: 1})
			return err
		})},
		{"a mount", allowed(func() error { return unix.Mount("none", "/", "no-such-filesystem", 0, "") })},
		{"the kernel's memory", kernelMemory},
		{"a key in the environment", key},
	}
	for _, m := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"} {
		tries = append(tries, try{m + " through the proxy", proxied(m, "http://"+net.JoinHostPort(host, tcp)+"/")})
	}
	for _, to := range []struct{ name, url string }{
		{"the machine", "http://" + net.JoinHostPort(host, tcp) + "/"},
		{"loopback", "http://127.0.0.1:" + tcp + "/"},
		{"IPv6", "http://[::1]:" + tcp + "/"},
		{"loopback mapped", "http://[::ffff:127.0.0.1]:" + tcp + "/"},
		{"the unspecified address", "http://0.0.0.0:" + tcp + "/"},
		{"localhost", "http://localhost:" + tcp + "/"},
		{"the metadata address", "http://169.254.169.254/latest/meta-data/"},
		{"a user's name", "http://me:secret@" + net.JoinHostPort(host, tcp) + "/"},
	} {
		tries = append(tries, try{"GET of " + to.name + " through the proxy", proxied("GET", to.url)})
	}
	tries = append(tries,
		try{"CONNECT through the proxy", connect(net.JoinHostPort(host, tcp))}, try{"CONNECT to loopback", connect("127.0.0.1:" + tcp)},
		try{"CONNECT to ssh's port", connect("example.com:22")})
	if len(os.Args) > 7 {
		tries = tries[:harmless]
	}
	f, err := os.Create(out)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	answers := make([]string, len(tries))
	done := make(chan int)
	for i, t := range tries {
		go func() {
			answers[i] = "no"
			if got, err := t.do(); err == nil {
				answers[i] = got
			}
			done <- i
		}()
	}
	for range tries {
		<-done
	}
	for i, t := range tries {
		fmt.Fprintf(f, "%s: %q\n", t.name, answers[i])
	}
}

// harmless is how many of the tries, from the first on, may be made anywhere: they reach this machine alone.
const harmless = 7

// allowed makes a call that cannot succeed: any refusal but for want of permission means that the real one would.
func allowed(call func() error) func() (string, error) {
	return func() (string, error) {
		if err := call(); err != unix.EPERM {
			return fmt.Sprintf("allowed (%v)", err), nil
		}
		return "", unix.EPERM
	}
}

// kernelMemory reads what a container's runtime covers with an empty file.
func kernelMemory() (string, error) {
	f, err := os.Open("/proc/kcore")
	if err != nil {
		return "", err
	}
	defer f.Close()
	_, err = f.Read(make([]byte, 1))
	return "read", err
}

func dial(network, to string) func() (string, error) {
	return func() (string, error) {
		c, err := net.DialTimeout(network, to, patience)
		if err != nil {
			return "", err
		}
		defer c.Close()
		_, err = io.WriteString(c, "GET /raw HTTP/1.0\r\n\r\n")
		return "connected", err
	}
}

// send cannot know whether anything arrived: the test listens. An answer would be a hole all the same.
func send(to string) func() (string, error) {
	return func() (string, error) {
		c, err := net.DialTimeout("udp", to, patience)
		if err != nil {
			return "", err
		}
		defer c.Close()
		if _, err := io.WriteString(c, "hostile"); err != nil {
			return "", err
		}
		_ = c.SetReadDeadline(time.Now().Add(patience))
		var b [16]byte
		n, err := c.Read(b[:])
		return "answered " + string(b[:n]), err
	}
}

func lookup() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	names, err := (&net.Resolver{PreferGo: true}).LookupHost(ctx, "example.com")
	return strings.Join(names, " "), err
}

// raw sends an echo request, and waits for the answer.
func raw(host string) func() (string, error) {
	return func() (string, error) {
		c, err := net.Dial("ip4:icmp", host)
		if err != nil {
			return "", err
		}
		defer c.Close()
		if _, err := c.Write([]byte{8, 0, 0xf7, 0xff, 0, 0, 0, 0}); err != nil {
			return "", err
		}
		_ = c.SetReadDeadline(time.Now().Add(patience))
		var b [64]byte
		_, err = c.Read(b[:])
		return "answered", err
	}
}

func vsock() (string, error) {
	fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	return "connected", unix.Connect(fd, &unix.SockaddrVM{CID: unix.VMADDR_CID_HOST, Port: 22})
}

// sockets looks for unix sockets among all files that the step can see.
func sockets() (string, error) {
	var found []string
	err := filepath.WalkDir("/", func(path string, d os.DirEntry, err error) error {
		if err != nil || path == "/proc" {
			if d != nil && d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if d.Type()&os.ModeSocket != 0 {
			found = append(found, path)
		}
		return nil
	})
	if err == nil && len(found) == 0 {
		return "", os.ErrNotExist
	}
	return strings.Join(found, " "), err
}

// devices opens what is no part of an ordinary container.
func devices() (string, error) {
	for _, name := range []string{"/dev/kvm", "/dev/mem", "/dev/vda", "/dev/sda", "/dev/loop0", "/dev/loop-control", "/dev/fuse", "/dev/net/tun"} {
		if opened(name) == nil {
			return name, nil
		}
	}
	if err := unix.Mknod("/made", unix.S_IFBLK|0o600, int(unix.Mkdev(7, 0))); err != nil {
		return "", err
	}
	defer os.Remove("/made")
	return "a made one", opened("/made")
}

func opened(name string) error {
	f, err := os.Open(name)
	if err == nil {
		f.Close()
	}
	return err
}

// key looks where a signing key or its password could be: this process's environment and that of all others that it sees.
func key() (string, error) {
	files, err := filepath.Glob("/proc/*/environ")
	if err != nil {
		return "", err
	}
	for _, name := range files {
		data, _ := os.ReadFile(name)
		for _, v := range strings.Split(string(data), "\x00") {
			if strings.HasPrefix(v, "SELFSAME_KEY") || strings.HasPrefix(v, "XDG_STATE_HOME") {
				return v, nil
			}
		}
	}
	return "", os.ErrNotExist
}

func proxy() (*url.URL, error) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY"} {
		if v := os.Getenv(name); v != "" {
			return url.Parse(v)
		}
	}
	return nil, os.ErrNotExist
}

// proxied is the body of a good answer.
func proxied(method, to string) func() (string, error) {
	return func() (string, error) {
		p, err := proxy()
		if err != nil {
			return "", err
		}
		c := http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(p)}, Timeout: 4 * patience}
		req, err := http.NewRequest(method, to, nil)
		if err != nil {
			return "", err
		}
		resp, err := c.Do(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if resp.StatusCode >= 300 {
			return "", fmt.Errorf("%d", resp.StatusCode)
		}
		return strconv.Itoa(resp.StatusCode) + " " + string(body), err
	}
}

// connect asks the proxy for a tunnel, and speaks something that is not TLS into it.
func connect(to string) func() (string, error) {
	return func() (string, error) {
		p, err := proxy()
		if err != nil {
			return "", err
		}
		c, err := net.DialTimeout("tcp", p.Host, patience)
		if err != nil {
			return "", err
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(4 * patience))
		fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", to, to)
		r := bufio.NewReader(c)
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return "", err
		}
		if resp.StatusCode != http.StatusOK {
			return "", fmt.Errorf("%d", resp.StatusCode)
		}
		// The proxy answers for the server until it knows more: only what comes back through the tunnel counts.
		fmt.Fprint(c, "GET /tunnelled HTTP/1.0\r\n\r\n")
		line, err := r.ReadString('\n')
		if strings.Contains(line, "arrived") || strings.HasPrefix(line, "HTTP/1.0 200") {
			return strings.TrimSpace(line), nil
		}
		return "", fmt.Errorf("%q: %w", line, err)
	}
}
