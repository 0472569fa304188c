package compare_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/compare"
	"github.com/selfsame-build/selfsame/compare/inside"
	"github.com/selfsame-build/selfsame/compare/layouttest"
)

func TestLookInside(t *testing.T) {
	big := strings.Repeat("\x00\x01", 3<<20)
	a := layouttest.Of(t, entries{file("log", "built on aa\n"), file("same", "x"), file("big", big+"aa")})
	b := layouttest.Of(t, entries{file("log", "built on selfsame-b\n"), file("same", "x"), file("big", big+"selfsame-b")})
	scratch := t.TempDir()
	for name, c := range map[string]struct {
		opt  *inside.Options
		want string
	}{
		"nobody asked":    {nil, "log [] big []"},
		"with scratch":    {&inside.Options{Scratch: scratch}, "log [text aa|selfsame-b] big [bytes aa|selfsame-b]"},
		"without scratch": {&inside.Options{}, "log [text aa|selfsame-b] big []"},
		"no such scratch": {&inside.Options{Scratch: scratch + "/none"}, "log [text aa|selfsame-b] big []"},
	} {
		t.Run(name, func(t *testing.T) {
			rep := images(t, a, b, compare.Options{Inside: c.opt})
			var got []string
			for _, d := range rep.Differences {
				var parts []string
				for _, p := range d.Content.Parts {
					parts = append(parts, fmt.Sprintf("%s %s|%s", p.Kind, p.Edits[0].A, p.Edits[0].B))
				}
				got = append(got, d.Path, fmt.Sprint(parts))
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("got %s", s)
			}
		})
	}
	if left, _ := os.ReadDir(scratch); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// No more than 64 files of a layer are looked into, and no more than 256 of an image.
func TestLooksAreBounded(t *testing.T) {
	img := func(text string) layouttest.Image {
		var layers [][]layouttest.Entry
		for l := range 6 {
			var list entries
			for i := range 70 {
				list = append(list, file(fmt.Sprintf("%d/%02d", l, i), text))
			}
			layers = append(layers, list)
		}
		return layouttest.Of(t, layers...)
	}
	rep := images(t, img("a"), img("b"), compare.Options{Inside: &inside.Options{}})
	looked := make([]int, 6)
	for _, d := range rep.Differences {
		looked[d.Layer] += len(d.Content.Parts)
	}
	if got := fmt.Sprint(looked); got != "[64 64 64 64 0 0]" {
		t.Errorf("looked into %s", got)
	}
}
