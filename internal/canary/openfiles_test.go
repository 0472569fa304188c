package canary

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestOpenFiles runs this test's own program with another soft limit, which Go has raised by the time it looks.
func TestOpenFiles(t *testing.T) {
	const mark = "SELFSAME_TEST_LIMIT"
	if os.Getenv(mark) != "" {
		var raised syscall.Rlimit
		err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &raised)
		fmt.Println(raised.Cur > 123, err, "limit", openFiles())
		return
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `ulimit -S -n 123 && exec "$0" -test.run '^TestOpenFiles$'`, os.Args[0])
	cmd.Env = append(os.Environ(), mark+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.HasPrefix(string(out), "true <nil> limit 123\n") {
		t.Errorf("%s: want the limit that the program was started with, and not the one that Go has raised", out)
	}
}
