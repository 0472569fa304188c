package containerd

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sandboxImage is the image of the pods' own process; it is imported, as no registry has it.
const sandboxImage = "selfsame.test/pause:v1"

// Tables of containerd's configuration: a table's name ("" at the top), its keys, and their values in TOML.
type Tables map[string]map[string]string

// Names of tables that tests change.
const (
	TableImages   = "plugins.'io.containerd.cri.v1.images'"
	TableRegistry = TableImages + ".registry"
	TableRuntime  = "plugins.'io.containerd.cri.v1.runtime'"
	TableRunc     = TableRuntime + ".containerd.runtimes.runc.options"
	TableVerifier = "plugins.'io.containerd.image-verifier.v1.bindir'"
	TableNRI      = "plugins.'io.containerd.nri.v1.nri'"
)

// config is a node that touches nothing outside its folder. Without restrict_oom_score_adj no container starts where root lacks
// CAP_SYS_RESOURCE; systemd is asked for nothing, and pods need no CNI because they use the host's network.
func (n *Node) config(opts Options) Tables {
	in := func(name string) string { return quote(filepath.Join(n.Dir, name)) }
	verifiers := in("no-verifiers")
	if opts.Verifiers != "" {
		verifiers = quote(opts.Verifiers)
	}
	t := Tables{
		"":                             {"version": "4", "root": in("root"), "state": in("state"), "imports": "[]"},
		"debug":                        {"level": "'debug'"},
		TableImages:                    {"snapshotter": "'overlayfs'"},
		TableImages + ".pinned_images": {"sandbox": quote(sandboxImage)},
		TableRegistry:                  {"config_path": in("hosts")},
		TableRuntime: {"disable_apparmor": "true", "restrict_oom_score_adj": "true", "enable_unprivileged_ports": "false",
			"enable_unprivileged_icmp": "false", "disable_tcp_service": "true"},
		TableRuntime + ".containerd":               {"default_runtime_name": "'runc'"},
		TableRuntime + ".containerd.runtimes.runc": {"runtime_type": "'io.containerd.runc.v2'"},
		TableRunc:             {"BinaryName": quote(n.runc), "Root": in("runc"), "SystemdCgroup": "false"},
		TableRuntime + ".cni": {"bin_dirs": "[" + in("cni/bin") + "]", "conf_dir": in("cni/conf")},
		TableVerifier:         {"bin_dir": verifiers},
		"plugins.'io.containerd.internal.v1.opt'":   {"path": in("opt")},
		"plugins.'io.containerd.server.v1.grpc'":    {"address": quote(n.Socket)},
		"plugins.'io.containerd.server.v1.ttrpc'":   {"address": quote(n.Socket + ".ttrpc")},
		"plugins.'io.containerd.transfer.v1.local'": {"config_path": in("hosts")},
		TableNRI: {"disable": "true"},
	}
	if opts.MaxVerifiers != 0 {
		t[TableVerifier]["max_verifiers"] = strconv.Itoa(opts.MaxVerifiers)
	}
	setDuration(t[TableVerifier], "per_verifier_timeout", opts.VerifierTimeout)
	if opts.NRI != nil {
		n.nri(t, *opts.NRI)
	}
	for table, keys := range opts.Config {
		if t[table] == nil {
			t[table] = map[string]string{}
		}
		maps.Copy(t[table], keys)
	}
	return t
}

func (n *Node) nri(t Tables, opts NRI) {
	folder := func(path, otherwise string) string {
		if path == "" {
			path = filepath.Join(n.Dir, otherwise)
		}
		return quote(path)
	}
	t[TableNRI] = map[string]string{"disable": "false", "socket_path": quote(n.NRISocket),
		"plugin_path": folder(opts.Plugins, "no-plugins"), "plugin_config_path": folder(opts.PluginConfig, "no-plugin-config")}
	setDuration(t[TableNRI], "plugin_request_timeout", opts.RequestTimeout)
	setDuration(t[TableNRI], "plugin_registration_timeout", opts.RegistrationTimeout)
	var required []string
	for _, name := range opts.Required {
		required = append(required, quote(name))
	}
	t[TableNRI+".default_validator"] = map[string]string{"enable": "true", "required_plugins": "[" + strings.Join(required, ", ") + "]",
		"tolerate_missing_plugins_annotation": quote(opts.Tolerate)}
}

func setDuration(table map[string]string, key string, d time.Duration) {
	if d != 0 {
		table[key] = quote(d.String())
	}
}

func quote(s string) string { return "'" + s + "'" }

func (t Tables) render() []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(t)) { // the top comes first: its name is empty
		if name != "" {
			fmt.Fprintf(&b, "[%s]\n", name)
		}
		for _, key := range slices.Sorted(maps.Keys(t[name])) {
			fmt.Fprintf(&b, "%s = %s\n", key, t[name][key])
		}
	}
	return b.Bytes()
}

// PlainHTTP lets containerd speak plain HTTP to a registry (HOST:PORT). It may be called at any time. The older settings that do the same
// (mirrors and configs in TableRegistry) would switch image verifiers off.
func (n *Node) PlainHTTP(tb testing.TB, host string) {
	tb.Helper()
	dir := filepath.Join(n.Dir, "hosts", host)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	text := fmt.Sprintf("server = %q\n[host.%q]\n  capabilities = ['pull', 'resolve']\n", "http://"+host, "http://"+host)
	if err := os.WriteFile(filepath.Join(dir, "hosts.toml"), []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}
