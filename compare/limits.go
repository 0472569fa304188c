package compare

// Limits bound what one image may cost to read. Crossing one is an error (diag code A0403), never a silent stop.
type Limits struct {
	// LayerBytes is the most that one layer may decompress to.
	LayerBytes int64
	// Ratio is the most that a layer may grow when decompressed; it counts above RatioFloor bytes only, because small
	// files of zeros compress almost without end.
	Ratio      int64
	RatioFloor int64
	// Entries is the most entries of one layer's tar. The comparison keeps 48 bytes an entry and side.
	Entries int
}

// DefaultLimits suit images up to tens of gigabytes; two layers of a million entries are compared in under 256 MB.
var DefaultLimits = Limits{LayerBytes: 64 << 30, Ratio: 2000, RatioFloor: 1 << 30, Entries: 1 << 20}

const (
	maxManifest   = 4 << 20  // bytes; registries refuse more
	maxConfig     = 8 << 20  // bytes
	maxLayers     = 1024     // the kernel mounts at most 500, docker 127
	maxZstdWindow = 64 << 20 // bytes, on each side; RFC 8878 asks for 8 MiB, `zstd -19` writes that, BuildKit at most 32 MiB
)

// How much of an image is looked into, if anything is (Options.Inside). Parts of one file are about 400 KiB at most.
const (
	maxLooksLayer = 64      // files of one layer
	maxLooks      = 256     // of the image
	maxLookHeld   = 4 << 20 // bytes of one file that stay in memory; more go to the scratch folder
	maxLookFile   = 4 << 30 // bytes; larger files show their windows alone
)

func (l Limits) filled() Limits {
	d := DefaultLimits
	if l.LayerBytes > 0 {
		d.LayerBytes = l.LayerBytes
	}
	if l.Ratio > 0 {
		d.Ratio = l.Ratio
	}
	if l.RatioFloor > 0 {
		d.RatioFloor = l.RatioFloor
	}
	if l.Entries > 0 {
		d.Entries = l.Entries
	}
	return d
}

// bytes is how far a layer whose blob has size bytes may decompress.
func (l Limits) bytes(size int64) int64 {
	grown := l.RatioFloor
	if size > 0 && size < (1<<62)/l.Ratio {
		grown += size * l.Ratio
	} else if size > 0 {
		grown = l.LayerBytes
	}
	return min(grown, l.LayerBytes)
}
