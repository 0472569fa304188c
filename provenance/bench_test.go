package provenance

import "testing"

// BenchmarkParse reads provenance as verification does: the statement, then its predicate.
func BenchmarkParse(b *testing.B) {
	list, err := Statements(fixture())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(list[0].Payload)))
	for b.Loop() {
		s, err := Parse(list[0].Payload)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Provenance(); err != nil {
			b.Fatal(err)
		}
	}
}
