package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/chromedp/cdproto/audits"
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

func (s *seen) listen(ctx context.Context) {
	chromedp.ListenTarget(ctx, func(event any) {
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
			s.Console = append(s.Console, "exception: "+e.ExceptionDetails.Error())
		case *audits.EventIssueAdded:
			if d := e.Issue.Details.ContentSecurityPolicyIssueDetails; d != nil {
				s.Violations = append(s.Violations, fmt.Sprintf("%s %s", d.ViolatedDirective, d.BlockedURL))
			}
		case *page.EventJavascriptDialogOpening:
			s.Dialogs = append(s.Dialogs, e.Message)
			go func() { _ = chromedp.Run(ctx, page.HandleJavaScriptDialog(true)) }() // not from within the listener
		}
	})
}

func drive(ctx context.Context, steps []step) (*seen, error) {
	s := &seen{Values: []json.RawMessage{}, Requests: []string{}, Console: []string{}, Violations: []string{}, Dialogs: []string{}}
	s.listen(ctx)
	if err := chromedp.Run(ctx, network.Enable(), log.Enable(), audits.Enable()); err != nil {
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

func do(ctx context.Context, st step) (json.RawMessage, error) {
	null := json.RawMessage("null")
	switch st.Do {
	case "open":
		return null, open(ctx, st)
	case "click":
		return null, chromedp.Run(ctx, chromedp.Click(st.On, chromedp.ByQuery))
	case "type":
		return null, chromedp.Run(ctx, chromedp.SendKeys(st.On, st.Text, chromedp.ByQuery))
	case "eval":
		var out json.RawMessage
		err := chromedp.Run(ctx, chromedp.Evaluate(st.Text, &out, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithReturnByValue(true) }))
		if len(out) == 0 {
			out = null
		}
		return out, err
	case "shot":
		return null, save(ctx, st, func(ctx context.Context) ([]byte, error) {
			return page.CaptureScreenshot().WithCaptureBeyondViewport(st.On != "view").Do(ctx)
		})
	case "print":
		return null, save(ctx, st, func(ctx context.Context) ([]byte, error) {
			pdf, _, err := page.PrintToPDF().Do(ctx)
			return pdf, err
		})
	}
	return nil, fmt.Errorf("there is no such step")
}

// open sets the window's size and colours, and loads the page.
func open(ctx context.Context, st step) error {
	scheme := "light"
	if st.Dark {
		scheme = "dark"
	}
	return chromedp.Run(ctx,
		emulation.SetDeviceMetricsOverride(st.Width, st.Height, 1, st.Width < 600),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}),
		emulation.SetScriptExecutionDisabled(st.NoJS),
		chromedp.Navigate(st.URL), chromedp.Sleep(200*time.Millisecond)) // what a script of the page does late, it does by then
}

func save(ctx context.Context, st step, make func(context.Context) ([]byte, error)) error {
	var data []byte
	err := chromedp.Run(ctx, chromedp.ActionFunc(func(ctx context.Context) (err error) { data, err = make(ctx); return err }))
	if err != nil {
		return err
	}
	return os.WriteFile(st.File, data, 0o600)
}
