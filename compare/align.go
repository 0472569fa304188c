package compare

// slot is one row of two images' layers laid side by side: the layer's place in A and in B, from 0; -1 where one has none.
type slot struct{ a, b int }

// align lays the layers side by side: those of equal content by the longest sequence that both share, the ones between by their place.
// So a layer too many shifts the later ones, and does not make them differ.
func align(a, b []Layer) []slot {
	return sideBySide(len(a), len(b), func(i, j int) bool { return a[i].DiffID == b[j].DiffID })
}

// sideBySide pairs the items of two lists: first those that are the same, as many as keep their order, then what stands between two such
// pairs, by place.
func sideBySide(n, m int, same func(i, j int) bool) []slot {
	var out []slot
	i, j := 0, 0
	between := func(toA, toB int) {
		for i < toA || j < toB {
			s := slot{-1, -1}
			if i < toA {
				s.a, i = i, i+1
			}
			if j < toB {
				s.b, j = j, j+1
			}
			out = append(out, s)
		}
	}
	for _, p := range longestCommon(n, m, same) {
		between(p.a, p.b)
		out = append(out, p)
		i, j = p.a+1, p.b+1
	}
	between(n, m)
	return out
}

// longestCommon is the longest sequence that two lists share. It needs n*m steps and two bytes for each: callers bound both.
func longestCommon(n, m int, same func(i, j int) bool) []slot {
	var out []slot
	first := 0
	for first < min(n, m) && same(first, first) {
		out = append(out, slot{first, first})
		first++
	}
	width := m - first + 1
	best := make([]uint16, (n-first+1)*width) // best[i*width+j]: how much the rests from first+i and first+j share
	for i := n - first - 1; i >= 0; i-- {
		for j := m - first - 1; j >= 0; j-- {
			if same(first+i, first+j) {
				best[i*width+j] = best[(i+1)*width+j+1] + 1
			} else {
				best[i*width+j] = max(best[(i+1)*width+j], best[i*width+j+1])
			}
		}
	}
	for i, j := 0, 0; i < n-first && j < m-first; {
		switch {
		case same(first+i, first+j):
			out = append(out, slot{first + i, first + j})
			i, j = i+1, j+1
		case best[(i+1)*width+j] >= best[i*width+j+1]:
			i++
		default:
			j++
		}
	}
	return out
}

// byPlace says that nothing had to be shifted.
func byPlace(slots []slot) bool {
	for _, s := range slots {
		if s.a >= 0 && s.b >= 0 && s.a != s.b {
			return false
		}
	}
	return true
}

// laidOut are both images with their layers at the places that slots give them; where one has no such layer, its Index is -1.
func laidOut(a, b *Image, slots []slot, onRead func(int)) (*Image, *Image) {
	x, y := *a, *b
	x.layers, y.layers = make([]Layer, len(slots)), make([]Layer, len(slots))
	x.onRead, y.onRead = onRead, onRead
	for n, s := range slots {
		x.layers[n].Index, y.layers[n].Index = -1, -1
		if s.a >= 0 {
			x.layers[n] = a.layers[s.a]
		}
		if s.b >= 0 {
			y.layers[n] = b.layers[s.b]
		}
	}
	return &x, &y
}

// there says whether the image has a layer at this place.
func (l Layer) there() bool { return l.Index >= 0 }

// sameBlob says that both are one blob that is decoded in one way, so that both have one content, whatever it is.
func sameBlob(a, b Layer) bool {
	return a.Digest == b.Digest && a.Size == b.Size && a.DiffID == b.DiffID && codec(a.MediaType) == codec(b.MediaType)
}

// Needed lists the layers of two images that a comparison with ByBlob opens; of the others it needs the names only. Whoever brings images
// from elsewhere need not bring more.
func Needed(a, b *Image) (ofA, ofB []Layer) {
	for _, s := range align(a.layers, b.layers) {
		if s.a >= 0 && s.b >= 0 && !sameBlob(a.layers[s.a], b.layers[s.b]) {
			ofA, ofB = append(ofA, a.layers[s.a]), append(ofB, b.layers[s.b])
		}
	}
	return ofA, ofB
}
