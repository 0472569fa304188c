package containerd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/containerd/nri/pkg/api"
	"github.com/containerd/nri/pkg/stub"
)

// TestVerifierFailures is the failure matrix of containerd's image verifiers (research: runtime §1.1): what a node does whose folder of
// verifiers is not as it should be. Where it passes, selfsame-guard doctor fails, and the gate at start refuses.
func TestVerifierFailures(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "verifiers")
	n := Start(t, Options{Verifiers: dir, MaxVerifiers: 2, VerifierTimeout: time.Second})
	ref := pushed(t, n, NewImage(t, "hello"))
	pull := func() error { _, err := n.Pull(t.Context(), ref); return err }
	local := func() error {
		_, err := n.Ctr(t.Context(), "images", "pull", "--local", "--plain-http", ref)
		return err
	}
	for _, row := range []struct {
		name    string
		files   map[string]string // scripts by name; nil: there is no folder
		does    func() error
		refused string // part of the error; "": it passes; "?": it may
	}{
		{"missing folder", nil, pull, ""},
		{"empty folder", map[string]string{}, pull, ""},
		{"a file that cannot be run", map[string]string{"README": ""}, pull, "permission denied"},
		{"one of them refuses", map[string]string{"10-yes": "exit 0", "20-no": "echo not today; exit 7"}, pull, "not today"},
		{"beyond max_verifiers", map[string]string{"10-yes": "exit 0", "20-yes": "exit 0", "30-no": "exit 7"}, pull, ""},
		{"too slow", map[string]string{"10-slow": "exec sleep 20"}, pull, "signal: killed"},
		{"a child holds its stdout", map[string]string{"10-child": "sleep 3 &\nexit 0"}, pull, "?"}, // as it comes: containerd has its exit code and a deadline that is over
		{"its words are cut", map[string]string{"10-talks": "head -c 100000 /dev/zero | tr '\\0' x; exit 1"}, pull, "blocked pull"},
		{"a pull by the client", map[string]string{"10-no": "exit 7"}, local, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			_ = os.RemoveAll(dir)
			if row.files != nil {
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			for name, do := range row.files {
				mode := os.FileMode(0o755)
				if do == "" {
					mode = 0o644
				}
				if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+do+"\n"), mode); err != nil {
					t.Fatal(err)
				}
			}
			began := time.Now()
			err := row.does()
			if row.refused == "?" {
				if took := time.Since(began); took < 900*time.Millisecond || took > 3*time.Second {
					t.Errorf("it takes %s, with a deadline of a second (%v)", took, err)
				}
				return
			}
			if row.refused == "" && err != nil || row.refused != "" && (err == nil || !strings.Contains(err.Error(), row.refused)) {
				t.Errorf("%v; want %q", err, row.refused)
			}
			if err != nil && len(err.Error()) > 40<<10 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

// creates is an NRI plugin with one hook, validates one with another, and both has two.
type (
	creates   func() error
	validates func() error
	both      struct {
		creates
		validates
	}
)

func (f creates) CreateContainer(context.Context, *api.PodSandbox, *api.Container) (*api.ContainerAdjustment, []*api.ContainerUpdate, error) {
	return nil, nil, f()
}

func (f validates) ValidateContainerAdjustment(context.Context, *api.ValidateContainerAdjustmentRequest) error {
	return f()
}

// nriRows are the matrix: what becomes of a container, without and with the plugin required. "": it starts; else a part of the refusal.
var nriRows = func() []nriRow {
	fine := func() error { return nil }
	refuses := func() error { return &refusal{"x"} }
	hangs := func() error { time.Sleep(time.Second); return nil }
	create := func(f func() error) func(func()) any {
		return func(called func()) any { return creates(func() error { called(); return f() }) }
	}
	validate := func(f func() error) func(func()) any {
		return func(called func()) any { return validates(func() error { called(); return f() }) }
	}
	two := func(called func()) any { return both{func() error { called(); return hangs() }, fine} }
	return []nriRow{
		{"CreateContainer refuses", create(refuses), false, "not verified: x", "not verified: x"},
		{"CreateContainer hangs", create(hangs), false, "", ""}, // the trap: also where the plugin is required
		{"CreateContainer hangs, of a plugin that validates too", two, false, "closed", "closed"},
		{"ValidateContainerAdjustment refuses", validate(refuses), false, "not verified: x", "not verified: x"},
		{"ValidateContainerAdjustment hangs", validate(hangs), false, "deadline exceeded", "deadline exceeded"},
		{"ValidateContainerAdjustment lets pass", validate(fine), false, "", ""},
		{"not connected", nil, false, "", "not present"},
		{"not connected, and the pod tolerates it", nil, true, "", ""},
	}
}()

type nriRow struct {
	name             string
	plugin           func(called func()) any // nil: none is connected
	tolerant         bool
	without, require string
}

// TestNRIFailures is the failure matrix of NRI's hooks (research: runtime §1.2), by which the start gate decides in
// ValidateContainerAdjustment and has to be required: no other hook fails closed.
func TestNRIFailures(t *testing.T) {
	for _, required := range []bool{false, true} {
		opts := NRI{RequestTimeout: 300 * time.Millisecond}
		if required {
			opts.Required, opts.Tolerate = []string{"test"}, "example.com/tolerate"
		}
		n := Start(t, Options{NRI: &opts})
		pods := map[bool]*Pod{}
		for tolerant, annotations := range map[bool]map[string]string{false: nil, true: {"example.com/tolerate": "true"}} {
			pod, err := n.RunPod(t.Context(), fmt.Sprint("p-", tolerant), annotations)
			if err != nil {
				t.Fatal(err)
			}
			pods[tolerant] = pod
		}
		for i, row := range nriRows {
			name, want := row.name, row.without
			if required {
				name, want = name+", required", row.require
			}
			t.Run(name, func(t *testing.T) {
				var calls atomic.Int32
				if row.plugin != nil {
					connect(t, n, row.plugin(func() { calls.Add(1) }))
				}
				// Plugins come and go without containerd's callers being told: another attempt where this one was not asked, or the one before is being lost.
				var err error
				for try := range 100 {
					_, err = pods[row.tolerant].Create(t.Context(), Container{Name: fmt.Sprint("c", i, "-", try), Image: sandboxImage})
					lost := err != nil && strings.Contains(err.Error(), "closed") && want != "closed"
					if (row.plugin == nil || calls.Load() > 0) && !lost {
						break
					}
					time.Sleep(20 * time.Millisecond)
				}
				if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
					t.Errorf("%v; want %q", err, want)
				}
			})
		}
	}
}

// connect registers a plugin under the name "test" until the test ends.
func connect(t *testing.T, n *Node, plugin any) {
	t.Helper()
	s, err := stub.New(plugin, stub.WithPluginName("test"), stub.WithPluginIdx("90"), stub.WithSocketPath(n.NRISocket))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
}
