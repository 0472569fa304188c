// Package folder makes the files of `--report DIR`, all from one report.Result: a page for people, and the formats that services read.
package folder

import (
	"bytes"
	"errors"

	"github.com/selfsame-build/selfsame/report"
	"github.com/selfsame-build/selfsame/report/ci"
	"github.com/selfsame-build/selfsame/report/page"
)

// The names of the files.
const (
	HTML  = "report.html"
	JSON  = "report.json"
	SARIF = "report.sarif"
	JUnit = "report.junit.xml"
)

// Names lists the files.
var Names = []string{HTML, JSON, SARIF, JUnit}

// Files is the content of every file, by name. It is a function of r alone.
func Files(r report.Result) (map[string][]byte, error) {
	var text bytes.Buffer
	errJSON := report.JSON(&text, r)
	html, errHTML := page.HTML(r)
	sarif, errSARIF := ci.SARIF(r)
	junit, errJUnit := ci.JUnit(r)
	if err := errors.Join(errJSON, errHTML, errSARIF, errJUnit); err != nil {
		return nil, err
	}
	return map[string][]byte{HTML: html, JSON: text.Bytes(), SARIF: sarif, JUnit: junit}, nil
}
