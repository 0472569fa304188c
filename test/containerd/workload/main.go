// Command workload is what runs in the containers of tests, and as the init of their pods: it prints its arguments and waits until it
// is told to end.
package main

import (
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	_, _ = os.Stdout.WriteString(strings.Join(os.Args[1:], " ") + "\n")
	<-end
}
