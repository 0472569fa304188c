package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/selfsame-build/selfsame/inputs"
	"github.com/selfsame-build/selfsame/inputs/debian/archive"
	"github.com/selfsame-build/selfsame/inputs/debian/solve"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes/lock"
)

const here = "http://mirror.test/debian"

func TestResolve(t *testing.T) {
	f, store := newFake(t, here), newStore(t)
	o := options(t, f, "curl")
	var told []string
	o.OnFetch = func(name string, done, total int) { told = append(told, fmt.Sprintf("%d/%d", done, total)) }
	base, entries, err := Resolve(t.Context(), f, store, o)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range base.Packages {
		names = append(names, p.Name+" "+p.Version+" "+p.Codename+" "+p.Why)
	}
	want := []string{
		"apt 3.0 trixie always", "base-files 13 trixie essential", "ca-certificates 1 trixie always",
		"curl 8.1+deb13u1 trixie-security requested", "libc6 2.40 trixie curl", "mawk 1 trixie apt",
	}
	if d := cmp.Diff(want, names); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"1/6", "2/6", "3/6", "4/6", "5/6", "6/6"}, told); d != "" {
		t.Error(d)
	}
	var curl lock.Entry
	for _, e := range entries {
		if !store.Has(e.Digest) {
			t.Errorf("%s is not in the store", e.Key)
		}
		if e.Platform != "linux/amd64" || e.Step != "base" || !strings.HasPrefix(e.Key, "http://debian.invalid/debian") {
			t.Errorf("entry %+v", e)
		}
		if strings.Contains(e.Key, "curl") {
			curl = e
		}
	}
	if curl.Key != "http://debian.invalid/debian-security/pool/main/curl_8.1+deb13u1_amd64.deb" || curl.PURL != "pkg:deb/debian/curl@8.1%2Bdeb13u1?arch=amd64&distro=trixie" {
		t.Errorf("curl's line is %+v", curl)
	}
	if l := lock.Kinds(); len(entries) != 6+3+3 || !slices.Contains(l, entries[0].Kind) {
		t.Errorf("%d entries", len(entries))
	}
	if err := Verify(t.Context(), store, o.Keyring, "amd64", entries); err != nil {
		t.Error(err)
	}
	// Another mirror, another order of answers: the same lock.
	other := newFake(t, "https://other.test/x/debian")
	for k, v := range f.files { // the very same bytes, signatures included
		other.files[strings.Replace(k, "http://mirror.test/", "https://other.test/x/", 1)] = v
	}
	o.Mirrors, o.OnFetch = Mirrors{Main: other.main}, nil
	_, again, err := Resolve(t.Context(), other, newStore(t), o)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(entries, again); d != "" {
		t.Errorf("the lock depends on the mirror: %s", d)
	}
	// With everything in the store, only InReleases are asked for.
	f.asked = nil
	o.Mirrors = Mirrors{Main: f.main}
	if _, _, err := Resolve(t.Context(), f, store, o); err != nil || len(f.asked) != 3 {
		t.Errorf("asked again for %v, %v", f.asked, err)
	}
}

func status(code int) func(string, []byte) (io.ReadCloser, int64, error) {
	return func(url string, _ []byte) (io.ReadCloser, int64, error) { return nil, 0, &StatusError{url, code} }
}

func half(_ string, body []byte) (io.ReadCloser, int64, error) {
	r := io.MultiReader(bytes.NewReader(body[:len(body)/2]), errReader{errors.New("connection reset")})
	return io.NopCloser(r), int64(len(body)), nil
}

func short(_ string, body []byte) (io.ReadCloser, int64, error) {
	return io.NopCloser(bytes.NewReader(body[:len(body)/2])), -1, nil
}

func garbled(_ string, body []byte) (io.ReadCloser, int64, error) {
	b := bytes.Clone(body)
	b[len(b)/2] ^= 1
	return io.NopCloser(bytes.NewReader(b)), int64(len(b)), nil
}

func longer(_ string, body []byte) (io.ReadCloser, int64, error) {
	return io.NopCloser(io.MultiReader(bytes.NewReader(body), strings.NewReader("more"))), -1, nil
}

func noName(string, []byte) (io.ReadCloser, int64, error) {
	return nil, 0, &net.DNSError{Err: "server misbehaving", Name: "mirror.test", IsTemporary: true}
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

// TestFaults: what the network, the mirror or an attacker may do, and what is said about it. An empty code: it is overcome.
func TestFaults(t *testing.T) {
	stranger := newKey(t)
	release, index, libc := "/trixie/InRelease", "", "libc6_2.40_amd64.deb"
	previous := func(date string) []lock.Entry {
		return []lock.Entry{{Kind: lock.KindRelease, Key: "http://debian.invalid/debian/dists/trixie/InRelease", Evidence: "key:AB;date:" + date}}
	}
	tests := map[string]struct {
		change func(f *fake, o *Options)
		code   diag.Code
		text   string
	}{
		"name server drops queries":  {func(f *fake, _ *Options) { f.breaks("", 5, noName) }, "", ""},
		"name server is gone":        {func(f *fake, _ *Options) { f.breaks("", 1000, noName) }, "A0711", "server misbehaving"},
		"mirror is busy":             {func(f *fake, _ *Options) { f.breaks(libc, 3, status(503)) }, "", ""},
		"mirror stays busy":          {func(f *fake, _ *Options) { f.breaks(libc, 1000, status(503)) }, "A0711", "status 503"},
		"package is gone":            {func(f *fake, _ *Options) { f.breaks(libc, 1000, status(404)) }, "A0711", "status 404"},
		"mirror dies half way":       {func(f *fake, _ *Options) { f.breaks(libc, 3, half) }, "", ""},
		"mirror dies for good":       {func(f *fake, _ *Options) { f.breaks(libc, 1000, half) }, "A0711", "connection reset"},
		"body cut without notice":    {func(f *fake, _ *Options) { f.breaks(libc, 2, short) }, "", ""},
		"package garbled once":       {func(f *fake, _ *Options) { f.breaks(libc, 1, garbled) }, "", ""},
		"package garbled":            {func(f *fake, _ *Options) { f.breaks(libc, 1000, garbled) }, "A0715", "other bytes"},
		"package too long":           {func(f *fake, _ *Options) { f.breaks(libc, 1000, longer) }, "A0715", "libc6"},
		"index garbled":              {func(f *fake, _ *Options) { f.breaks(index, 1000, onlyIndex(garbled)) }, "A0715", "other bytes"},
		"index not by hash":          {func(f *fake, _ *Options) { deleteByHash(f) }, "", ""},
		"InRelease garbled":          {func(f *fake, _ *Options) { f.breaks(release, 1000, garbled) }, "A0712", ""},
		"InRelease cut":              {func(f *fake, _ *Options) { f.breaks(release, 1000, short) }, "A0712", "cut off"},
		"InRelease of a stranger":    {func(f *fake, _ *Options) { f.resign("", "", stranger) }, "A0712", "trusted key"},
		"no keys":                    {func(_ *fake, o *Options) { o.Keyring = archive.Keyring{} }, "A0712", "trusted key"},
		"the real keys":              {func(_ *fake, o *Options) { o.Keyring = archive.DebianKeyring() }, "A0712", "trusted key"},
		"InRelease has expired":      {func(_ *fake, o *Options) { o.Now = now.AddDate(0, 0, 9) }, "A0713", "valid until 2026-01-10"},
		"InRelease is of tomorrow":   {func(f *fake, _ *Options) { f.resign("Thu, 01 Jan", "Sat, 03 Jan", f.key) }, "A0713", "yet to come"},
		"InRelease of another suite": {func(f *fake, _ *Options) { f.resign("Codename: trixie", "Codename: forky", f.key) }, "A0719", "`forky`"},
		"suite is not there":         {func(_ *fake, o *Options) { o.Spec.Suite = "sarge" }, "A0719", "no suite `sarge`"},
		"suite is a path":            {func(_ *fake, o *Options) { o.Spec.Suite = "../x" }, "A0719", "no suite"},
		"security is not there":      {func(f *fake, _ *Options) { f.breaks("trixie-security/InRelease", 9, status(404)) }, "A0719", "trixie-security"},
		"older than locked":          {func(_ *fake, o *Options) { o.Previous = previous("2026-01-01T00:00:01Z") }, "A0714", "2026-01-01T00:00:00Z"},
		"as old as locked":           {func(_ *fake, o *Options) { o.Previous = previous("2026-01-01T00:00:00Z") }, "", ""},
		"malformed Release":          {func(f *fake, _ *Options) { f.resign("main/binary-amd64/Packages.gz", "x", f.key) }, "A0718", "amd64"},
		"unknown package":            {func(_ *fake, o *Options) { o.Spec.Packages = []string{"crul"} }, "A0716", "`crul`"},
		"virtual package":            {func(_ *fake, o *Options) { o.Spec.Packages = []string{"awk"} }, "A0716", "`awk`"},
		"conflict":                   {func(_ *fake, o *Options) { o.Spec.Packages = []string{"curl", "foe"} }, "A0717", "trixie"},
		"no mirror":                  {func(_ *fake, o *Options) { o.Mirrors = Mirrors{} }, "A0710", ""},
		"the recipe's mirror":        {func(_ *fake, o *Options) { o.Mirrors, o.Spec.Mirror = Mirrors{}, here }, "", ""},
		"mirror with a password":     {func(_ *fake, o *Options) { o.Mirrors.Main = "http://me:secret@mirror.test/debian" }, "A0720", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f, store := newFake(t, here), newStore(t)
			o := options(t, f)
			tt.change(f, &o)
			_, entries, err := Resolve(t.Context(), f, store, o)
			if tt.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				if err := Verify(t.Context(), store, o.Keyring, "amd64", entries); err != nil {
					t.Error(err)
				}
				return
			}
			var d *diag.Diagnostic
			if !errors.As(err, &d) || d.Code != tt.code || !strings.Contains(err.Error(), tt.text) {
				t.Fatalf("got %v (%+v), want %s with %q", err, d, tt.code, tt.text)
			}
			asked := 0
			for _, url := range f.asked {
				if strings.HasSuffix(url, libc) {
					asked++
				}
			}
			if d.Code == "A0715" && asked > 2 {
				t.Errorf("asked %d times for a package that is wrong", asked)
			}
			if _, ok := diag.Lookup(d.Code); !ok {
				t.Errorf("%s has no page", d.Code)
			}
		})
	}
}

// onlyIndex spares what is no index.
func onlyIndex(how func(string, []byte) (io.ReadCloser, int64, error)) func(string, []byte) (io.ReadCloser, int64, error) {
	return func(url string, body []byte) (io.ReadCloser, int64, error) {
		if strings.Contains(url, "binary-amd64") {
			return how(url, body)
		}
		return io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	}
}

func deleteByHash(f *fake) {
	for url := range f.files {
		if strings.Contains(url, "by-hash") {
			delete(f.files, url)
		}
	}
}

func TestUnknownPackageIsNamed(t *testing.T) {
	f := newFake(t, here)
	_, _, err := Resolve(t.Context(), f, newStore(t), options(t, f, "crul"))
	var u *solve.UnknownPackageError
	if !errors.As(err, &u) || u.Name != "crul" || !slices.Contains(u.Similar, "curl") {
		t.Errorf("got %v", err)
	}
}

// TestBackOff: pauses grow, differ between URLs, and end when the caller does.
func TestBackOff(t *testing.T) {
	pauses := func(url string) (l []time.Duration) {
		f := fetcher{wait: func(_ context.Context, d time.Duration) error { l = append(l, d); return nil }}
		f.Fetcher = fetchFunc(func() error { return errors.New("no route") })
		_ = f.get(t.Context(), download{url: url, size: -1, limit: 1}, func(io.Reader) error { return nil })
		return l
	}
	a, b := pauses("http://a"), pauses("http://b")
	if len(a) != tries-1 || slices.Equal(a, b) || !slices.Equal(a, pauses("http://a")) {
		t.Errorf("pauses %v and %v", a, b)
	}
	for i, d := range a {
		if low := 250 * time.Millisecond << i; d < low || d > low*3/2 {
			t.Errorf("pause %d is %v", i, d)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	f := fetcher{Fetcher: fetchFunc(func() error { cancel(); return errors.New("no route") })}
	if err := f.get(ctx, download{url: "http://a", size: -1}, nil); err == nil {
		t.Error("went on after the end")
	}
}

type fetchFunc func() error

func (f fetchFunc) Get(context.Context, string) (io.ReadCloser, int64, error) { return nil, 0, f() }

// fullStore has no space left.
type fullStore struct{ *inputs.Store }

func (fullStore) Put(_ context.Context, r io.Reader, _ int64) (inputs.Blob, error) {
	_, _ = r.Read(make([]byte, 1))
	return inputs.Blob{}, errors.New("no space left on device")
}

func TestFullStore(t *testing.T) {
	f := newFake(t, here)
	_, _, err := Resolve(t.Context(), f, fullStore{newStore(t)}, options(t, f))
	if err == nil || !strings.Contains(err.Error(), "no space left") || len(diag.All(err)) > 0 {
		t.Errorf("got %v; it is not the mirror's fault", err)
	}
	if len(f.asked) > 3 {
		t.Errorf("tried again although the disk is full: %v", f.asked)
	}
}

func TestVerify(t *testing.T) {
	f, store := newFake(t, here), newStore(t)
	o := options(t, f, "curl")
	_, good, err := Resolve(t.Context(), f, store, o)
	if err != nil {
		t.Fatal(err)
	}
	one := func(kind lock.Kind, change func(*lock.Entry)) func([]lock.Entry) []lock.Entry {
		return func(l []lock.Entry) []lock.Entry {
			for i := range l {
				if l[i].Kind == kind {
					change(&l[i])
					break
				}
			}
			return l
		}
	}
	drop := func(kind lock.Kind) func([]lock.Entry) []lock.Entry {
		return func(l []lock.Entry) []lock.Entry {
			return slices.DeleteFunc(l, func(e lock.Entry) bool { return e.Kind == kind })
		}
	}
	other := good[len(good)-1].Digest
	tests := map[string]func([]lock.Entry) []lock.Entry{
		"no releases":             drop(lock.KindRelease),
		"no indexes":              drop(lock.KindIndex),
		"release of another date": one(lock.KindRelease, func(e *lock.Entry) { e.Evidence = strings.Replace(e.Evidence, "2026", "2025", 1) }),
		"release of another key":  one(lock.KindRelease, func(e *lock.Entry) { e.Evidence = "key:AA" + e.Evidence[4:] }),
		"release without key":     one(lock.KindRelease, func(e *lock.Entry) { e.Evidence = "key:;date:2026-01-01T00:00:00Z" }),
		"release of other bytes":  one(lock.KindRelease, func(e *lock.Entry) { e.Digest = other }),
		"release elsewhere":       one(lock.KindRelease, func(e *lock.Entry) { e.Key = strings.Replace(e.Key, "/dists/trixie", "/dists/forky", 1) }),
		"index of other bytes":    one(lock.KindIndex, func(e *lock.Entry) { e.Digest = other }),
		"index under other name":  one(lock.KindIndex, func(e *lock.Entry) { e.Key += "x" }),
		"index without evidence":  one(lock.KindIndex, func(e *lock.Entry) { e.Evidence = "" }),
		"deb of other bytes":      one(lock.KindDeb, func(e *lock.Entry) { e.Digest = other }),
		"deb of another size":     one(lock.KindDeb, func(e *lock.Entry) { e.Size++ }),
		"deb of another name":     one(lock.KindDeb, func(e *lock.Entry) { e.Key = strings.Replace(e.Key, "curl", "kurl", 1) }),
		"deb outside the pool":    one(lock.KindDeb, func(e *lock.Entry) { e.Key = strings.Replace(e.Key, "/pool/", "/loop/", 1) }),
		"deb of another version":  one(lock.KindDeb, func(e *lock.Entry) { e.PURL = strings.Replace(e.PURL, "8.1", "8.0", 1) }),
		"deb without evidence":    one(lock.KindDeb, func(e *lock.Entry) { e.Evidence = "trust me" }),
		"deb of another index":    one(lock.KindDeb, func(e *lock.Entry) { e.Evidence = debEvidence(other, other) }),
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			err := Verify(t.Context(), store, o.Keyring, "amd64", change(slices.Clone(good)))
			if d := diag.All(err); len(d) != 1 || d[0].Code != "A0721" {
				t.Errorf("got %v", err)
			}
		})
	}
	if err := Verify(t.Context(), store, archive.DebianKeyring(), "amd64", good); err == nil {
		t.Error("verified with other keys")
	}
	if err := store.Remove(good[0].Digest); err != nil {
		t.Fatal(err)
	}
	for _, e := range good {
		if e.Kind == lock.KindRelease {
			if err := store.Remove(e.Digest); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := Verify(t.Context(), store, o.Keyring, "amd64", good); !errors.Is(err, inputs.ErrMissing) {
		t.Errorf("got %v", err)
	}
}
