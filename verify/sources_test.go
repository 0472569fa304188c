package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry"
	"github.com/selfsame-build/selfsame/registry/artifact"
	"github.com/selfsame-build/selfsame/registry/local"
	"github.com/selfsame-build/selfsame/signing"
	"github.com/selfsame-build/selfsame/trust"
)

// TestSameAnswer: a registry, a layout and a folder of files give one answer, good or bad, for the same bundles.
func TestSameAnswer(t *testing.T) {
	for name, change := range map[string]func(c *council){
		"good":    func(*council) {},
		"missing": func(c *council) { c.add(rebuilder("never", "")) },
		"a veto": func(c *council) {
			c.say("qa", time.Time{}, c.rebuilds("run-3", `"result":"match"`, `"result":"mismatch"`)[1])
		},
		"a waived veto": func(c *council) {
			s := c.rebuilds("run-3", `"result":"match"`, `"result":"mismatch"`)[1]
			c.say("qa", time.Time{}, s)
			c.say("head", time.Time{}, c.waive(s.Subject, digest.FromBytes(s.Payload), day(30)))
		},
		"changed": func(c *council) { c.signers[0].Keys = []trust.Key{c.other.Key()} },
		"junk":    func(c *council) { c.attach(c.build.Index, c.sign(c.other, c.statements()[1].Payload)) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCouncil(t)
			c.publish(nil)
			c.add(rebuilder("qa", ""))
			c.add(trust.Signer{Name: "head", Roles: []trust.Role{trust.Waiver}})
			c.rebuilt("qa", "run-2")
			change(c)
			o := c.options()
			o.Demand.Owners = 1
			if name == "missing" {
				o.Demand.Owners = 2
			}
			want := c.run(o)
			for _, src := range []artifact.Source{c.registry(), c.folder(false), c.folder(true)} {
				o.Source = src
				got := c.run(o)
				// Where it lies is the only difference: a folder of files has no manifests around its bundles.
				for _, r := range []*Result{&got, &want} {
					for i := range r.Evidence {
						r.Evidence[i].Referrer = ""
					}
				}
				less := func(a, b Evidence) bool { return a.Bundle+a.Subject < b.Bundle+b.Subject }
				if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Result{}, Check{}), cmpopts.IgnoreFields(Result{}, "Ignored"), cmpopts.SortSlices(less)); diff != "" {
					t.Errorf("%T (-layout +this):\n%s", src, diff)
				}
				if len(want.Ignored) != len(got.Ignored) {
					t.Errorf("%T: %d ignored, want %d", src, len(got.Ignored), len(want.Ignored))
				}
			}
		})
	}
}

// registry is a real registry on loopback with the world's image and everything attached to it.
func (c *council) registry() artifact.Source {
	c.t.Helper()
	handler, err := local.Handler(local.Options{Dir: c.t.TempDir(), PageSize: 3})
	if err != nil {
		c.t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	c.t.Cleanup(server.Close)
	base := server.URL + "/v2/team/shop/"
	for _, i := range c.build.Images {
		text := "config " + i.Platform
		c.request(http.MethodPost, base+"blobs/uploads/?digest="+digest.FromString(text).String(), "application/octet-stream", text)
	}
	for _, d := range append(c.manifests()[1:], c.manifests()[0]) {
		_, raw, err := c.store.Manifest(c.t.Context(), d.Digest)
		if err != nil {
			c.t.Fatal(err)
		}
		c.request(http.MethodPut, base+"manifests/"+d.Digest.String(), d.MediaType, string(raw))
	}
	repo, err := registry.New(registry.Options{}).Repository(strings.TrimPrefix(server.URL, "http://") + "/team/shop")
	if err != nil {
		c.t.Fatal(err)
	}
	for _, d := range c.manifests() {
		for _, bundle := range c.bundles(d.Digest) {
			if _, err := repo.Attach(c.t.Context(), d, artifact.Bundle(signing.BundleMediaType, bundle, "")); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	return repo
}

func (c *council) request(method, url, mediaType, body string) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", mediaType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		c.t.Fatalf("%s %s: %s", method, url, resp.Status)
	}
}

// manifests are the index and the platform manifests.
func (c *council) manifests() []artifact.Descriptor {
	out := []artifact.Descriptor{c.build.Index}
	for _, i := range c.build.Images {
		out = append(out, i.Manifest)
	}
	return out
}

func (c *council) bundles(d digest.Digest) [][]byte {
	c.t.Helper()
	l, err := c.store.Referrers(c.t.Context(), d, artifact.Budget{})
	if err != nil {
		c.t.Fatal(err)
	}
	var out [][]byte
	for _, r := range l.Referrers {
		raw, err := c.store.Blob(c.t.Context(), r.Layers[0], signing.MaxBundle)
		if err != nil {
			c.t.Fatal(err)
		}
		out = append(out, raw)
	}
	return out
}

// folder has the manifests and all bundles in files: one each, or all in one with a bundle a line.
func (c *council) folder(lines bool) artifact.Source {
	c.t.Helper()
	dir := c.t.TempDir()
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
	var all []string
	for i, d := range c.manifests() {
		_, raw, err := c.store.Manifest(c.t.Context(), d.Digest)
		if err != nil {
			c.t.Fatal(err)
		}
		write(fmt.Sprintf("manifest-%d", i), raw)
		for j, b := range c.bundles(d.Digest) {
			all = append(all, string(b))
			if !lines {
				write(fmt.Sprintf("%d-%d.sigstore.json", i, j), b)
			}
		}
	}
	if lines {
		write("attestations.jsonl", []byte("\n"+strings.Join(all, "\r\n\n")+"\n"))
	}
	f, err := OpenFolder(dir, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return f
}

func TestFolderLimits(t *testing.T) {
	if _, err := OpenFolder(filepath.Join(t.TempDir(), "gone"), nil); diag.ExitCode(err) != diag.ExitUndecided {
		t.Errorf("%v", err)
	}
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "huge.json"))
	if err == nil {
		err = errors.Join(f.Truncate(signing.MaxBundle+1), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFolder(dir, nil); diag.ExitCode(err) != diag.ExitUndecided || !strings.Contains(err.Error(), "huge.json") {
		t.Errorf("%v", err)
	}
	// A file that changes after the folder was opened is not read as something else.
	c := newCouncil(t)
	c.publish(nil)
	folder := c.folder(false).(*Folder)
	o := c.options()
	o.Source = folder
	c.must(o, VerdictVerified, "")
	names, err := filepath.Glob(filepath.Join(folder.dir, "0-*.json"))
	if err != nil || len(names) == 0 {
		t.Fatal(err)
	}
	if err := os.WriteFile(names[0], []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.must(o, VerdictUndecided, "could not be read")
}

// The payload in DSSE's other base64, and a bundle that says nothing of what it is about, are looked at all the same.
func TestFolderHidesNothing(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	c.add(trust.Signer{Name: "qa", Roles: []trust.Role{trust.Finding}})
	s := c.rebuilds("run-2", `"result":"match"`, `"result":"mismatch"`)[0]
	bundle := string(c.sign(c.keys["qa"], s.Payload))
	folder := c.folder(false).(*Folder)
	var shape struct {
		Envelope struct {
			Payload string `json:"payload"`
		} `json:"dsseEnvelope"`
	}
	if err := json.Unmarshal([]byte(bundle), &shape); err != nil {
		t.Fatal(err)
	}
	url := strings.NewReplacer("+", "-", "/", "_").Replace(shape.Envelope.Payload)
	for name, data := range map[string]string{"veto.json": strings.Replace(bundle, shape.Envelope.Payload, url, 1), "stray.json": strings.Replace(bundle, shape.Envelope.Payload, "e30=", 1)} {
		if err := os.WriteFile(filepath.Join(folder.dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again, err := OpenFolder(folder.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := c.options()
	o.Source = again
	res := c.must(o, VerdictNotReproduced, "differed")
	if len(res.Ignored) != 3 { // the stray one, for each manifest
		t.Errorf("%+v", res.Ignored)
	}
}

// flood adds n made-up referrers to the listing of the index, the i-th of them with the bytes that junk gives.
func flood(c *council, n int, junk func(i int) []byte) faulty {
	blobs := map[digest.Digest][]byte{}
	var extra []artifact.Referrer
	for i := range n {
		raw := junk(i)
		d := digest.FromBytes(raw)
		blobs[d] = raw
		layer := artifact.Descriptor{MediaType: signing.BundleMediaType, Digest: d, Size: int64(len(raw))}
		extra = append(extra, artifact.Referrer{
			Descriptor: artifact.Descriptor{Digest: digest.FromString(fmt.Sprint("manifest ", i)), Size: 500}, Layers: []artifact.Descriptor{layer},
			Annotations: map[string]string{artifact.AnnotationBundlePredicateType: []string{provenance.PredicateProvenance, provenance.PredicateRebuild, ""}[i%3]},
		})
	}
	f := faulty{Source: c.store}
	f.listing = func(l artifact.Listing) (artifact.Listing, error) {
		if len(l.Referrers) == 0 || l.Referrers[0].Subject.Digest != c.build.Index.Digest {
			return l, nil
		}
		for _, e := range extra {
			e.Subject.Digest = c.build.Index.Digest
			l.Referrers = append(l.Referrers, e)
		}
		return l, nil
	}
	f.blob = func(d artifact.Descriptor) ([]byte, error) {
		if raw, ok := blobs[d.Digest]; ok {
			return raw, nil
		}
		return c.store.Blob(context.Background(), d, d.Size)
	}
	return f
}

// N15: ten thousand attached by somebody else do not keep the good ones from counting, nor a veto from being seen.
func TestN15TenThousandJunk(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	c.add(rebuilder("qa", ""))
	stranger := string(c.sign(c.other, c.statements()[1].Payload))
	o := c.options()
	junk := func(i int) []byte {
		if i%2 == 0 {
			return fmt.Appendf(nil, `{"mediaType":%q,"junk":%d}`, signing.BundleMediaType, i)
		}
		return []byte(stranger + strings.Repeat(" ", i)) // somebody else's good signature
	}
	o.Source = flood(c, 10_000, junk)
	start := time.Now()
	res := c.must(o, VerdictVerified, "")
	t.Logf("%d ignored in %s", len(res.Ignored), time.Since(start))
	if len(res.Ignored) != 10_000 || res.NotRead != 0 {
		t.Errorf("%d ignored, %d not read", len(res.Ignored), res.NotRead)
	}
	c.say("qa", time.Time{}, c.rebuilds("run-2", `"result":"match"`, `"result":"mismatch"`)[0])
	o.Source = flood(c, 1000, junk)
	c.must(o, VerdictNotReproduced, "differed")
}

// Junk that is smaller than the good ones in every kind cannot use a budget up that the good ones fit into as well; junk that is
// larger is what stays unread. Either way, where something stays unread the answer is that nothing is decided: it could be a veto.
func TestN15UnreadIsUndecided(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	large := strings.Repeat("x", 100_000)
	o := c.options()
	o.Budget.Bytes = 1 << 20
	o.Source = flood(c, 30, func(i int) []byte { return fmt.Append(nil, i, large) })
	res := c.must(o, VerdictUndecided, "could speak against the image")
	if res.NotRead == 0 {
		t.Error("everything was read")
	}
	for _, s := range res.Subjects { // and all that is good was found nevertheless
		for _, check := range s.Checks {
			if check.Name != "completeness" && check.Status == StatusFail {
				t.Errorf("%s: %+v", s.Label, check)
			}
		}
	}
	// A veto that was read stands, whatever else was not.
	c.add(rebuilder("qa", ""))
	c.say("qa", time.Time{}, c.rebuilds("run-2", `"result":"match"`, `"result":"mismatch"`)[0])
	withVeto := c.options()
	withVeto.Budget, withVeto.Source = o.Budget, o.Source
	c.must(withVeto, VerdictNotReproduced, "differed")
}

// A flood of one kind does not come before the first of another.
func TestFairBetweenKinds(t *testing.T) {
	var all []artifact.Referrer
	add := func(kind string, size int64) {
		d := artifact.Descriptor{Digest: digest.FromString(fmt.Sprint(kind, size)), Size: size}
		all = append(all, artifact.Referrer{Descriptor: d, Layers: []artifact.Descriptor{d}, Annotations: map[string]string{artifact.AnnotationBundlePredicateType: kind}})
	}
	for i := range 1000 {
		add(provenance.PredicateRebuild, int64(i))
	}
	add(provenance.PredicateProvenance, 1<<20)
	add(provenance.PredicateVSA, 1<<20)
	for i := range 1000 {
		add(fmt.Sprint("https://x.example/", i), int64(i))
	}
	seen := map[string]int{}
	for at, r := range fair(all) {
		k := r.Annotations[artifact.AnnotationBundlePredicateType]
		if _, ok := seen[k]; !ok {
			seen[k] = at
		}
	}
	if at := max(seen[provenance.PredicateProvenance], seen[provenance.PredicateVSA], seen[provenance.PredicateRebuild]); at > 3 || len(fair(all)) != len(all) {
		t.Errorf("the last kind comes at %d of %d", at, len(fair(all)))
	}
}

// A source that is too slow uses the budget of time up; that is a denial with a reason, and not an interruption.
func TestN15BudgetOfTime(t *testing.T) {
	c := newCouncil(t)
	c.publish(nil)
	o := c.options()
	o.Budget.Time = 50 * time.Millisecond
	o.Source = faulty{Source: c.store, blob: func(artifact.Descriptor) ([]byte, error) {
		time.Sleep(80 * time.Millisecond)
		return nil, errors.New("too late")
	}}
	_, err := Run(t.Context(), o)
	if diag.ExitCode(err) != diag.ExitUndecided || !strings.Contains(err.Error(), "longer than 50ms") {
		t.Errorf("%v (exit %d)", err, diag.ExitCode(err))
	}
}
