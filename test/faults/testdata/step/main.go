// Command step is what RUN steps of the fault tests run in an empty image.
//
//	step wait FILE TOKEN       sleeps as many seconds as FILE says, and says so
//	step fill FILE MEGABYTES   writes a file, and fails with the kernel's words if there is no room
//	step renew DIR             makes a folder anew, with a file of user 1234 in it, and the names in /sys
//	step either URL URL        asks for one of them, by what the builder is, and keeps nothing of it
//	step many URL N FILE       fetches URL/0 to URL/N-1, sixteen at a time, and writes down their digest; fails if one fails
//	step environment FILE      writes the environment down, but for what tells the builders apart
//	step get [URL FILE]...     writes the status and body of each response to its file, and never fails
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	switch os.Args[1] {
	case "wait":
		text, err := os.ReadFile(os.Args[2])
		if err != nil {
			panic(err)
		}
		seconds, err := strconv.Atoi(string(text))
		if err != nil {
			panic(err)
		}
		fmt.Println("sleeping", os.Args[3])
		time.Sleep(time.Duration(seconds) * time.Second)
	case "fill":
		fill(os.Args[2], os.Args[3])
	case "renew":
		renew(os.Args[2])
	case "either":
		url := os.Args[2]
		if os.Getenv("SELFSAME_CANARY") != "a-here" {
			url = os.Args[3]
		}
		get(url, "/dev/null")
	case "environment":
		vars := slices.DeleteFunc(os.Environ(), planted)
		slices.Sort(vars)
		if err := os.WriteFile(os.Args[2], []byte(strings.Join(vars, "\n")+"\n"), 0o644); err != nil {
			panic(err)
		}
	case "many":
		n, err := strconv.Atoi(os.Args[3])
		if err != nil {
			panic(err)
		}
		many(os.Args[2], n, os.Args[4])
	case "get":
		for args := os.Args[2:]; len(args) > 1; args = args[2:] {
			get(args[0], args[1])
		}
	}
}

// planted says whether a variable is one by which builder B is unlike A, with B's own value: another one came from elsewhere.
func planted(v string) bool {
	return strings.HasPrefix(v, "SELFSAME_CANARY=") || strings.HasPrefix(v, "GLIBC_TUNABLES=glibc.cpu.hwcaps=") || v == "TZ=ELSEW-14" || v == "LANG=C.UTF-8"
}

func fill(name, megabytes string) {
	n, err := strconv.Atoi(megabytes)
	if err != nil {
		panic(err)
	}
	f, err := os.Create(name)
	if err != nil {
		panic(err)
	}
	for block := make([]byte, 1<<20); n > 0; n-- {
		if _, err := f.Write(block); err != nil {
			fmt.Fprintln(os.Stderr, "step:", err)
			os.Exit(1)
		}
	}
}

// renew does what takes more than a file's own owner: deleting what a lower layer has, and giving files to others.
func renew(dir string) {
	err := os.RemoveAll(dir)
	if err == nil {
		err = os.Mkdir(dir, 0o2775)
	}
	if err == nil {
		err = os.WriteFile(dir+"/new", []byte("new\n"), 0o644)
	}
	if err == nil {
		err = os.Chown(dir+"/new", 1234, 5678)
	}
	var names string
	if err == nil {
		var entries []os.DirEntry
		entries, err = os.ReadDir("/sys")
		for _, e := range entries {
			names += e.Name() + "\n"
		}
	}
	if err == nil {
		err = os.WriteFile(dir+"/sys", []byte(names), 0o644)
	}
	if err != nil {
		panic(err)
	}
}

// client asks by the proxy. Not http.ProxyFromEnvironment: that goes around the proxy for addresses of this machine.
func client() *http.Client {
	proxy, err := url.Parse(os.Getenv("HTTP_PROXY"))
	if err != nil {
		panic(err)
	}
	return &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy), MaxIdleConnsPerHost: 16}}
}

func many(from string, n int, to string) {
	client, bodies := client(), make([][]byte, n)
	var wg sync.WaitGroup
	next := make(chan int)
	for range 16 {
		wg.Go(func() {
			for i := range next {
				resp, err := client.Get(from + "/" + strconv.Itoa(i))
				if err != nil {
					panic(err)
				}
				bodies[i], err = io.ReadAll(resp.Body)
				if err != nil || resp.StatusCode != http.StatusOK {
					panic(fmt.Sprint(i, resp.Status, err))
				}
				resp.Body.Close()
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	sum := sha256.Sum256(bytes.Join(bodies, nil))
	if err := os.WriteFile(to, []byte(hex.EncodeToString(sum[:])+"\n"), 0o644); err != nil {
		panic(err)
	}
}

func get(from, to string) {
	text, client := "no answer\n", client()
	if resp, err := client.Get(from); err == nil {
		body, _ := io.ReadAll(resp.Body)
		text = fmt.Sprintf("%d %s", resp.StatusCode, body)
	}
	if err := os.WriteFile(to, []byte(text), 0o644); err != nil {
		panic(err)
	}
}
