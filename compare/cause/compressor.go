package cause

import "github.com/selfsame-build/selfsame/compare"

// compressor is the same content, compressed otherwise.
var compressor = Cause{
	Class: "T5", Title: "compressor", judge: judgeCompressor,
	Remedy: "pin the compressor, its version, level and number of threads (xz -T1, pigz -p1 or gzip, zstd --single-thread)",
	Page: `The content is the same, but not the compressed bytes: another level, version, or number of threads.

Threads are the usual reason in one image: xz -T0 and pigz cut the content by the number of CPUs. Between images it is another version of
the encoder: Go 1.27 changed gzip's bytes.`,
}

func judgeCompressor(s *spot) (verdict, bool) {
	if s.part == nil {
		return verdict{certainty: Certain, weight: 9, evidence: "the layer's content is the same, its blob is not"}, s.diff.Kind == compare.KindEncoding
	}
	if s.kind() != "encoding" {
		return verdict{}, false
	}
	v := verdict{certainty: Certain, weight: 9, evidence: "what the " + s.format + " holds is the same; its compression is not"}
	if s.part.Name != "" {
		v.evidence += " (" + s.part.Name + ")"
	}
	return v, true
}
