// Command genref writes the generated reference pages into a folder; `go generate` runs it.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/selfsame-build/selfsame/internal/refdoc"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: genref FOLDER")
		os.Exit(2) //nolint:forbidigo // this is a main
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "genref:", err)
		os.Exit(1) //nolint:forbidigo // this is a main
	}
}

func write(dir string) error {
	pages, err := refdoc.Pages()
	if err != nil {
		return err
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
