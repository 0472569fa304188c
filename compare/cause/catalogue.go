package cause

import "strconv"

// Cause is one class of the catalogue.
type Cause struct {
	Class  Class
	Title  string // two or three words, lower case
	Remedy string // the usual edit, one line
	Page   string // what it is, how it shows, what to do: for `selfsame explain`
	judge  rule
}

// catalogue is in the order of numbers, which index counts on.
var catalogue = []Cause{
	wallClock, fileTime, archiveMetadata, entryOrder, compressor, buildPath, hostName, kernelName, locale, timeZone, modeBits, environment,
	randomness, address, race, cpuFeatures, inodeNumber, directoryOrder, dependencyDrift, networkContent, installerDatabase, signature,
	imageAssembly, toolMetadata, gitMetadata,
}

// Catalogue lists every cause, T1 to T25.
func Catalogue() []Cause { return append([]Cause(nil), catalogue...) }

// Lookup finds a cause by its number.
func Lookup(c Class) (Cause, bool) {
	if i := c.index(); i >= 0 && i < len(catalogue) {
		return catalogue[i], true
	}
	return Cause{}, false
}

func (c Class) index() int {
	if len(c) < 2 || c[0] != 'T' {
		return -1
	}
	n, err := strconv.Atoi(string(c[1:]))
	if err != nil {
		return -1
	}
	return n - 1
}
