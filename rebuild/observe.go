package rebuild

import (
	"slices"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/selfsame-build/selfsame/builder"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
)

// distance refuses, before anything is built, a claim that this machine is another one when it is seen to be the original's.
func (o Options) distance(machine string, p provenance.Provenance) error {
	in, err := p.Internal()
	if err != nil {
		return diag.Errorf("A0802", "reading the evidence: %w", err)
	}
	host := provenance.HostName(machine, recipeOf(p))
	same := host != "" && slices.ContainsFunc(in.Twins, func(t provenance.InternalTwin) bool { return t.Host == host })
	if same && o.Independence != provenance.SameHost {
		return diag.Errorf("A0807", "the independence `%s` is claimed, and this is the machine that built the image", o.Independence).
			WithWhy("its provenance names this very machine").WithHelp("leave --independence out, or audit elsewhere")
	}
	return nil
}

func recipeOf(p provenance.Provenance) digest.Digest {
	d, _ := p.Dependency(provenance.DependencyRecipe)
	return digest.Digest("sha256:" + d.Digest["sha256"])
}

// observe says what was seen of our builder, and how it compares with what the provenance says of the original's.
func observe(t provenance.Twin, p provenance.Provenance) provenance.Observed {
	o := provenance.Observed{Host: t.Host, Kernel: t.Kernel, CPU: t.CPU, BuildKit: t.BuildKit, Binaries: t.Programs(), Differs: []string{}, Same: []string{}}
	in, err := p.Internal()
	if err != nil {
		return o
	}
	compare := func(name, ours string, theirs func(provenance.InternalTwin) string) {
		known := slices.DeleteFunc(slices.Clone(in.Twins), func(t provenance.InternalTwin) bool { return theirs(t) == "" })
		switch {
		case ours == "" || len(known) == 0: // not known on one side
		case slices.ContainsFunc(known, func(t provenance.InternalTwin) bool { return theirs(t) == ours }):
			o.Same = append(o.Same, name)
		default:
			o.Differs = append(o.Differs, name)
		}
	}
	compare("host", o.Host, func(t provenance.InternalTwin) string { return t.Host })
	compare("kernel", o.Kernel, func(t provenance.InternalTwin) string { return t.Kernel })
	compare("cpu", o.CPU, func(t provenance.InternalTwin) string { return t.CPU })
	compare("buildkit", o.BuildKit, func(t provenance.InternalTwin) string { return t.BuildKit })
	for _, name := range []string{"buildkitd", "runc"} {
		compare(name, o.Binaries[name]["sha256"], func(t provenance.InternalTwin) string { return t.Binaries[name]["sha256"] })
	}
	return o
}

// apartFrom are the axes between the original's builders, as the provenance describes them, and ours. Their names are unlike those of the
// axes between twins, because only one side of them was measured here.
func apartFrom(p provenance.Provenance, rep *builder.Repetition, o provenance.Observed) []provenance.Axis {
	var out []provenance.Axis
	if t := p.Finished(); !t.IsZero() && !t.Equal(rep.Started) {
		theirs, ours := t.UTC().Format(time.RFC3339Nano), rep.Started.UTC().Format(time.RFC3339Nano)
		out = append(out, provenance.Axis{Name: "audit: time", State: provenance.AxisMeasured, A: theirs, B: ours})
	}
	in, err := p.Internal()
	if err != nil || len(in.Twins) == 0 {
		return out
	}
	a := in.Twins[0]
	for _, x := range []struct{ name, key, a, b string }{
		{"audit: machine", "host", a.Host, o.Host}, {"audit: kernel", "kernel", a.Kernel, o.Kernel}, {"audit: CPU model", "cpu", a.CPU, o.CPU},
	} {
		switch {
		case slices.Contains(o.Differs, x.key):
			out = append(out, provenance.Axis{Name: x.name, State: provenance.AxisMeasured, A: x.a, B: x.b})
		case slices.Contains(o.Same, x.key):
			out = append(out, provenance.Axis{Name: x.name, State: provenance.AxisNotApplied, Reason: "it is the same as the original's"})
		default:
			out = append(out, provenance.Axis{Name: x.name, State: provenance.AxisNotApplied, Reason: "the evidence does not say what the original's was"})
		}
	}
	return out
}
