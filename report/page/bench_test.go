package page_test

import (
	"testing"

	"github.com/selfsame-build/selfsame/report/page"
	"github.com/selfsame-build/selfsame/report/reporttest"
)

func BenchmarkHTML(b *testing.B) {
	r := reporttest.Rich()
	for b.Loop() {
		if _, err := page.HTML(r); err != nil {
			b.Fatal(err)
		}
	}
}
