package window_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/layouttest"
	"github.com/selfsame-build/selfsame/compare/window"
)

var (
	began = time.Date(2026, 11, 23, 4, 34, 0, 0, time.UTC)
	spans = []window.Span{
		{Name: "A", From: began, To: began.Add(5 * time.Minute)},
		{Name: "B's moved clock", From: began.AddDate(1, 0, 0), To: began.AddDate(1, 0, 0).Add(5 * time.Minute)},
	}
	moment = began.Add(61 * time.Second) // 04:35:01
)

func open(t testing.TB, img layouttest.Image) *compare.Image {
	t.Helper()
	dir, m := img.Write(t)
	i, err := compare.Open(dir, m)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func scan(t testing.TB, opt window.Options, entries ...layouttest.Entry) window.Result {
	t.Helper()
	if opt.Spans == nil {
		opt.Spans = spans
	}
	r, err := window.Scan(context.Background(), open(t, layouttest.Of(t, entries)), opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func le32(v int64) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(v))) }
func be32(v int64) string { return string(binary.BigEndian.AppendUint32(nil, uint32(v))) }
func le64(v int64) string { return string(binary.LittleEndian.AppendUint64(nil, uint64(v))) }
func be64(v int64) string { return string(binary.BigEndian.AppendUint64(nil, uint64(v))) }

func innerTar(at time.Time) string {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	w.WriteHeader(&tar.Header{Name: "x", ModTime: at})
	w.Close()
	return buf.String()
}

func innerZip(at time.Time) string {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	h := &zip.FileHeader{Name: "x"}
	//nolint:staticcheck // CreateRaw writes these fields alone, and Modified not at all
	h.ModifiedDate, h.ModifiedTime = uint16((at.Year()-1980)<<9|int(at.Month())<<5|at.Day()), uint16(at.Hour()<<11|at.Minute()<<5|at.Second()/2)
	w.CreateRaw(h)
	w.Close()
	return buf.String()
}

func innerGzip(at time.Time) string {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	w.ModTime = at
	w.Write([]byte("x"))
	w.Close()
	return buf.String()
}

func TestFinds(t *testing.T) {
	m := moment
	unix := m.Unix()
	cases := []struct {
		name, path, body string
		want             string // class certainty offset value
	}{
		{"seconds", "f", fmt.Sprintf("built=%d\n", unix), fmt.Sprintf("T1 likely 6 %d", unix)},
		{"seconds of B", "f", fmt.Sprint(m.AddDate(1, 0, 0).Unix()), fmt.Sprintf("T1 likely 0 %d", m.AddDate(1, 0, 0).Unix())},
		{"first second", "f", fmt.Sprint(began.Unix()), fmt.Sprintf("T1 likely 0 %d", began.Unix())},
		{"last second", "f", fmt.Sprint(began.Unix() + 300), fmt.Sprintf("T1 likely 0 %d", began.Unix()+300)},
		{"float", "f", fmt.Sprintf("t: %d.25,", unix), fmt.Sprintf("T1 likely 3 %d", unix)},
		{"milliseconds", "f", fmt.Sprintf(`{"t":%d}`, m.UnixMilli()), fmt.Sprintf("T1 likely 5 %d", m.UnixMilli())},
		{"microseconds", "f", fmt.Sprintf(`{"t":%d}`, m.UnixMicro()), fmt.Sprintf("T1 likely 5 %d", m.UnixMicro())},
		{"nanoseconds", "f", fmt.Sprintf(`{"t":%d}`, m.UnixNano()), fmt.Sprintf("T1 likely 5 %d", m.UnixNano())},
		{"ISO 8601", "f", m.Format(time.RFC3339), "T1 likely 0 2026-11-23T04:35:01Z"},
		{"ISO 8601, fraction", "f", "x 2026-11-23T04:35:01.123456Z y", "T1 likely 2 2026-11-23T04:35:01.123456Z"},
		{"ISO 8601, zone", "f", "2026-11-23T10:05:01+05:30", "T1 likely 0 2026-11-23T10:05:01+05:30"},
		{"ISO 8601, zone on another day", "f", "2026-11-22T16:35:01-1200", "T1 likely 0 2026-11-22T16:35:01-1200"},
		{"ISO 8601, no zone", "f", "2026-11-23 04:35:01 install", "T1 likely 0 2026-11-23 04:35:01"},
		{"local time", "f", "2026-11-23 05:35:01 install", "T1 unknown 0 2026-11-23 05:35:01"},
		{"minutes", "f", "2026-11-23 04:35", "T1 likely 0 2026-11-23 04:35"},
		{"basic", "f", "v1+20261123T043501Z", "T1 likely 3 20261123T043501Z"},
		{"a day", "f", "since 2026-11-23.", "T1 unknown 6 2026-11-23"},
		{"a day, compact", "f", "1.0~20261123-1", "T1 unknown 4 20261123"},
		{"slashes", "f", "2026/11/23 04:35:01", "T1 likely 0 2026/11/23 04:35:01"},
		{"American", "f", "11/23/2026", "T1 unknown 0 11/23/2026"},
		{"German", "f", "23.11.2026 04:35", "T1 likely 0 23.11.2026 04:35"},
		{"RFC 1123", "f", m.Format(time.RFC1123), "T1 likely 5 23 Nov 2026 04:35:01 UTC"},
		{"RFC 2822", "f", "Mon, 23 Nov 2026 05:35:01 +0100", "T1 likely 5 23 Nov 2026 05:35:01 +0100"},
		{"ctime", "f", m.Format(time.ANSIC), "T1 likely 4 Nov 23 04:35:01 2026"},
		{"date(1)", "f", m.Format(time.UnixDate), "T1 likely 4 Nov 23 04:35:01 UTC 2026"},
		{"syslog", "f", "Nov 23 04:35:01 host x", "T1 likely 0 Nov 23 04:35:01"},
		{"common log", "f", "[23/Nov/2026:04:35:01 +0000]", "T1 likely 1 23/Nov/2026:04:35:01 +0000"},
		{"__DATE__", "f", "app Nov 23 2026\x00", "T1 unknown 4 Nov 23 2026"},
		{"words", "f", "November 23, 2026", "T1 unknown 0 November 23, 2026"},
		{"tar", "f", innerTar(m), "T3 certain 136 2026-11-23T04:35:01Z"},
		{"gzip", "f", innerGzip(m), "T3 certain 4 2026-11-23T04:35:01Z"},
		{"zip", "f", innerZip(m), "T3 certain 10 2026-11-23T04:35:00Z"},
		{"zip, local time", "f", innerZip(m.Add(time.Hour)), "T3 unknown 10 2026-11-23 05:35:00"},
		{"zip, extended", "f", "....UT\x05\x00\x03" + le32(unix) + "....", "T3 certain 9 2026-11-23T04:35:01Z"},
		{"cpio", "f", "070701" + "00000001" + "000081A4" + "00000000" + "00000000" + "00000001" + fmt.Sprintf("%08X", unix) + strings.Repeat("0", 56), "T3 certain 46 2026-11-23T04:35:01Z"},
		{"old cpio", "f", "070707" + strings.Repeat("000000", 7) + fmt.Sprintf("%011o", unix) + "000002" + "00000000001" + "x\x00" + "y", "T3 certain 48 2026-11-23T04:35:01Z"},
		{"ar", "f", "!<arch>\nx.o/            " + fmt.Sprintf("%-12d", unix) + "0     0     644     2         `\nxy", fmt.Sprintf("T1 likely 24 %d", unix)},
		{"PDF", "f", "/CreationDate (D:20261123043501Z)", "T1 likely 17 20261123043501Z"},
		{"Windows file time", "f", "\xff\xff\xff\xff" + le64((unix+11_644_473_600)*1e7) + "\xff", "T1 likely 4 2026-11-23T04:35:01Z"},
		{"Windows program", "f", "PE\x00\x00\x64\x86\x01\x00" + le32(unix), "T1 likely 8 2026-11-23T04:35:01Z"},
		{"pyc", "a.pyc", "\xcb\r\r\n\x00\x00\x00\x00" + le32(unix) + "\x10\x00\x00\x00", "T24 certain 8 2026-11-23T04:35:01Z"},
		{"shadow", "etc/shadow", fmt.Sprintf("root:*:20000:0:99999:7:::\napp:!:%d:0:99999:7:::\n", unix/86400), fmt.Sprintf("T1 likely 32 %d", unix/86400)},
		{"64-bit seconds", "f", "\x7fELF\xff\xff\xff\xff" + le64(unix) + "\xff\xff\xff\xff", "T1 likely 8 2026-11-23T04:35:01Z"},
		{"64-bit seconds, big endian", "f", "\x7fELF\xff\xff\xff\xff" + be64(unix) + "\xff\xff\xff\xff", "T1 likely 8 2026-11-23T04:35:01Z"},
		{"64-bit milliseconds", "f", "\xff\xff\xff\xff" + le64(m.UnixMilli()) + "\xff", "T1 likely 4 2026-11-23T04:35:01Z"},
		{"64-bit microseconds", "f", "\xff\xff\xff\xff" + be64(m.UnixMicro()) + "\xff", "T1 likely 4 2026-11-23T04:35:01Z"},
		{"64-bit nanoseconds", "f", "\xff\xff\xff\xff" + le64(m.UnixNano()) + "\xff", "T1 likely 4 2026-11-23T04:35:01Z"},
		{"32-bit in a small file", "f", "\xff\xff\xff\xff" + be32(unix) + "\xff\xff\xff\xff", "T1 likely 4 2026-11-23T04:35:01Z"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := scan(t, window.Options{}, layouttest.File(c.path, c.body))
			var got []string
			for _, f := range r.Findings {
				got = append(got, fmt.Sprintf("%s %s %d %s", f.Class, f.Certainty, f.Offset, f.Value))
				if f.Path != c.path || f.Layer != 0 || f.Platform != "linux/amd64" || f.Summary == "" {
					t.Errorf("%+v", f)
				}
			}
			// A known format's field is also a bare number or a text; the best finding has to be there.
			if !strings.Contains("\n"+strings.Join(got, "\n")+"\n", "\n"+c.want+"\n") {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if len(got) > 2 {
				t.Errorf("one value, %d findings: %q", len(got), got)
			}
		})
	}
}

func TestDoesNotFind(t *testing.T) {
	unix := moment.Unix()
	cases := map[string]string{
		"a second early":         fmt.Sprint(began.Unix() - 1),
		"a second late":          fmt.Sprint(began.Unix() + 301),
		"other hour":             "2026-11-23T09:35:01Z",
		"other minute":           "2026-11-23 04:50:01",
		"in a hash":              fmt.Sprintf("ab%dcd", unix),
		"a longer number":        fmt.Sprintf("9%d", unix),
		"eleven digits":          fmt.Sprintf("%d0", unix),
		"a fraction":             fmt.Sprintf("0.%d", unix),
		"the day before":         "2026-11-22",
		"a date in a number":     "1202611230",
		"another year's log":     "Nov 23 04:35:01 2025",
		"gzip without a time":    innerGzip(time.Time{}),
		"tar with another time":  innerTar(time.Unix(1, 0)),
		"pyc by hash":            "\xcb\r\r\n\x01\x00\x00\x00........",
		"bare number, unaligned": "\xff\xff\xff" + le32(unix) + "\xff\xff",
		"nothing":                "",
	}
	for name, body := range cases {
		if r := scan(t, window.Options{}, layouttest.File("f", body)); len(r.Findings) != 0 {
			t.Errorf("%s: %+v", name, r.Findings)
		}
	}
}

// "k   " is also a big-endian number of seconds, on 14 December 2026.
func TestTextIsNoNumber(t *testing.T) {
	at := time.Unix(0x6b202020, 0)
	opt := window.Options{Spans: []window.Span{{Name: "A", From: at.Add(-time.Minute), To: at.Add(time.Minute)}}}
	if r := scan(t, opt, layouttest.File("f", "ask   for   k   and   ok ")); len(r.Findings) != 0 || r.Chance.Seen != 0 {
		t.Errorf("%+v", r)
	}
	if r := scan(t, opt, layouttest.File("f", "\x00\x00\x00\x00"+be32(at.Unix() + 1)[:3]+"\x1f")); len(r.Findings) != 1 {
		t.Errorf("%+v", r)
	}
}

func TestTheEpochIsExpected(t *testing.T) {
	bodies := []string{fmt.Sprint(moment.Unix()), moment.Format(time.RFC3339), moment.Format(time.ANSIC), moment.Format("2006-01-02"), innerTar(moment), innerGzip(moment), "\xff\xff\xff\xff" + le64(moment.Unix())}
	for _, b := range bodies {
		e := layouttest.File("f", b)
		e.ModTime = moment
		if r := scan(t, window.Options{Epoch: moment}, e); len(r.Findings) != 0 {
			t.Errorf("%q: %+v", b, r.Findings)
		}
	}
}

func TestTarHeadersAndNames(t *testing.T) {
	e := layouttest.File("backup-2026-11-23T04:35:01Z.txt", "")
	e.ModTime = moment
	r := scan(t, window.Options{Steps: map[int]compare.Step{0: {Name: "RUN x", Line: 3}}}, e, layouttest.File("g", ""))
	if len(r.Findings) != 2 {
		t.Fatalf("%+v", r.Findings)
	}
	for i, want := range []window.Class{window.ClassMtime, window.ClassClock} {
		if f := r.Findings[i]; f.Class != want || f.Offset != -1 || f.Step.Line != 3 {
			t.Errorf("%+v", f)
		}
	}
}

func TestManyFileTimesAreCounted(t *testing.T) {
	var list []layouttest.Entry
	for i := range 100 {
		e := layouttest.File(fmt.Sprint(i), "")
		e.ModTime = moment
		list = append(list, e)
	}
	if r := scan(t, window.Options{}, list...); len(r.Findings) != 10 || r.Truncated != 90 {
		t.Errorf("%d findings, %d truncated", len(r.Findings), r.Truncated)
	}
}

func TestLiterals(t *testing.T) {
	opt := window.Options{HostNames: []string{"selfsame-b", "box1", "vm"}, Kernels: []string{"6.12.9+deb13"},
		BootIDs: []string{"3b8c0f0e-52f1-4c62-9d0e-0a1b2c3d4e5f"}}
	r := scan(t, opt, layouttest.File("f", "on selfsame-b.local, vm, box1! not box12 or xselfsame-b, Linux 6.12.9+deb13-amd64 3b8c0f0e-52f1-4c62-9d0e-0a1b2c3d4e5f"))
	var got []string
	for _, f := range r.Findings {
		got = append(got, fmt.Sprintf("%s %s %d %s", f.Class, f.Certainty, f.Offset, f.Value))
	}
	if diff := cmp.Diff([]string{"T7 likely 3 selfsame-b", "T7 unknown 25 box1", "T8 likely 63 6.12.9+deb13", "T12 likely 82 3b8c0f0e-52f1-4c62-9d0e-0a1b2c3d4e5f"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestBaseLayersAreSkippedAndConfigIsNot(t *testing.T) {
	base, own := []layouttest.Entry{layouttest.File("base", moment.Format(time.RFC3339))}, []layouttest.Entry{layouttest.File("own", moment.Format(time.RFC3339))}
	img := layouttest.Of(t, base, own)
	img.Config = func(c *ocispec.Image) { c.Created = &moment }
	i := open(t, img)
	r, err := window.Scan(context.Background(), i, window.Options{Spans: spans, SkipLayers: []digest.Digest{i.DiffIDs()[0]}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range r.Findings {
		got = append(got, fmt.Sprint(f.Layer, " ", f.Path))
	}
	if diff := cmp.Diff([]string{"-1 config", "1 own"}, got); diff != "" {
		t.Error(diff)
	}
}

// A value is found once, wherever it stands across the edges of what is read at a time.
func TestAcrossChunks(t *testing.T) {
	text, bin := moment.Format(time.RFC3339), le64(moment.Unix())
	for _, edge := range []int{128 << 10, 128<<10 - 96, 256<<10 - 192, 512} {
		for d := -32; d <= 32; d += 8 {
			at := edge + d
			body := strings.Repeat("\xfe", at) + text + strings.Repeat("\xfe", 300<<10) + innerTar(moment)
			r := scan(t, window.Options{}, layouttest.File("f", body))
			if len(r.Findings) != 2 || r.Findings[0].Offset != int64(at) || r.Findings[0].More != 0 || r.Findings[1].Offset != int64(at+len(text)+(300<<10)+136) {
				t.Fatalf("text at %d: %+v", at, r.Findings)
			}
			if r = scan(t, window.Options{}, layouttest.File("f", strings.Repeat("\xfe", at-200)+innerTar(moment))); len(r.Findings) != 1 {
				t.Fatalf("tar at %d: %+v", at-200, r.Findings)
			}
			r = scan(t, window.Options{}, layouttest.File("f", strings.Repeat("\xfe", at)+bin+strings.Repeat("\xfe", 1000)))
			if len(r.Findings) != 1 || r.Findings[0].Offset != int64(at) || r.Findings[0].More != 0 {
				t.Fatalf("binary at %d: %+v", at, r.Findings)
			}
		}
	}
}

// Random bytes hold such values by chance, as often as predicted, and are not reported.
func TestRandomBytesAreNotReported(t *testing.T) {
	raw := make([]byte, 64<<20)
	rng := rand.NewChaCha8([32]byte{1})
	rng.Read(raw)
	wide := []window.Span{{Name: "A", From: began, To: began.Add(20 * time.Minute)}, {Name: "B", From: began.AddDate(1, 0, 0), To: began.AddDate(1, 0, 0).Add(20 * time.Minute)}}
	files := []layouttest.Entry{layouttest.File("big", string(raw[:32<<20]))}
	for at := 32 << 20; at < len(raw); at += 16 << 10 {
		files = append(files, layouttest.File(fmt.Sprint(at), string(raw[at:at+16<<10])))
	}
	r := scan(t, window.Options{Spans: wide}, files...)
	if len(r.Findings) != 0 {
		t.Errorf("%+v", r.Findings)
	}
	t.Logf("%d hits, %.1f expected", r.Chance.Seen, r.Chance.Expected)
	if r.Chance.Expected < 5 || float64(r.Chance.Seen) > 3*r.Chance.Expected || r.Chance.Seen == 0 {
		t.Errorf("%d hits, %.1f expected", r.Chance.Seen, r.Chance.Expected)
	}
	// The same value several times is no chance.
	for i := range 12 {
		copy(raw[4096*i+8:], be32(moment.Unix()))
	}
	r = scan(t, window.Options{Spans: wide}, layouttest.File("table", string(raw[:64<<10])), layouttest.File("big", string(raw[1<<20:])))
	if len(r.Findings) != 1 || r.Findings[0].More < 11 || r.Findings[0].Certainty != window.Likely || r.Findings[0].Path != "table" {
		t.Errorf("%+v", r.Findings)
	}
}

func TestSpansAreChecked(t *testing.T) {
	img := open(t, layouttest.Of(t, nil))
	for name, s := range map[string][]window.Span{
		"none": nil, "backwards": {{From: began, To: began.Add(-time.Second)}}, "long": {{From: began, To: began.AddDate(0, 2, 0)}}, "zero": {{}},
	} {
		if _, err := window.Scan(context.Background(), img, window.Options{Spans: s}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte("2026-11-23T04:35:01+05:30"), "a.pyc")
	f.Add([]byte(innerZip(moment)+innerTar(moment)), "etc/shadow")
	f.Add([]byte("Nov 23 04:35:01 UTC 2026 1795408501 Nov  3, 23 Nov 2026 "), "x")
	f.Fuzz(func(t *testing.T, body []byte, name string) {
		if len(name) > 90 || strings.ContainsRune(name, 0) || strings.HasSuffix(name, "/") || name == "" {
			return
		}
		for _, x := range scan(t, window.Options{HostNames: []string{"host"}}, layouttest.File(name, string(body))).Findings {
			if x.Offset < -1 || x.Offset >= int64(len(body)) || x.Class == "" || x.Certainty == "" || x.Summary == "" {
				t.Errorf("%+v", x)
			}
		}
	})
}
