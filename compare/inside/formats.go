package inside

import (
	"bytes"

	"github.com/selfsame-build/selfsame/compare/inside/sqlite"
)

// format is a kind of file that can be opened.
type format struct {
	claims func(head []byte) bool // head is the first headLen bytes, or fewer
	open   view
}

func magic(m string) func([]byte) bool {
	return func(head []byte) bool { return bytes.HasPrefix(head, []byte(m)) }
}

// formats are tried in this order.
var formats []format

func init() {
	// Not a plain value: the views call pair, which reads it.
	formats = []format{
		{magic("\x1f\x8b\x08"), gzips},
		{magic("\x28\xb5\x2f\xfd"), zstds.view},
		{magic("\xfd7zXZ\x00"), xzs.view},
		{magic("BZh"), bzip2s.view},
		{isTar, tars},
		{isZip, zips},
		{magic(arMagic), ars},
		{isCpio, cpios},
		{magic("\x7fELF"), elfs},
		{magic(sqlite.Magic), sqlites},
		{isPyc, pycs},
		{isJSON, jsons},
	}
}
