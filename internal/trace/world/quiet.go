//go:build linux

package world

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// QuietName is the base name under which this program is the OCI runtime in front of both builders' own.
const QuietName = "runtime-quiet"

// otelSocket is where BuildKit mounts its trace collector in every step.
const otelSocket = "/dev/otel-grpc.sock"

// injected starts each variable that BuildKit adds to every step's environment. TRACEPARENT is random, so a tool that records
// its environment would differ between any two builds for a reason that no author could find (research: E9). The endpoint and
// its companions are only dropped with BuildKit's own values; what a build set itself stays.
var injected = []string{
	"TRACEPARENT=", "TRACESTATE=", "OTEL_TRACES_EXPORTER=otlp",
	"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=unix://" + otelSocket, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc",
}

// WriteQuiet makes dir/runtime-quiet, a runtime that quietens a container and then becomes next. self is this program. With sys it also
// mounts the /sys that BuildKit leaves out of containers where it is not root over the machine: there it does not know whether the network is the
// container's own, which with our builders it always is.
func WriteQuiet(dir, self, next string, sys bool) (string, error) {
	path := filepath.Join(dir, QuietName)
	_ = os.Remove(path + ".sys")
	if sys {
		if err := os.WriteFile(path+".sys", nil, 0o600); err != nil {
			return "", fmt.Errorf("writing the runtime's settings: %w", err)
		}
	}
	if err := os.WriteFile(path+".next", []byte(next), 0o600); err != nil {
		return "", fmt.Errorf("writing the runtime's settings: %w", err)
	}
	_ = os.Remove(path)
	if err := os.Symlink(self, path); err != nil {
		return "", fmt.Errorf("making the runtime: %w", err)
	}
	return path, nil
}

// Quiet becomes the next runtime with the same arguments, after it has changed the bundle of a container that is about to be made:
// without BuildKit's tracing, and without waiting for disks (sync.go). It returns only on failure.
func Quiet(args []string) error {
	next, err := os.ReadFile(args[0] + ".next")
	if err != nil {
		return fmt.Errorf("finding the next runtime: %w", err)
	}
	if bundle, ok := bundleOf(args[1:]); ok {
		_, err := os.Lstat(args[0] + ".sys")
		if err := quieten(filepath.Join(bundle, "config.json"), err == nil); err != nil {
			return fmt.Errorf("quietening the container in %s: %w", bundle, err)
		}
	}
	argv := append([]string{string(next)}, args[1:]...)
	return fmt.Errorf("starting %s: %w", next, unix.Exec(string(next), argv, os.Environ()))
}

func quieten(path string, sys bool) error {
	text, err := readFile(path)
	if err != nil {
		return err
	}
	changed, err := quietened(text, sys)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".selfsame", changed, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".selfsame", path)
}

// quietened keeps every field that it does not know.
func quietened(config []byte, sys bool) ([]byte, error) {
	spec, process := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if err := json.Unmarshal(config, &spec); err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if err := json.Unmarshal(spec["process"], &process); err != nil {
		return nil, fmt.Errorf("reading its process: %w", err)
	}
	var env []string
	if err := json.Unmarshal(process["env"], &env); err != nil {
		return nil, fmt.Errorf("reading its environment: %w", err)
	}
	env = slices.DeleteFunc(env, func(kv string) bool {
		return slices.ContainsFunc(injected, func(p string) bool {
			return kv == p || strings.HasSuffix(p, "=") && strings.HasPrefix(kv, p)
		})
	})
	mounts, err := withoutMount(spec["mounts"], otelSocket)
	if err != nil {
		return nil, err
	}
	if sys {
		mounts = append(mounts, json.RawMessage(sysMount))
	}
	if process["env"], err = json.Marshal(env); err != nil {
		return nil, err
	}
	if spec["process"], err = json.Marshal(process); err != nil {
		return nil, err
	}
	if spec["mounts"], err = json.Marshal(mounts); err != nil {
		return nil, err
	}
	if spec["linux"] != nil {
		if spec["linux"], err = withoutSync(spec["linux"]); err != nil {
			return nil, err
		}
	}
	return json.Marshal(spec)
}

// sysMount is containerd's (pkg/oci/mounts.go), and so the one that containers have elsewhere.
const sysMount = `{"destination":"/sys","type":"sysfs","source":"sysfs","options":["nosuid","noexec","nodev","ro"]}`

func withoutMount(raw json.RawMessage, destination string) ([]json.RawMessage, error) {
	var mounts []json.RawMessage
	if err := json.Unmarshal(raw, &mounts); err != nil {
		return nil, fmt.Errorf("reading its mounts: %w", err)
	}
	return slices.DeleteFunc(mounts, func(m json.RawMessage) bool {
		var at struct {
			Destination string `json:"destination"`
		}
		return json.Unmarshal(m, &at) == nil && at.Destination == destination
	}), nil
}
