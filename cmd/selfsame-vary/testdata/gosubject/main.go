// Command gosubject prints what a static Go program sees of the clock, of the kernel's name, and in the files given: their first
// lines, and whether it could write to them.
package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

func main() {
	fmt.Println("realtime", time.Now().Unix())
	timer := time.NewTimer(50 * time.Millisecond)
	<-timer.C
	var u syscall.Utsname
	if err := syscall.Uname(&u); err != nil {
		panic(err)
	}
	release := ""
	for _, c := range u.Release {
		if c != 0 {
			release += string(rune(c))
		}
	}
	fmt.Println("release", release)
	for _, path := range os.Args[1:] {
		text, err := os.ReadFile(path)
		if err != nil {
			text = []byte("unreadable")
		}
		first, _, _ := strings.Cut(string(text), "\n")
		if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
			first += " (writable)"
			_ = f.Close()
		}
		fmt.Printf("%s: %s\n", path, first)
	}
}
