package doctor_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selfsame-build/selfsame/guard/doctor"
	"github.com/selfsame-build/selfsame/internal/diag"
)

// world is a node on which nothing is wrong.
type world struct {
	doctor.Node
	dir, bin, nri string
}

const clean = `version = 4
imports = ['conf.d/*.toml']
[plugins.'io.containerd.cri.v1.images']
  max_concurrent_downloads = 3
  disable_snapshot_annotations = true
  discard_unpacked_layers = false
[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = '/etc/containerd/certs.d'
[plugins.'io.containerd.image-verifier.v1.bindir']
  bin_dir = 'DIR/bin'
  max_verifiers = 10
  per_verifier_timeout = '10s'
[plugins.'io.containerd.nri.v1.nri']
  disable = false
  socket_path = 'DIR/nri/nri.sock'
  plugin_path = 'DIR/nri/plugins'
  plugin_request_timeout = '2s'
[plugins.'io.containerd.nri.v1.nri'.default_validator]
  enable = true
  required_plugins = ['selfsame']
  tolerate_missing_plugins_annotation = ''
`

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{dir: dir, bin: filepath.Join(dir, "bin"), nri: filepath.Join(dir, "nri"), Node: doctor.Node{Containerd: filepath.Join(dir, "config.toml"), Version: "v2.4.2",
		Guard: filepath.Join(dir, "guard.yaml"), Client: "selfsame-pull", Plugin: "selfsame", UID: os.Geteuid()}}
	w.file(t, "config.toml", clean, 0o644)
	w.file(t, "bin/selfsame-pull", "#!/bin/true\n", 0o755)
	w.file(t, "nri/nri.sock", "", 0o600)
	w.file(t, "guard.yaml", "guard: v1\ntrust: trust.yaml\npolicy: {file: policy.yaml}\nsocket: {path: agent.sock}\n", 0o644)
	l, err := net.Listen("unix", filepath.Join(dir, "agent.sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := os.Chmod(filepath.Join(dir, "agent.sock"), 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := bufio.NewReader(c).ReadString('\n'); err == nil {
				fmt.Fprintln(c, `{"version":1,"status":{}}`)
			}
			_ = c.Close()
		}
	}()
	return w
}

// file writes one, with the mode as it is said, whatever the umask.
func (w *world) file(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", w.dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	w.chmod(t, name, mode)
}

func (w *world) chmod(t *testing.T, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(filepath.Join(w.dir, name), mode); err != nil {
		t.Fatal(err)
	}
}

// change replaces text of the clean configuration.
func change(old, new string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		t.Helper()
		if !strings.Contains(clean, old) {
			t.Fatalf("the clean configuration has no %q", old)
		}
		w.file(t, "config.toml", strings.Replace(clean, old, new, 1), 0o644)
	}
}

// more adds a file that the configuration imports.
func more(text string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) { t.Helper(); w.file(t, "conf.d/more.toml", "version = 4\n"+text, 0o644) }
}

func remove(name string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		t.Helper()
		if err := os.RemoveAll(filepath.Join(w.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func mode(name string, m os.FileMode) func(*testing.T, *world) {
	return func(t *testing.T, w *world) { t.Helper(); w.chmod(t, name, m) }
}

func add(name string, m os.FileMode) func(*testing.T, *world) {
	return func(t *testing.T, w *world) { t.Helper(); w.file(t, name, "", m) }
}

// through has the image verifier be a link to a link in a folder, which leads to the program.
func (w *world) through(t *testing.T, folder string, m os.FileMode) {
	t.Helper()
	w.file(t, folder+"/x", "", 0o644)
	w.chmod(t, folder, m)
	w.file(t, "programs/selfsame-pull", "", 0o755)
	remove("bin/selfsame-pull")(t, w)
	w.link(t, "bin/selfsame-pull", "../"+folder+"/selfsame-pull")
	w.link(t, folder+"/selfsame-pull", filepath.Join(w.dir, "programs/selfsame-pull"))
}

func (w *world) link(t *testing.T, name, to string) {
	t.Helper()
	if err := os.Symlink(to, filepath.Join(w.dir, name)); err != nil {
		t.Fatal(err)
	}
}

// TestLinks: links in folders of nobody else's are good; so is one of ours in a folder with the sticky bit.
func TestLinks(t *testing.T) {
	for _, m := range []os.FileMode{0o755, 0o777 | os.ModeSticky} {
		w := newWorld(t)
		w.through(t, "other", m)
		if got := w.Check(t.Context()); len(got) != 0 {
			t.Errorf("%o: %+v", m, got)
		}
	}
	if os.Geteuid() == 0 { // who else could give a link away
		w := newWorld(t)
		w.through(t, "other", 0o777|os.ModeSticky)
		if err := os.Lchown(filepath.Join(w.dir, "other/selfsame-pull"), 12345, 12345); err != nil {
			t.Fatal(err)
		}
		if got := w.Check(t.Context()); len(got) != 1 || got[0].Code != "A0962" || got[0].Place != filepath.Join(w.dir, "other") {
			t.Errorf("a link of somebody else's: %+v", got)
		}
	}
	w := newWorld(t)
	w.link(t, "bin/loop", "loop")
	if got := w.Check(t.Context()); len(got) != 2 || got[0].Code != "A0962" || !strings.Contains(got[0].Summary, "too many levels") || got[1].Code != "A0964" {
		t.Errorf("a link to itself: %+v", got)
	}
}

func TestClean(t *testing.T) {
	w := newWorld(t)
	if got := w.Check(t.Context()); len(got) != 0 || doctor.Failed(got) {
		t.Errorf("findings on a clean node: %+v", got)
	}
}

const (
	criTable      = "[plugins.'io.containerd.cri.v1.images']\n"
	registryTable = "[plugins.'io.containerd.cri.v1.images'.registry"
)

// TestOneChange: each makes a clean node one that is open without a word, and is found, alone, where it is.
func TestOneChange(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*testing.T, *world)
		code   diag.Code
		place  string // below the node's folder
		want   string
	}{
		"local pull":              {more(criTable + "use_local_image_pull = true"), "A0960", "conf.d/more.toml:3", "`use_local_image_pull`"},
		"unpacked layers":         {change("discard_unpacked_layers = false", "discard_unpacked_layers = true"), "A0960", "config.toml:6", "`discard_unpacked_layers`"},
		"snapshot annotations":    {change("disable_snapshot_annotations = true", "disable_snapshot_annotations = false"), "A0960", "config.toml:5", "`disable_snapshot_annotations`"},
		"mirrors":                 {more(registryTable + ".mirrors.'docker.io']\nendpoint = ['https://m.example.com']"), "A0960", "conf.d/more.toml", "`registry.mirrors`"},
		"configs":                 {more(registryTable + ".configs.'docker.io'.tls]\ninsecure_skip_verify = true"), "A0960", "conf.d/more.toml", "`registry.configs`"},
		"auths":                   {more(registryTable + "]\nauths = {'docker.io' = {username = 'x'}}"), "A0960", "conf.d/more.toml:3", "`registry.auths`"},
		"concurrent downloads":    {change("max_concurrent_downloads = 3", "max_concurrent_downloads = 10"), "A0960", "config.toml:4", "`max_concurrent_downloads`"},
		"sync fs":                 {more(criTable + "image_pull_with_sync_fs = true"), "A0960", "conf.d/more.toml:3", "`image_pull_with_sync_fs`"},
		"not a truth value":       {more(criTable + "image_pull_with_sync_fs = 'yes'"), "A0960", "conf.d/more.toml:3", "`image_pull_with_sync_fs`"},
		"no verifier folder":      {remove("bin"), "A0961", "config.toml:10", "cannot be read"},
		"empty verifier folder":   {remove("bin/selfsame-pull"), "A0961", "config.toml:10", "is empty"},
		"verifiers disabled":      {more("disabled_plugins = ['io.containerd.image-verifier.v1.bindir']"), "A0961", "conf.d/more.toml:2", "`disabled_plugins`"},
		"writable folder":         {mode("bin", 0o777), "A0962", "bin", "mode 0777"},
		"writable program":        {mode("bin/selfsame-pull", 0o757), "A0962", "bin/selfsame-pull", "mode 0757"},
		"sticky folder":           {mode("bin", 0o777|os.ModeSticky), "A0962", "bin", "mode 1777"},
		"a link in others' hands": {func(t *testing.T, w *world) { w.through(t, "open", 0o777) }, "A0962", "open", "mode 0777"},
		"too many verifiers":      {change("max_verifiers = 10", "max_verifiers = 0"), "A0963", "config.toml:11", "`max_verifiers` is 0"},
		"a file not to be run":    {add("bin/README", 0o644), "A0964", "bin/README", "cannot be run"},
		"a folder among them":     {add("bin/old/x", 0o755), "A0964", "bin/old", "cannot be run"},
		"another's verifier":      {func(t *testing.T, w *world) { remove("bin/selfsame-pull")(t, w); add("bin/other", 0o755)(t, w) }, "A0965", "bin", "selfsame-pull is not among"},
		"short verifier time":     {change("per_verifier_timeout = '10s'", "per_verifier_timeout = '5s'"), "A0966", "config.toml:12", "`5s`"},
		"NRI off":                 {change("disable = false", "disable = true"), "A0967", "config.toml:14", "switched off"},
		"NRI disabled":            {more("disabled_plugins = ['io.containerd.nri.v1.nri']"), "A0967", "conf.d/more.toml:2", "`disabled_plugins`"},
		"validator off":           {change("enable = true", "enable = false"), "A0968", "config.toml:19", "default validator is off"},
		"validator not set":       {change("  enable = true\n", ""), "A0968", "", "default validator is off"},
		"others required":         {change("['selfsame']", "['other']"), "A0968", "config.toml:20", "does not name `selfsame`"},
		"none required":           {change("  required_plugins = ['selfsame']\n", ""), "A0968", "", "does not name `selfsame`"},
		"toleration":              {change("_annotation = ''", "_annotation = 'me.example.com/skip'"), "A0969", "config.toml:21", "`me.example.com/skip`"},
		"short plugin time":       {change("plugin_request_timeout = '2s'", "plugin_request_timeout = '500ms'"), "A0970", "config.toml:17", "`500ms`"},
		"no plugin time":          {change("plugin_request_timeout = '2s'", "plugin_request_timeout = 2"), "A0970", "config.toml:17", "`2`"},
		"open NRI socket":         {mode("nri/nri.sock", 0o666), "A0971", "nri/nri.sock", "mode 0666"},
		"open plugin folder":      {func(t *testing.T, w *world) { add("nri/plugins/x", 0o755)(t, w); w.chmod(t, "nri/plugins", 0o777) }, "A0971", "nri/plugins", "mode 0777"},
		"no configuration":        {remove("config.toml"), "A0972", "config.toml", "no such file"},
		"no TOML":                 {more("x ="), "A0972", "config.toml", "more.toml:2"},
		"version 1":               {change("version = 4\n", ""), "A0972", "config.toml", "has version 1"},
		"version 5":               {change("version = 4", "version = 5"), "A0972", "config.toml", "has version 5"},
		"a missing import":        {change("imports = ['conf.d/*.toml']", "imports = ['gone.toml']"), "A0972", "config.toml", "gone.toml"},
		"a huge file":             {more("x = '" + strings.Repeat("x", 256<<10) + "'"), "A0972", "config.toml", "more than 262144 bytes"},
		"old containerd":          {func(_ *testing.T, w *world) { w.Version = "v2.3.9" }, "A0973", "config.toml", "older than 2.4"},
		"no version":              {func(_ *testing.T, w *world) { w.Version = "main" }, "A0973", "config.toml", "older than 2.4"},
		"no agent":                {remove("agent.sock"), "A0974", "agent.sock", "does not answer"},
		"wrong guard file":        {func(t *testing.T, w *world) { w.file(t, "guard.yaml", "guard: v1\n", 0o644) }, "A0975", "guard.yaml", "the guard's configuration has no `trust`"},
		"no guard file":           {remove("guard.yaml"), "A0975", "guard.yaml", "cannot read"},
		"containerd says nothing": {func(t *testing.T, w *world) { w.Version = ""; more("[grpc]\naddress = 'DIR/none.sock'")(t, w) }, "A0973", "none.sock", "does not say its version"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c.change(t, w)
			got := w.Check(t.Context())
			if len(got) != 1 {
				t.Fatalf("%d findings: %+v", len(got), got)
			}
			f := got[0]
			place := "containerd's default"
			if c.place != "" {
				place = filepath.Join(w.dir, c.place)
			}
			if f.Code != c.code || !strings.HasPrefix(f.Place, place) || !strings.Contains(f.Summary, c.want) || f.Why == "" || f.Fix == "" || strings.Contains(f.Fix, "\n") || !doctor.Failed(got) {
				t.Errorf("got %+v\nwant %s at %s with %s", f, c.code, place, c.want)
			}
			if _, ok := diag.Lookup(f.Code); !ok {
				t.Errorf("%s has no page", f.Code)
			}
		})
	}
}

// TestVersion2: the older names of the same settings, which containerd migrates.
func TestVersion2(t *testing.T) {
	for _, setting := range []string{"max_concurrent_downloads = 5", "[plugins.'io.containerd.grpc.v1.cri'.containerd]\ndiscard_unpacked_layers = true",
		"[plugins.'io.containerd.grpc.v1.cri'.containerd]\ndisable_snapshot_annotations = false", "[plugins.'io.containerd.grpc.v1.cri'.registry.mirrors.'x']"} {
		w := newWorld(t)
		old := strings.Replace(clean, "version = 4", "version = 2", 1)
		w.file(t, "config.toml", old+"[plugins.'io.containerd.grpc.v1.cri']\n"+setting+"\n", 0o644)
		got := w.Check(t.Context())
		if len(got) != 1 || got[0].Code != "A0960" || !strings.Contains(got[0].Fix, "io.containerd.grpc.v1.cri") {
			t.Errorf("%s: %+v", setting, got)
		}
	}
}

// TestDump: what containerd prints is all there is; its imports are in it already.
func TestDump(t *testing.T) {
	w := newWorld(t)
	w.Containerd, w.Dump = "-", strings.NewReader(strings.ReplaceAll(strings.Replace(clean, "conf.d/*.toml", "/nowhere.toml", 1), "DIR", w.dir))
	if got := w.Check(t.Context()); len(got) != 0 {
		t.Errorf("findings: %+v", got)
	}
}
