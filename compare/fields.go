package compare

import (
	"archive/tar"
	"crypto/sha256"
	"fmt"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

const (
	maxValue  = 1 << 10 // bytes of one field's value that are kept
	maxName   = 4 << 10 // bytes of an entry's name that are kept
	maxFields = 32      // fields of one difference
)

// attr is one property of a tar header.
type attr struct{ name, value string }

// attrs spells out a header, sorted by name. Name and content are compared on their own, so neither is in it.
func attrs(h *tar.Header) []attr {
	list := []attr{
		{"format", h.Format.String()},
		{"gid", strconv.Itoa(h.Gid)},
		{"mode", fmt.Sprintf("%04o", h.Mode)},
		{"mtime", stamp(h.ModTime)},
		{"type", typeName(h.Typeflag)},
		{"uid", strconv.Itoa(h.Uid)},
	}
	add := func(name, value string) {
		if value != "" {
			list = append(list, attr{name, value})
		}
	}
	add("uname", h.Uname)
	add("gname", h.Gname)
	add("link", h.Linkname)
	add("atime", stamp(h.AccessTime))
	add("ctime", stamp(h.ChangeTime))
	if h.Devmajor != 0 || h.Devminor != 0 {
		add("device", fmt.Sprintf("%d:%d", h.Devmajor, h.Devminor))
	}
	if !hasContent(h.Typeflag) && h.Size != 0 {
		add("size", strconv.FormatInt(h.Size, 10))
	}
	list = append(list, paxAttrs(h.PAXRecords)...)
	sort.Slice(list, func(i, j int) bool { return list[i].name < list[j].name })
	return list
}

// paxShown are the records that archive/tar has already turned into fields of the header. That they were written as
// records, and not in the old header, still changes bytes: the list of them is an attribute.
var paxShown = []string{"atime", "ctime", "gid", "gname", "linkpath", "mtime", "path", "size", "uid", "uname"}

func paxAttrs(records map[string]string) []attr {
	var list []attr
	var shown []string
	for k, v := range records {
		switch name, ok := strings.CutPrefix(k, "SCHILY.xattr."); {
		case ok:
			list = append(list, attr{"xattr." + name, v})
		case slices.Contains(paxShown, k):
			shown = append(shown, k)
		default:
			list = append(list, attr{"pax." + k, v})
		}
	}
	if len(shown) > 0 {
		slices.Sort(shown)
		list = append(list, attr{"pax", strings.Join(shown, ",")})
	}
	return list
}

// bounded clips every value and folds what exceeds 4*maxFields into one digest, so that a header of any size can be kept.
func bounded(list []attr) []attr {
	if most := 4 * maxFields; len(list) > most {
		rest := sumAttrs(sha256.New(), list[most:])
		list = append(list[:most:most], attr{"~rest", fmt.Sprintf("%d more, sha256:%x...", len(list)-most, rest)})
	}
	for n := range list {
		list[n] = attr{clip(list[n].name, maxValue), clip(list[n].value, maxValue)}
	}
	return list
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func typeName(flag byte) string {
	switch flag {
	case tar.TypeReg:
		return "file"
	case tar.TypeLink:
		return "hard link"
	case tar.TypeSymlink:
		return "symlink"
	case tar.TypeChar:
		return "character device"
	case tar.TypeBlock:
		return "block device"
	case tar.TypeDir:
		return "directory"
	case tar.TypeFifo:
		return "fifo"
	case tar.TypeXGlobalHeader:
		return "global header"
	}
	return fmt.Sprintf("type %q", flag)
}

// diffAttrs are the attributes that differ; both lists are sorted.
func diffAttrs(a, b []attr) []Field {
	var out []Field
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].name < b[0].name:
			out = append(out, field(a[0].name, &a[0].value, nil))
			a = a[1:]
		case len(a) == 0 || b[0].name < a[0].name:
			out = append(out, field(b[0].name, nil, &b[0].value))
			b = b[1:]
		default:
			if a[0].value != b[0].value {
				out = append(out, field(a[0].name, &a[0].value, &b[0].value))
			}
			a, b = a[1:], b[1:]
		}
	}
	if len(out) > maxFields {
		more := fmt.Sprintf("%d fields", len(out)-maxFields+1)
		out = append(out[:maxFields-1], field("(more)", &more, &more))
	}
	return out
}

func field(name string, a, b *string) Field {
	return Field{Name: clip(name, maxValue), A: clipped(a), B: clipped(b)}
}

func clipped(v *string) *string {
	if v == nil {
		return nil
	}
	s := clip(*v, maxValue)
	return &s
}

// clip shortens v to about limit bytes; what is cut off stays told apart by length and digest.
func clip(v string, limit int) string {
	if len(v) <= limit {
		return strings.Clone(v)
	}
	return fmt.Sprintf("%s... (%d bytes, sha256:%x)", v[:limit], len(v), sha256.Sum256([]byte(v)))
}

// whiteout says which kind of whiteout a name is.
func whiteout(name string) string {
	switch base := path.Base(name); {
	case base == ".wh..wh..opq":
		return "opaque"
	case strings.HasPrefix(base, ".wh."):
		return "file"
	}
	return ""
}
