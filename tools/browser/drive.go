package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// seen is what is printed.
type seen struct {
	Values     []json.RawMessage `json:"values"`     // of each step; null but for eval
	Requests   []string          `json:"requests"`   // URLs
	Console    []string          `json:"console"`    // what the page or the browser said, exceptions too
	Violations []string          `json:"violations"` // of the page's Content-Security-Policy
	Dialogs    []string          `json:"dialogs"`    // alert and its kind
	mu         sync.Mutex
}

func (s *seen) listen(ctx context.Context) error {
	return chromedp.Listen(ctx, func(event any) {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			s.Requests = append(s.Requests, e.Request.URL)
		case *log.EventEntryAdded:
			s.Console = append(s.Console, string(e.Entry.Level)+": "+e.Entry.Text)
		case *runtime.EventConsoleAPICalled:
			s.Console = append(s.Console, fmt.Sprint(e.Type, ": ", len(e.Args), " values"))
		case *runtime.EventExceptionThrown:
			s.Console = append(s.Console, "exception: "+e.ExceptionDetails.Text)
		case *audits.EventIssueAdded:
			if d := e.Issue.Details.ContentSecurityPolicyIssueDetails; d != nil {
				s.Violations = append(s.Violations, fmt.Sprintf("%s %s", d.ViolatedDirective, d.BlockedURL))
			}
		case *page.EventJavascriptDialogOpening:
			s.Dialogs = append(s.Dialogs, e.Message)
			go func() { // a listener may not call
				_, _ = chromedp.Call(ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
			}()
		}
	})
}

func drive(ctx context.Context, steps []step) (*seen, error) {
	s := &seen{Values: []json.RawMessage{}, Requests: []string{}, Console: []string{}, Violations: []string{}, Dialogs: []string{}}
	if err := errors.Join(s.listen(ctx), call(ctx, network.Enable, network.EnableParams{}), call(ctx, log.Enable, cdp.Empty{}), call(ctx, audits.Enable, cdp.Empty{})); err != nil {
		return nil, fmt.Errorf("starting Chromium: %w", err)
	}
	for i, st := range steps {
		value, err := do(ctx, st)
		if err != nil {
			return nil, fmt.Errorf("step %d, %s %s: %w", i+1, st.Do, st.URL+st.On, err)
		}
		s.Values = append(s.Values, value)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s, nil
}

// call sends one command of the protocol and wants no answer.
func call[P, R any](ctx context.Context, cmd cdp.Command[P, R], params P) error {
	_, err := chromedp.Call(ctx, cmd, params)
	return err
}

func do(ctx context.Context, st step) (json.RawMessage, error) {
	null := json.RawMessage("null")
	switch st.Do {
	case "open":
		return null, open(ctx, st)
	case "click":
		return null, chromedp.Do(ctx, chromedp.Click(chromedp.CSS(st.On)))
	case "type":
		return null, chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS(st.On), st.Text))
	case "eval":
		out, err := chromedp.Run(ctx, chromedp.Evaluate[string]("JSON.stringify(("+st.Text+")) || 'null'"))
		return json.RawMessage(out), err
	case "shot":
		return null, shot(ctx, st)
	case "print":
		r, err := chromedp.Call(ctx, page.PrintToPDF, page.PrintToPDFParams{})
		if err != nil {
			return nil, err
		}
		return null, os.WriteFile(st.File, r.Data, 0o600)
	}
	return nil, errors.New("there is no such step")
}

// open sets the window's size and colours, and loads the page.
func open(ctx context.Context, st step) error {
	scheme := "light"
	if st.Dark {
		scheme = "dark"
	}
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	if err := errors.Join(size(ctx, st.Width, st.Height), call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}),
		call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: st.NoJS})); err != nil {
		return err
	}
	return chromedp.Do(ctx, chromedp.Navigate(st.URL), chromedp.Sleep(200*time.Millisecond)) // what a script of the page does late, it does by then
}

func size(ctx context.Context, width, height int64) error {
	return call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600})
}

// shot takes a picture of the window, or of the whole page where st has a width: the window is then made as high as the page.
func shot(ctx context.Context, st step) error {
	if st.Width > 0 {
		height, err := chromedp.Run(ctx, chromedp.Evaluate[int64]("document.documentElement.scrollHeight"))
		if err != nil {
			return err
		}
		if err := errors.Join(size(ctx, st.Width, min(height, maxHeight)), chromedp.Do(ctx, chromedp.Sleep(200*time.Millisecond))); err != nil {
			return err
		}
	}
	r, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{})
	if err != nil {
		return err
	}
	return os.WriteFile(st.File, r.Data, 0o600)
}

// maxHeight is what Chromium paints in one piece, in pixels.
const maxHeight = 16000
