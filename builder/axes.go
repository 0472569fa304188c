package builder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/builder/graph"
	"github.com/selfsame-build/selfsame/builder/solver"
	"github.com/selfsame-build/selfsame/internal/canary"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/provenance"
)

// canaryImage puts the canary's program into the store as an image.
func (h *Host) canaryImage(ctx context.Context) (digest.Digest, error) {
	program, err := os.ReadFile(h.Daemons.Binaries.Vary)
	if err != nil {
		return "", fmt.Errorf("reading the canary: %w", err)
	}
	layer, err := h.Store.PutBytes(ctx, tarOf("canary", program))
	if err != nil {
		return "", fmt.Errorf("storing the canary: %w", err)
	}
	img := ocispec.Image{RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}}}
	img.OS, img.Architecture = "linux", hostArch
	desc, err := h.Store.PutImage(ctx, img, []ocispec.Descriptor{{
		MediaType: ocispec.MediaTypeImageLayer, Digest: layer.Digest, Size: layer.Size,
	}}, nil)
	return desc.Digest, err
}

// observe runs the canary on one twin.
func (h *Host) observe(ctx context.Context, t *twin, image digest.Digest, target string) error {
	plan, err := graph.Canary(ctx, "linux/"+hostArch, image, []string{"/canary", "canary", "/", target}, t.world.hostname, t.world.canary)
	if err != nil {
		return err
	}
	res, err := t.client.Solve(ctx, solver.Request{Plan: plan, Store: h.Store.Content()})
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if tooOld(err) {
			return t.old()
		}
		return diag.Errorf("A0702", "measuring builder %s: %w%s", t.label, err, said(err)).
			WithHelp("a builder of your own needs --proxy-network and --allow-insecure-entitlement network.host; for ours run `selfsame doctor`")
	}
	for _, s := range res.Steps {
		if s.Step.Name != graph.CanaryStep {
			continue
		}
		if t.report, err = canary.Parse(s.Log); err != nil {
			return fmt.Errorf("measuring builder %s: %w", t.label, err)
		}
		if len(t.report.Reached) > 0 {
			return diag.Errorf("A0320", "a step of builder `%s` could reach %v over TCP", t.label, t.report.Reached).
				WithWhy("a build that can reach the network is not sealed").WithHelp("run `selfsame doctor`")
		}
		return nil
	}
	return errors.New("measuring builder " + t.label + ": the canary did not run")
}

// said is the last line that a failed step wrote.
func said(err error) string {
	var se *solver.StepError
	if !errors.As(err, &se) || len(se.Run.Log) == 0 {
		return ""
	}
	return " (" + tail(se.Run.Log, 1)[0] + ")"
}

// axis is one variation: what a step saw on each side.
type axis struct {
	name     string
	required bool
	value    func(canary.Report) string
	// apart decides whether two values differ; nil: unequal text.
	apart func(a, b canary.Report) bool
}

// axisTable lists the variations that the canary measures. Clock is that of clock calls: file times come from the kernel
// and stay real (DESIGN §4.3).
var axisTable = []axis{
	{name: "clock calls", required: true, value: func(r canary.Report) string { return strconv.FormatInt(r.Clock, 10) },
		apart: func(a, b canary.Report) bool { return b.Clock-a.Clock > 366*24*3600 }},
	{name: "kernel name", required: true, value: func(r canary.Report) string { return r.Release }},
	{name: "/proc/version", value: func(r canary.Report) string { return r.ProcVersion }},
	{name: "/proc/sys/kernel/osrelease", value: func(r canary.Report) string { return r.OSRelease }},
	{name: "boot id", value: func(r canary.Report) string { return r.BootID }},
	{name: "/proc/cpuinfo", value: func(r canary.Report) string { return r.CPUInfo }},
	{name: "/proc/meminfo", value: func(r canary.Report) string { return r.MemInfo }},
	{name: "/proc/stat", value: func(r canary.Report) string { return r.Stat }},
	{name: "CPU count", required: true, value: func(r canary.Report) string { return strconv.Itoa(r.CPUs) }},
	{name: "host name", required: true, value: func(r canary.Report) string { return r.Hostname }},
	{name: "directory order", required: true, value: func(r canary.Report) string { return r.DirectoryOrder }},
	{name: "environment", required: true, value: func(r canary.Report) string { return r.Environment }},
}

// measure turns two reports into the evidence's axes. excused gives the reason why an axis was not wanted in this build; a
// required axis that is neither seen nor excused means that nothing was proved.
func measure(a, b canary.Report, excused map[string]string) ([]provenance.Axis, error) {
	var out []provenance.Axis
	for _, x := range axisTable {
		va, vb := x.value(a), x.value(b)
		differs := va != vb
		if x.apart != nil {
			differs = x.apart(a, b)
		}
		switch {
		case differs:
			out = append(out, provenance.Axis{Name: x.name, State: provenance.AxisMeasured, A: va, B: vb})
		case excused[x.name] != "":
			out = append(out, provenance.Axis{Name: x.name, State: provenance.AxisNotApplied, Reason: excused[x.name]})
		case x.required:
			return nil, diag.Errorf("A0321", "the builders do not differ in %s: both see %q", x.name, va).
				WithWhy("twins in equal surroundings agree on what they should not").WithHelp("run `selfsame doctor`")
		default:
			out = append(out, provenance.Axis{Name: x.name, State: provenance.AxisNotApplied, Reason: "both builders see the same"})
		}
	}
	return out, nil
}
