package main

import (
	"testing"

	"github.com/selfsame-build/selfsame/provenance"
	"github.com/selfsame-build/selfsame/registry/layout"
	"github.com/selfsame-build/selfsame/signing"
)

// BenchmarkBundle is benchBundle for a profile: `go test ./test/bench/trust -run - -bench Bundle -cpu 1 -cpuprofile F`.
func BenchmarkBundle(b *testing.B) {
	k, err := newKeys(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	l, err := layout.Create(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	index, image, err := store(b.Context(), l, 0)
	if err != nil {
		b.Fatal(err)
	}
	statements, err := provenance.Statements(describe("registry.example.com/shop", index, image, 20))
	if err != nil {
		b.Fatal(err)
	}
	bundle, err := signing.Sign(b.Context(), k.signer, statements[0].Payload)
	if err != nil {
		b.Fatal(err)
	}
	trust := signing.Trust{Keys: []*signing.Verifier{k.signer.Verifier()}}
	b.SetBytes(int64(len(bundle)))
	b.ReportAllocs()
	end := now()
	for b.Loop() {
		if err := checkBundle(trust, bundle); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(end().cpu.Nanoseconds())/float64(b.N), "cpu-ns/op")
}
