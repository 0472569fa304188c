package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// find finds a program in dir, or in PATH. Diagnostic: A0704.
func find(dir, name string) (string, error) {
	beside := filepath.Join(dir, name)
	if st, err := os.Stat(beside); err == nil && st.Mode().IsRegular() {
		return beside, nil
	}
	for _, d := range []string{"", "/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if p, err := exec.LookPath(filepath.Join(d, name)); err == nil {
			return filepath.Abs(p)
		}
	}
	help := "run `make build`"
	if name == "runc" {
		help = "run `apt-get install runc`"
	}
	if arch, ok := strings.CutPrefix(name, "selfsame-canary-"); ok {
		help = "run `make build CANARIES=" + arch + "`"
	}
	return "", diag.Errorf("A0704", "`%s` is not installed", name).WithWhy("looked beside selfsame and in PATH").WithHelp(help)
}
