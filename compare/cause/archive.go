package cause

// archiveMetadata is what an archive says about its entries, or about itself.
var archiveMetadata = Cause{
	Class: "T3", Title: "archive metadata", judge: judgeArchive,
	Remedy: "pack without it: tar --mtime=@$SOURCE_DATE_EPOCH --owner=0 --group=0 --numeric-owner; gzip -n; touch before zip -X; ar D",
	Page: `An archive (tar, zip, jar, ar, cpio, gzip) holds times, owners or names beside the content.

It shows as a field of an entry, while the entries' content is the same. Pack with fixed metadata: tar --sort=name
--mtime=@$SOURCE_DATE_EPOCH --owner=0 --group=0 --numeric-owner --pax-option=delete=atime,delete=ctime; gzip -n; touch -d
@$SOURCE_DATE_EPOCH before zip -X; ar with D; cpio --reproducible.`,
}

var archiveFields = map[string]bool{
	"mtime": true, "atime": true, "ctime": true, "modified": true, "time": true, "name": true, "os": true, "extra": true, "comment": true, "uid": true,
	"gid": true, "uname": true, "gname": true, "format": true, "pax": true, "dos time": true, "version made by": true, "flags": true, "device": true,
	"inode": true, "ino": true, "dev": true, "nlink": true,
}

func judgeArchive(s *spot) (verdict, bool) {
	switch s.format {
	case "tar", "zip", "gzip", "ar", "cpio", "zstd", "xz":
	default:
		return verdict{}, false
	}
	if s.kind() != "field" || !archiveFields[s.field] {
		return verdict{}, false
	}
	v := verdict{certainty: Certain, weight: 9, fix: packing[s.format],
		evidence: "the " + s.format + "'s " + s.field + " is " + quote(s.a) + " in A, " + quote(s.b) + " in B"}
	return v, true
}

var packing = map[string]string{
	"tar":  "tar --sort=name --mtime=@$SOURCE_DATE_EPOCH --owner=0 --group=0 --numeric-owner --pax-option=delete=atime,delete=ctime",
	"zip":  "set the files' times first (touch -d @$SOURCE_DATE_EPOCH), then TZ=UTC zip -X",
	"gzip": "gzip -n",
	"ar":   "ar with the modifier D (binutils' default is off where it was built so)",
	"cpio": "cpio --reproducible, after touch -d @$SOURCE_DATE_EPOCH",
}
