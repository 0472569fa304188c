// Command gosubject prints what a static Go program sees of the clock and of the kernel's name.
package main

import (
	"fmt"
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
}
