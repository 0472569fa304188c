package cause

// renamed judges two entries that are one under two names.
func renamed(w *world, a, b *Finding) {
	s := &spot{world: w, layer: &layer{}, diff: a.Difference, path: a.Difference.Path, format: "name"}
	s.runs = []run{wholeRun(a.Difference.Path, b.Difference.Path)}
	f, _ := decide(s)
	if f.Class == "" {
		return
	}
	for _, x := range []*Finding{a, b} {
		x.Class, x.Certainty, x.Also, x.Fix = f.Class, f.Certainty, f.Also, f.Fix
		x.Evidence = "in its name: " + f.Evidence
	}
}
