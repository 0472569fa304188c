// Command browser drives headless Chromium for tests of pages. It reads a list of steps as JSON on stdin, does them in one tab, and
// prints what it saw as JSON: each step's value, every request, what the page said on its console, and every violation of its policy.
//
// It is a program of its own so that the library behind it stays out of selfsame's module.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/chromedp/chromedp"
)

// step is one thing to do. Do is open, click, type, eval, shot or print.
type step struct {
	Do     string `json:"do"`
	URL    string `json:"url"`
	On     string `json:"on"`   // a CSS selector
	Text   string `json:"text"` // to type, or the script to evaluate
	File   string `json:"file"` // of a screenshot, or the page as PDF
	Width  int64  `json:"width"`
	Height int64  `json:"height"`
	Dark   bool   `json:"dark"`
	NoJS   bool   `json:"noJS"`
}

// timeout bounds everything: a page that hangs must not hang a test.
const timeout = 4 * time.Minute

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		os.Exit(1)
	}
}

func run() error {
	var steps []step
	if err := json.NewDecoder(os.Stdin).Decode(&steps); err != nil {
		return fmt.Errorf("reading the steps: %w", err)
	}
	binary, err := exec.LookPath("chromium")
	if err != nil {
		return err
	}
	profile, err := os.MkdirTemp("", "browser-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(profile)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(binary), chromedp.UserDataDir(profile),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("no-sandbox", os.Geteuid() == 0)) // its sandbox does not work for root
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	defer stop()
	ctx, closeTab := chromedp.NewContext(ctx)
	defer closeTab()
	saw, err := drive(ctx, steps)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(saw)
}
