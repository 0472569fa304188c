package lock_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/recipes/lock"
)

func deb(step, version string) lock.Entry {
	e := response(step, "http://debian.invalid/debian/pool/main/c/curl/curl_"+version+"_amd64.deb", "curl"+version)
	e.PURL = "pkg:deb/debian/curl@" + version + "?arch=amd64"
	return e
}

func text(t *testing.T, p lock.Plan) string {
	t.Helper()
	var b strings.Builder
	if err := p.Text(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func image(body string) lock.Entry {
	return lock.Entry{Kind: lock.KindImage, Platform: "linux/amd64", Key: "debian:12", Digest: sha(body)}
}

func TestPlanText(t *testing.T) {
	before := &lock.Lock{Header: lock.Header{Recipe: sha("a")}, Entries: []lock.Entry{
		image("old"), deb("Dockerfile:3", "7.88.1-10"), deb("Dockerfile:9", "7.88.1-10"),
		response("Dockerfile:3", "https://example.com/gone", "x"), response("Dockerfile:3", "https://example.com/same", "x"),
	}}
	gone404 := response("Dockerfile:3", "https://example.com/same", "x")
	gone404.Status = 404
	after := &lock.Lock{Header: lock.Header{Recipe: sha("b")}, Entries: []lock.Entry{
		image("new"), deb("Dockerfile:3", "7.88.1-11"), deb("Dockerfile:9", "7.88.1-11"),
		response("Dockerfile:3", "https://example.com/new\x1b[31m", "y"), gone404,
	}}
	short := func(s string) string { return sha(s).String()[:len("sha256:")+12] }
	want := strings.Join([]string{
		"~ recipe  " + short("a") + " -> " + short("b"),
		"~ image debian:12  " + short("old") + " -> " + short("new"),
		"~ response curl  7.88.1-10 -> 7.88.1-11",
		"~ response https://example.com/same  status 200 -> status 404",
		"+ response https://example.com/new%1B[31m  " + short("y"),
		"- response https://example.com/gone  " + short("x"),
		"",
	}, "\n")
	p := lock.Diff(before, after)
	if d := cmp.Diff(want, text(t, p)); d != "" {
		t.Error(d)
	}
	if p.Empty() || !lock.Diff(after, after).Empty() || text(t, lock.Diff(after, after)) != "" {
		t.Error("a plan is empty exactly when nothing changes")
	}
}

func TestPlanSummarisesLongGroups(t *testing.T) {
	after := &lock.Lock{}
	for i := range 25 {
		after.Entries = append(after.Entries, response("s", fmt.Sprintf("https://example.com/%02d", i), "x"))
	}
	p := lock.Diff(nil, after)
	got := text(t, p)
	if n := strings.Count(got, "\n"); n != 1+lock.DefaultLimit {
		t.Errorf("%d lines:\n%s", n, got)
	}
	if !strings.HasSuffix(got, "  and 5 more of kind response: 5 added\n") {
		t.Errorf("no summary:\n%s", got)
	}
	p.Limit = -1
	if n := strings.Count(text(t, p), "+ response"); n != 25 {
		t.Errorf("%d lines without a limit; want 25", n)
	}
}
