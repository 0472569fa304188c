package cause

import "github.com/selfsame-build/selfsame/compare"

// entryOrder is an archive whose entries stand in another order.
var entryOrder = Cause{
	Class: "T4", Title: "entry order", judge: judgeEntryOrder,
	Remedy: "sort what is packed: tar --sort=name; find ... | LC_ALL=C sort | zip -@ (or cpio)",
	Page: `An archive holds the same entries in another order, mostly that of a folder listed unsorted.

tar has --sort=name. Others take a list: find . -print0 | LC_ALL=C sort -z.`,
}

func judgeEntryOrder(s *spot) (verdict, bool) {
	if s.part == nil {
		return verdict{certainty: Likely, weight: 9, evidence: "the layer holds the same entries in another order"}, s.diff.Kind == compare.KindOrder
	}
	if s.kind() != "order" {
		return verdict{}, false
	}
	switch s.format {
	case "tar", "zip", "ar", "cpio":
		return verdict{certainty: Certain, weight: 9, evidence: "the " + s.format + " holds the same entries in another order"}, true
	}
	return verdict{}, false
}
