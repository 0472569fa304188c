package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/inputs/debian/control"
)

// Release is what a suite's InRelease says, after its signature was checked.
type Release struct {
	Origin, Label, Suite, Codename string
	// Date is when it was made. ValidUntil is zero when it does not expire.
	Date, ValidUntil time.Time
	Architectures    []string
	AcquireByHash    bool
	noAllSupport     bool
	Files            map[string]File
	Keys             []string // fingerprints of the primary keys with a good signature, sorted
}

// File is one line of the SHA256 field: a file below the suite's folder.
type File struct {
	Digest digest.Digest
	Size   int64 // bytes
}

// maxFiles bounds the SHA256 field; unstable has about 3,000.
const maxFiles = 100000

// ReadRelease checks data's signature with the keys as they are valid at now, and reads the signed text. A *SignatureError
// means that it is not to be believed. Whether it has expired is another question: see Release.ValidUntil.
func ReadRelease(data []byte, keys Keyring, now time.Time) (*Release, error) {
	text, good, err := openSigned(data, keys, now)
	if err != nil {
		return nil, err
	}
	r, err := parseRelease(text)
	if err != nil {
		return nil, fmt.Errorf("reading its text: %w", err)
	}
	r.Keys = good
	return r, nil
}

// Origin reads the Origin and Label of an InRelease without believing it: to tell a Debian mirror from others.
func Origin(data []byte) (origin, label string) {
	_, text, _ := bytes.Cut(data[:min(len(data), maxProbe)], []byte("\n\n"))
	for line := range bytes.Lines(text) {
		name, value, _ := strings.Cut(string(line), ":")
		switch name {
		case "Origin":
			origin = strings.TrimSpace(value)
		case "Label":
			label = strings.TrimSpace(value)
		}
	}
	return origin, label
}

// maxProbe is how much of an InRelease Origin looks at; these fields come first.
const maxProbe = 64 << 10

func parseRelease(text []byte) (*Release, error) {
	in := control.NewReader(bytes.NewReader(text))
	s, err := in.Next()
	if err != nil {
		return nil, err
	}
	if _, err := in.Next(); !errors.Is(err, io.EOF) {
		return nil, errors.New("it has more than one stanza")
	}
	r := &Release{
		Origin: s["origin"], Label: s["label"], Suite: s["suite"], Codename: s["codename"],
		Architectures: strings.Fields(s["architectures"]),
		AcquireByHash: s["acquire-by-hash"] == "yes",
		noAllSupport:  slices.Contains(strings.Fields(s["no-support-for-architecture-all"]), "Packages"),
	}
	if r.Date, err = parseDate(s["date"]); err != nil {
		return nil, fmt.Errorf("field Date: %w", err)
	}
	if v, ok := s["valid-until"]; ok {
		if r.ValidUntil, err = parseDate(v); err != nil {
			return nil, fmt.Errorf("field Valid-Until: %w", err)
		}
	}
	if r.Files, err = parseFiles(s["sha256"]); err != nil {
		return nil, fmt.Errorf("field SHA256: %w", err)
	}
	return r, nil
}

// parseDate reads RFC 5322 with a zone that means UTC, as deb archives write it.
func parseDate(s string) (time.Time, error) {
	for _, zone := range []string{" UTC", " GMT", " +0000"} {
		if rest, ok := strings.CutSuffix(s, zone); ok {
			return time.Parse("Mon, _2 Jan 2006 15:04:05", rest)
		}
	}
	return time.Time{}, fmt.Errorf("%q is no date in UTC", s)
}

func parseFiles(field string) (map[string]File, error) {
	files := map[string]File{}
	for line := range strings.Lines(field) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) != 3 {
			return nil, fmt.Errorf("bad line %q", line)
		}
		d := digest.NewDigestFromEncoded(digest.SHA256, f[0])
		if err := d.Validate(); err != nil {
			return nil, fmt.Errorf("bad digest %q", f[0])
		}
		size, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil || size < 0 {
			return nil, fmt.Errorf("bad size %q", f[1])
		}
		if _, twice := files[f[2]]; twice {
			return nil, fmt.Errorf("%q is listed twice", f[2])
		}
		if len(files) == maxFiles {
			return nil, fmt.Errorf("more than %d files", maxFiles)
		}
		files[f[2]] = File{d, size}
	}
	return files, nil
}

// Index is a package index to fetch: Path below the suite's folder, and ByHash, the path that never changes its content
// (empty when the archive has none).
type Index struct {
	Path, ByHash string
	File         File
}

// Indexes names the package indexes of component main for arch, in the smallest form that this package can read. An archive that keeps
// architecture-independent packages apart has two (apt's No-Support-for-Architecture-all, deb-release(5)).
func (r *Release) Indexes(arch string) ([]Index, error) {
	arches := []string{arch}
	if slices.Contains(r.Architectures, "all") && !r.noAllSupport {
		arches = append(arches, "all")
	}
	var all []Index
	for _, a := range arches {
		i, ok := r.index("main/binary-" + a + "/Packages")
		if !ok {
			return nil, fmt.Errorf("it lists no packages of component main for %q", a)
		}
		all = append(all, i)
	}
	return all, nil
}

func (r *Release) index(base string) (Index, bool) {
	for _, ext := range []string{".xz", ".gz", ""} {
		f, ok := r.Files[base+ext]
		if !ok {
			continue
		}
		i := Index{Path: base + ext, File: f}
		if r.AcquireByHash {
			i.ByHash = base[:strings.LastIndexByte(base, '/')] + "/by-hash/SHA256/" + f.Digest.Encoded()
		}
		return i, true
	}
	return Index{}, false
}
