// Package reporttest holds results made by hand: Rich has something in every field, as a build gives it, and Hostile has in every field
// what an image's author would like a reader's browser, terminal or CI to run.
package reporttest

import (
	"bytes"
	"strings"

	"github.com/selfsame-build/selfsame/report"
)

func ptr[T any](v T) *T { return &v }

func value(name, a, b string) report.Values { return report.Values{Name: name, A: &a, B: &b} }

const (
	platform = "linux/amd64"
	install  = "RUN make install PREFIX=/usr"
	pages    = "RUN ./docs.sh && gzip -9 /usr/share/doc/shop/pages.tar"
)

func digest(c string) string { return "sha256:" + strings.Repeat(c, 32) }

// Rich is a build that is not reproducible, for several reasons.
func Rich() report.Result {
	return report.Result{
		SchemaVersion: report.SchemaVersion, Name: "shop", Platforms: map[string]string{platform: digest("3a")},
		Axes:       []string{"clock", "host name", "kernel name", "time zone", "locale", "umask", "cpu count", "file order", "memory layout"},
		NotApplied: []report.NotApplied{{Name: "filesystem", Reason: "both builders keep their state on one filesystem"}, {Name: "user", Reason: "builders run as root"}},
		Findings:   findings(), Omitted: 12,
		Notes:    []string{"3 binary values look like the build's time; chance alone gives about 2.8 in 300 MB"},
		Compared: []report.Compared{compared()},
		Build:    &report.Build{Steps: 7, Cached: 2, SecondsA: 36.61, SecondsB: 41.2},
		Timeline: timeline(), Experiment: experiment(), Patches: patches(),
		Next:  "selfsame build --no-cache",
		Files: report.Files{Report: "selfsame-report/report.html", A: "selfsame-out/A", B: "selfsame-out/B"},
	}
}

func compared() report.Compared {
	return report.Compared{Platform: platform, Level: "different", A: digest("3a"), B: digest("b7"), LayersA: 9, LayersB: 9, Differing: []report.Layer{
		{Layer: 6, Step: install, File: "Dockerfile", Line: 12, Modified: 3, Added: 1, Removed: 1, Metadata: 1},
		{Layer: 8, Step: pages, File: "Dockerfile", Line: 19, Modified: 1},
	}}
}

func stamp(s string) []byte { return []byte(s) }

func findings() []report.Finding {
	base := report.Finding{Certainty: "certain", Severity: "error", Platform: platform, Layer: 6, Step: install, File: "Dockerfile", Line: 12, Kind: "modified"}
	make := func(edit func(*report.Finding)) report.Finding {
		f := base
		edit(&f)
		return f
	}
	return []report.Finding{
		make(func(f *report.Finding) {
			f.Class, f.Cause, f.Path, f.Summary = "T1", "clock", "usr/bin/shop", "content differs: 12 bytes at 0x1f48"
			f.Evidence = "A's bytes hold the time of A's build, B's hold B's clock, 397 days ahead"
			f.Fix = "take the date from SOURCE_DATE_EPOCH: -X main.date=$SOURCE_DATE_EPOCH"
			f.Offset, f.Bytes = ptr(int64(8008)), 12
			f.Hunks = []report.Hunk{{OffsetA: 8008, OffsetB: 8008, Before: stamp("version 1.4.2\x00built 20"), A: stamp("26-11-23 04:34:01"), B: stamp("27-12-25 04:34:03"), After: stamp("\x00\x00go1.26.8\x00"), LengthA: 17, LengthB: 17}}
			f.Values = []report.Values{value("bytes at 0x1f48", "built 2026-11-23 04:34:01", "built 2027-12-25 04:34:03"), value("sha256", strings.Repeat("d2e7", 16), strings.Repeat("99a8", 16))}
		}),
		make(func(f *report.Finding) {
			f.Class, f.Cause, f.Certainty, f.Path, f.Summary = "T13", "randomness", "likely", "usr/lib/shop/session.id", "content differs: 16 bytes at 0x0"
			f.Evidence, f.Also, f.Offset, f.Bytes = "two random identifiers of one shape", []string{"T14"}, ptr(int64(0)), 16
			f.Hunks = []report.Hunk{{A: []byte{0x8f, 0x13, 0x55, 0xa0, 0x01, 0xee, 0x42, 0x97, 0xbc, 0x10, 0x3d, 0x6e, 0x9a, 0x77, 0x08, 0xc4}, B: []byte{0x21, 0xd4, 0x55, 0x0b, 0xf8, 0x93, 0x42, 0x1e, 0x66, 0xaf, 0xc1, 0x05, 0x3b, 0xe9, 0x70, 0x12}, LengthA: 16, LengthB: 16}}
			f.More = 3
		}),
		make(func(f *report.Finding) {
			f.Class, f.Cause, f.Path, f.Kind, f.Summary = "T7", "host name", "etc/shop/build.conf", "modified", "content differs: 1 byte at 0x2a, 61 long in A and 63 in B"
			f.Evidence, f.Fix = "A's host name stands in A, B's in B", "do not write the host name down"
			f.Hunks = []report.Hunk{{OffsetA: 42, OffsetB: 42, Before: stamp("prefix=/usr\nbuilt_on="), A: stamp("selfsame-a"), B: stamp("rebuilder-b2"), After: stamp("\nflags=-O2 -g\nüber=ja\n"), LengthA: 10, LengthB: 12}}
			f.Values = []report.Values{value("size", "61", "63")}
		}),
		make(func(f *report.Finding) {
			f.Certainty, f.Path, f.Kind, f.Summary = "unknown", "usr/share/shop/cache/índex.db", "added", "file only in B"
			f.Values = []report.Values{{Name: "type", B: ptr("file")}, {Name: "size", B: ptr("4096")}}
		}),
		make(func(f *report.Finding) {
			f.Certainty, f.Path, f.Kind, f.Summary = "unknown", "usr/share/shop/cache/index.tmp.k3Jf9a", "removed", "file only in A"
		}),
		make(func(f *report.Finding) {
			f.Class, f.Cause, f.Path, f.Kind, f.Summary = "T11", "umask, mode", "etc/shop/key.pem", "metadata", "mode 0644 in A, 0640 in B"
			f.Fix, f.Values = "chmod 644 /etc/shop/key.pem in the same step", []report.Values{value("mode", "0644", "0640")}
		}),
		make(func(f *report.Finding) {
			f.Class, f.Cause, f.Layer, f.Step, f.Line = "T3", "archive metadata", 8, pages, 19
			f.Path, f.Within, f.Summary = "usr/share/doc/shop/pages.tar.gz", "gzip > tar:pages/index.html > mtime", "mtime 2026-11-23T04:34:09Z in A, 2026-11-23T04:34:12Z in B"
			f.Evidence, f.Fix = "tar headers hold the files' times", "pack with fixed times: tar --mtime=@$SOURCE_DATE_EPOCH --sort=name | gzip -n"
			f.Hunks = []report.Hunk{{OffsetA: 136, OffsetB: 136, Before: bytes.Repeat([]byte{'0'}, 5), A: stamp("15110414421"), B: stamp("15110414424"), After: stamp("\x00014203\x00 0"), LengthA: 11, LengthB: 11}, {OffsetA: 4096, OffsetB: 4096, A: bytes.Repeat([]byte("abcdefgh"), 40), B: bytes.Repeat([]byte("abcdefgi"), 40), LengthA: 900, LengthB: 900}}
			f.Values = []report.Values{value("mtime", "2026-11-23T04:34:09Z", "2026-11-23T04:34:12Z")}
		}),
		{Class: "T1", Cause: "clock", Certainty: "likely", Severity: "warning", Platform: platform, Layer: 3, Step: "RUN apt-get install -y libssl3", File: "Dockerfile", Line: 5,
			Path: "var/log/dpkg.log", Kind: "leak", Summary: "a date and time from build A", Fix: "delete the file in the step that writes it",
			Offset: ptr(int64(20)), Values: []report.Values{{Name: "found", A: ptr("2026-11-23 04:34:01")}}, More: 7},
	}
}

func timeline() []report.Span {
	span := func(twin, step string, line int, start, seconds float64, cached bool) report.Span {
		return report.Span{Twin: twin, Step: step, File: "Dockerfile", Line: line, Start: start, Seconds: seconds, Cached: cached}
	}
	return []report.Span{
		span("A", "RUN apt-get update", 4, 0, 0.02, true), span("A", "RUN apt-get install -y libssl3", 5, 0.1, 8.4, false),
		span("B", "RUN apt-get update", 4, 1.3, 2.8, false), span("B", "RUN apt-get install -y libssl3", 5, 4.1, 9.9, false),
		span("A", "COPY . /src", 9, 8.5, 0.3, false), span("A", "RUN make -j4", 10, 8.8, 15.2, false),
		span("B", "COPY . /src", 9, 14, 0.35, false), span("B", "RUN make -j4", 10, 14.4, 17.8, false),
		span("A", install, 12, 24.1, 3.1, false), span("A", pages, 19, 27.2, 6.2, false),
		span("B", install, 12, 32.3, 3.3, false), span("B", pages, 19, 35.7, 5.1, false),
	}
}

func experiment() *report.Experiment {
	return &report.Experiment{Step: install, File: "Dockerfile", Line: 12, Verdict: "The clock decides: without it, the results agree; with it alone, they differ.", Causes: []string{"clock"}, Runs: []report.Trial{
		{Equal: true, Seconds: 3.1}, {Varied: []string{"clock", "host name", "file order"}, Seconds: 3.4}, {Varied: []string{"clock"}, Seconds: 3.2},
		{Varied: []string{"host name"}, Equal: true, Seconds: 3.2}, {Varied: []string{"file order"}, Equal: true, Seconds: 3.3},
	}}
}

func patches() []report.Patch {
	return []report.Patch{
		{Class: "T1", File: "Dockerfile", Line: 12, Verified: true, Diff: "--- a/Dockerfile\n+++ b/Dockerfile\n@@ -10,4 +10,4 @@\n RUN make -j4\n \n-RUN make install PREFIX=/usr\n+RUN make install PREFIX=/usr BUILD_DATE=\"$(date -u -d @$SOURCE_DATE_EPOCH +%F)\"\n \n"},
		{Class: "T3", File: "Dockerfile", Line: 19, Note: "The script docs.sh is the project's own; it may want other flags.", Diff: "--- a/Dockerfile\n+++ b/Dockerfile\n@@ -18,2 +18,2 @@\n \n-RUN ./docs.sh && gzip -9 /usr/share/doc/shop/pages.tar\n+RUN ./docs.sh && gzip -9n /usr/share/doc/shop/pages.tar\n"},
	}
}

// Same is a build that is reproducible, with a warning.
func Same() report.Result {
	r := Rich()
	r.Reproducible, r.Digest, r.Omitted, r.Experiment, r.Patches, r.Files = true, digest("ab"), 0, nil, nil, report.Files{}
	r.Reference = "registry.example.com/team/shop@" + r.Digest
	r.Next = "selfsame verify " + r.Reference + " --key shop.pub"
	r.Findings = r.Findings[len(r.Findings)-1:]
	c := &r.Compared[0]
	c.Level, c.B, c.Differing = "manifest", c.A, nil
	r.Compared = append(r.Compared, report.Compared{Platform: "linux/arm64", Level: "manifest", A: digest("cd"), B: digest("cd"), LayersA: 9, LayersB: 9})
	r.Platforms["linux/arm64"] = digest("cd")
	return r
}
