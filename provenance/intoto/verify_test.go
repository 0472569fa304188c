package intoto

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"
)

// TestVerify: the honest run is held, and each attack on it ends at the step that it is about.
func TestVerify(t *testing.T) {
	two := map[string]int{StepBuildA: 2}
	for name, c := range map[string]struct {
		thresholds map[string]int
		attack     func(r *run) []Signed
		want       string
		reason     string
	}{
		"honest":         {nil, (*run).list, "", ""},
		"no links":       {nil, func(*run) []Signed { return nil }, "source missing, lock missing, build-a missing, build-b missing, compare missing, sign missing, scan missing", "no link"},
		"altered source": {nil, change(StepSource, func(l *Link) { l.Products[ArtifactContext] = sum("evil") }), "lock broken", "context"},
		"altered lock":   {nil, change(StepLock, func(l *Link) { l.Products[ArtifactLock] = sum("evil") }), "build-a broken", ArtifactLock},
		"reordered: built before it was locked": {nil, change(StepBuildA, func(l *Link) {
			l.Materials[ArtifactLock] = sum("the lock before")
		}), "build-a broken", ArtifactLock},
		"built without a lock":  {nil, change(StepBuildA, func(l *Link) { delete(l.Materials, ArtifactLock) }), "build-a broken", ArtifactLock},
		"built with more":       {nil, change(StepBuildB, func(l *Link) { l.Materials["patch"] = sum("evil") }), "build-b broken", "patch"},
		"A made something else": {nil, change(StepBuildA, func(l *Link) { l.Products["A/linux/arm64"] = sum("evil") }), "compare broken", "arm64"},
		"B made something else": {nil, change(StepBuildB, func(l *Link) { l.Products["B/linux/arm64"] = sum("evil") }), "sign broken", "arm64"},
		"compared what nobody built": {nil, change(StepCompare, func(l *Link) {
			l.Materials["A/linux/amd64"], l.Materials["B/linux/amd64"] = sum("x"), sum("x")
		}), "compare broken", "amd64"},
		"compared nothing, B differs": {nil, func(r *run) []Signed {
			r.links[StepCompare].Materials = Artifacts{}
			r.links[StepBuildB].Products["B/linux/amd64"] = sum("evil")
			return r.list()
		}, "sign broken", "amd64"},
		"compared nothing, A differs": {nil, func(r *run) []Signed {
			r.links[StepCompare].Materials = Artifacts{}
			r.links[StepBuildA].Products["A/linux/amd64"] = sum("evil")
			return r.list()
		}, "compare broken", "amd64"},
		"a platform that nobody built": {nil, func(r *run) []Signed {
			for _, step := range []string{StepCompare, StepSign, "scan"} {
				r.links[step].Products["image/linux/riscv64"] = sum("evil")
			}
			r.links[StepSign].Materials["image/linux/riscv64"] = sum("evil")
			r.links["scan"].Materials["image/linux/riscv64"] = sum("evil")
			r.image.Platforms["linux/riscv64"] = sum("evil")
			return r.list()
		}, "sign broken", "riscv64"},
		"a platform left out of the comparison": {nil, change(StepCompare, func(l *Link) { delete(l.Products, "image/linux/arm64") }),
			"compare missing", "1 of the image's 2 platforms"},
		"signed another image":        {nil, change(StepSign, func(l *Link) { l.Products[ArtifactImage] = sum("evil") }), "sign missing", "another image"},
		"the scan names no image":     {nil, change("scan", func(l *Link) { l.Products = Artifacts{"scan.json": sum("report")} }), "scan missing", "among its products"},
		"a scan of another image":     {nil, change("scan", func(l *Link) { l.Materials[ArtifactImage] = sum("evil") }), "scan missing", "another image"},
		"a stranger's link":           {nil, by(StepLock, "nobody"), "lock missing", "by others"},
		"the right key, another step": {nil, by(StepSign, "ci"), "sign missing", "by others"},
		"a link that calls itself another step's": {nil, func(r *run) []Signed {
			r.links[StepLock].Step = StepSource
			return r.list()
		}, "lock missing", "no link"},
		"threshold 2, one functionary": {two, (*run).list, "build-a missing", "1 of the 2"},
		"threshold 2, one key twice": {two, func(r *run) []Signed {
			return append(r.list(), r.signed(*r.links[StepBuildA]))
		}, "build-a missing", "1 of the 2"},
		"threshold 2, one key twice in other words": {two, func(r *run) []Signed {
			l := r.signed(*r.links[StepBuildA])
			l.Command = []string{"make"}
			return append(r.list(), l)
		}, "build-a missing", "1 of the 2"},
		"threshold 2, two functionaries": {two, second(nil), "", ""},
		"threshold 2, they contradict each other": {two, second(func(l *Link) { l.Products["A/linux/amd64"] = sum("evil") }),
			"build-a broken", "contradict each other"},
		"threshold 1, they contradict each other": {nil, second(func(l *Link) { l.Products["A/linux/amd64"] = sum("evil") }),
			"build-a broken", "contradict each other"},
		"threshold 1, the second is about another run": {nil, second(func(l *Link) {
			l.Materials[ArtifactLock], l.Products["A/linux/amd64"] = sum("lock of another day"), sum("image of another day")
		}), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRun(t, c.thresholds)
			r.ids["nobody"] = strings.Repeat("0f", 32)
			links := c.attack(r)
			outcomes, _ := r.layout.Verify(links, r.image)
			if got := brief(outcomes); got != c.want || !strings.Contains(reasonOf(outcomes), c.reason) {
				t.Errorf("%s (%s), want %s (%s)", got, reasonOf(outcomes), c.want, c.reason)
			}
		})
	}
}

func change(step string, f func(*Link)) func(*run) []Signed {
	return func(r *run) []Signed {
		l := &r.links[step].Link
		l.Materials, l.Products = maps.Clone(l.Materials), maps.Clone(l.Products)
		f(l)
		return r.list()
	}
}

func by(step, who string) func(*run) []Signed {
	return func(r *run) []Signed {
		r.links[step].KeyID = r.ids[who]
		return r.list()
	}
}

// second adds a link of build-a by its second functionary.
func second(f func(*Link)) func(*run) []Signed {
	return func(r *run) []Signed {
		l := *r.links[StepBuildA]
		l.Materials, l.Products, l.KeyID = maps.Clone(l.Materials), maps.Clone(l.Products), r.ids["ci2"]
		if f != nil {
			f(&l.Link)
		}
		return append(r.list(), r.signed(l))
	}
}

// TestEachStepIsNeeded removes one link after the other.
func TestEachStepIsNeeded(t *testing.T) {
	for i, step := range order {
		r := newRun(t, nil)
		delete(r.links, step)
		outcomes, _ := r.layout.Verify(r.list(), r.image)
		if got := brief(outcomes); got != step+" missing" {
			t.Errorf("without %s: %s", step, got)
		}
		for k, o := range outcomes {
			if k != i && o.State != Unchecked {
				t.Errorf("without %s: %s is %v, though no rule was applied", step, o.Step, o.State)
			}
		}
	}
}

// TestReplay attaches the links of other images of the same recipe, by the same functionaries.
func TestReplay(t *testing.T) {
	r := newRun(t, nil)
	old := r.list()
	image := r.image
	r.perform("two")
	now := r.list()
	for i, step := range order {
		swapped := append([]Signed{}, now...)
		swapped[i] = old[i]
		outcomes, _ := r.layout.Verify(swapped, r.image)
		if brief(outcomes) == "" {
			t.Errorf("the link of %s was taken from another image, and nothing is amiss", step)
		}
	}
	if outcomes, _ := r.layout.Verify(old, r.image); brief(outcomes) == "" {
		t.Error("all links are another image's, and nothing is amiss")
	}
	// Beside the good ones they are no harm, whichever comes first.
	for _, all := range [][]Signed{append(append([]Signed{}, old...), now...), append(append([]Signed{}, now...), old...)} {
		for _, img := range []Image{image, r.image} {
			outcomes, ignored := r.layout.Verify(all, img)
			if got := brief(outcomes); got != "" || len(ignored) != len(order) {
				t.Errorf("%s (%s), %d ignored", got, reasonOf(outcomes), len(ignored))
			}
		}
	}
}

// TestManyReleases: a hundred releases of one recipe, all their links attached to one of them.
func TestManyReleases(t *testing.T) {
	r := newRun(t, nil)
	var all []Signed
	for i := range 100 {
		r.perform(fmt.Sprint("release ", i))
		all = append(all, r.list()...)
	}
	r.perform("release 50")
	outcomes, ignored := r.layout.Verify(all, r.image)
	if got := brief(outcomes); got != "" || len(ignored) != 99*len(order) {
		t.Errorf("%s (%s), %d ignored", got, reasonOf(outcomes), len(ignored))
	}
	// Without the one lock that fits, the search ends, and with a no.
	start := time.Now()
	var rest []Signed
	for _, l := range all {
		if l.Products[ArtifactLock] != sum("lock release 50") {
			rest = append(rest, l)
		}
	}
	outcomes, _ = r.layout.Verify(rest, r.image)
	if got := brief(outcomes); got != "build-a broken" || !strings.Contains(reasonOf(outcomes), ArtifactLock) {
		t.Errorf("the lock is gone, and blamed is %q: %s", got, reasonOf(outcomes))
	} else {
		t.Logf("%s after %v: %s", got, time.Since(start), reasonOf(outcomes))
	}
}

// TestTenThousandLinks: floods of links by functionaries are looked through in bounded time, and decide nothing wrongly.
func TestTenThousandLinks(t *testing.T) {
	r := newRun(t, nil)
	flood := r.list()
	for i := range 10_000 {
		l := *r.links[order[i%len(order)]]
		flood = append(flood, l)
	}
	outcomes, _ := r.layout.Verify(flood, r.image)
	if got := brief(outcomes); got != "" {
		t.Errorf("the same links over and over: %s", got)
	}
	flood = r.list()
	for i := range 10_000 {
		l := *r.links[StepLock]
		l.Products = Artifacts{ArtifactLock: digest.FromString(fmt.Sprint(i))}
		flood = append(flood, l)
	}
	start := time.Now()
	outcomes, _ = r.layout.Verify(flood, r.image)
	if got := brief(outcomes); got != "lock undecided" {
		t.Errorf("10,000 different links of one step: %s (%s)", got, reasonOf(outcomes))
	}
	if took := time.Since(start); took > 20*time.Second { // it takes some 50 ms
		t.Errorf("it took %v", took)
	}
}

func TestExpired(t *testing.T) {
	r := newRun(t, nil)
	if why := r.layout.Expired(expires.Add(-time.Second)); why != "" {
		t.Error(why)
	}
	for _, late := range []time.Duration{0, time.Hour} {
		if r.layout.Expired(expires.Add(late)) == "" {
			t.Errorf("it does not expire %v after its end", late)
		}
	}
}

// TestCommandIsANote: in-toto compares commands "softly".
func TestCommandIsANote(t *testing.T) {
	r := newRun(t, nil)
	r.layout.doc.Steps[1].ExpectedCommand = []string{"selfsame", "lock"}
	r.layout.doc.Steps[2].ExpectedCommand = []string{"make"}
	outcomes, _ := r.layout.Verify(r.list(), r.image)
	if brief(outcomes) != "" || outcomes[1].Note != "" || !strings.Contains(outcomes[2].Note, `"make"`) {
		t.Errorf("%+v", outcomes)
	}
}

func BenchmarkVerify(b *testing.B) {
	r := newRun(b, nil)
	links := r.list()
	for b.Loop() {
		if outcomes, _ := r.layout.Verify(links, r.image); brief(outcomes) != "" {
			b.Fatal(outcomes)
		}
	}
}
