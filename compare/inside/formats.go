package inside

import "bytes"

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
		{isTar, tars},
		{isZip, zips},
		{magic("\x7fELF"), elfs},
		{isPyc, pycs},
		{isJSON, jsons},
	}
}
