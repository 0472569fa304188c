// Package page draws a report.Result as one HTML file: nothing is fetched, nothing of an image is run, and the same Result always
// gives the same bytes.
//
// Whatever comes out of an image is hostile. It is cut to a length (limits.go), what cannot be seen in it is spelled out
// (report.Visible), it is escaped for where it stands by html/template, and should all of that fail, the page's own
// Content-Security-Policy lets a browser run one script and use one style sheet only, by their hashes, and fetch nothing.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
	"sync"

	"github.com/selfsame-build/selfsame/report"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed parts.html
	partsHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
)

// policy is the page's Content-Security-Policy.
func policy() string {
	return fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", hash(pageCSS), hash(pageJS))
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// The policy stands in the template's text: html/template would take a hash's letters for something to escape.
// It is parsed when the first page is made: most commands make none.
var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Parse(strings.Replace(pageHTML, "POLICY", policy(), 1) + partsHTML))
})

// HTML is the page of r.
func HTML(r report.Result) ([]byte, error) {
	v := newView(r)
	//nolint:gosec // our own files, not text of an image
	v.CSS, v.JS = template.CSS(pageCSS), template.JS(pageJS)
	var buf bytes.Buffer
	if err := pageTemplate().Execute(&buf, v); err != nil {
		return nil, fmt.Errorf("drawing the report's page: %w", err)
	}
	return buf.Bytes(), nil
}
