// Package config reads the one file that configures selfsame-guard. It is read as strictly as recipes are: an unknown key is an error,
// because a misspelt one would leave a gate open without a word.
package config

import (
	"fmt"
	"path/filepath"
	"reflect"
	"time"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

// Config is the file, with paths made absolute (relative ones start from the file's folder) and defaults filled in. The doc tags are the
// reference page.
type Config struct {
	Version string `yaml:"guard" check:"required,version" doc:"version of this format"`
	Trust   string `yaml:"trust" check:"required,path" doc:"the trust file: who may sign what, and where the deny list is"`
	Roster  string `yaml:"roster" check:"path" doc:"the roster: who may say that an image was built again"`
	Policy  Policy `yaml:"policy" check:"required" doc:"what may run"`
	// Verdicts is off unless somebody says otherwise: a verdict that is handed on is another's word for evidence.
	Verdicts string `yaml:"verdicts" check:"verdicts" default:"ignore" doc:"verdicts that other verifiers handed on (signers with the role verifier in the trust file): ignore them, or accept one of this very policy if a rule fails for lack of evidence"`
	State    string `yaml:"state" check:"path" default:"/var/lib/selfsame-guard" doc:"private folder for what must survive a restart: verified evidence, the last deny list and policy, the highest numbers seen of lists and policies, names of image volumes"`
	Socket   Socket `yaml:"socket" doc:"where the node agent serves"`
	NRI      NRI    `yaml:"nri" doc:"the gate at container start"`
	// BreakGlass is a folder, because in an emergency the registry may be what is down.
	BreakGlass string `yaml:"breakGlass" check:"path" doc:"folder of signed break-glass statements (*.json); what counts is who signed them, not who may write there. Left out: there is no break-glass"`
	Keep       Keep   `yaml:"keep" doc:"how long evidence counts without asking the registry again; never longer than anything that it rests on"`
	// Refresh is how often policy, trust file and deny list are read again.
	Refresh   Duration          `yaml:"refresh" default:"1m" doc:"how often policy, trust file and deny list are read again, give or take a tenth; after a failure sooner"`
	Watch     Duration          `yaml:"watch" default:"5m" doc:"how often running containers are judged again; a change of policy, trust file or deny list takes effect at once"`
	Metrics   string            `yaml:"metrics" check:"address" doc:"address for /metrics and /healthz, as in 127.0.0.1:9464; left out: none"`
	Traces    string            `yaml:"traces" check:"url" doc:"OTLP/HTTP endpoint for one span per decision, as in http://127.0.0.1:4318; left out: none"`
	Decisions string            `yaml:"decisions" check:"path" doc:"file that decisions are appended to, one JSON line each; left out: stdout"`
	Admission Admission         `yaml:"admission" doc:"what the webhook does with a denial, by namespace; a namespace's own labels are ignored, because whoever may edit it could opt out"`
	Limits    Limits            `yaml:"limits" doc:"what the engine may use"`
	Mirrors   map[string]string `yaml:"mirrors" check:"keys=host" doc:"mirrors, as in {mirror.example.com: registry.example.com}: images pulled by the first name are judged by evidence for the second"`
}

// Policy says where the policy is.
type Policy struct {
	File string `yaml:"file" check:"path" doc:"a policy file"`
	From string `yaml:"from" check:"reference" doc:"a signed policy in a registry, REPOSITORY or REPOSITORY:TAG; signers with the role policy may sign it"`
}

// Socket is the node agent's.
type Socket struct {
	Path  string `yaml:"path" check:"path" default:"/run/selfsame/guard.sock" doc:"its path"`
	Group string `yaml:"group" check:"group" doc:"group, by name or number, whose members may also ask; left out: only root and the agent's own user"`
}

// NRI is the start gate's.
type NRI struct {
	Socket  string `yaml:"socket" check:"path" doc:"containerd's NRI socket, normally /var/run/nri/nri.sock; left out: there is no gate at start, unless containerd starts the agent itself"`
	Index   string `yaml:"index" check:"index" default:"90" doc:"place among other plugins, two digits"`
	Volumes string `yaml:"volumes" check:"volumes" default:"count" doc:"what to do with an image volume whose name is not known, because nobody asked about its image on this node: count it and let it pass (ps and the alert for what is not allowed still name it), or refuse the container"`
}

// Keep bounds the life of evidence.
type Keep struct {
	Fresh   Duration `yaml:"fresh" default:"10m" doc:"how long evidence is used without asking the registry"`
	Stale   Duration `yaml:"stale" default:"12h" doc:"how long it is used if the registry does not answer"`
	Refused Duration `yaml:"refused" default:"10s" doc:"how long a denial is kept before the registry is asked again"`
}

// Admission is how the webhook treats namespaces. The verdict is the same in both modes.
type Admission struct {
	Default string   `yaml:"default" check:"mode" default:"enforce" doc:"mode of namespaces in neither list: enforce (refuse) or audit (allow, with a warning and a line in both logs)"`
	Audit   []string `yaml:"audit" check:"namespace,unique" doc:"namespaces in audit mode"`
	Enforce []string `yaml:"enforce" check:"namespace,unique" doc:"namespaces in enforce mode; one in both lists is enforced"`
}

// Limits bound the engine.
type Limits struct {
	Images  int `yaml:"images" default:"20000" doc:"verdicts in memory"`
	Memory  int `yaml:"memory" default:"32" doc:"evidence in memory, compressed, in MiB; the rest is in the state folder"`
	Gathers int `yaml:"gathers" default:"16" doc:"how many images' evidence is gathered at a time"`
}

// Load reads the configuration at path. The error is a diag.List (A0900, A0901) with everything that is wrong, each at its line.
func Load(path string) (Config, error) {
	data, err := strictyaml.ReadFile(path)
	if err != nil {
		return Config{}, diag.List{diag.Errorf(diag.CodeGuardUnreadable, "cannot read `%s`: %w", strictyaml.Short(path), diag.WithoutPath(err)).
			WithAt(diag.Position{File: path}, "").WithHelp("name the guard's configuration with --config")}
	}
	return Parse(path, data)
}

// Parse reads a configuration from data; relative paths in it start from the folder of path.
func Parse(path string, data []byte) (Config, error) {
	var c Config
	d := strictyaml.New(&dialect, path, data)
	if d.Decode(reflect.ValueOf(&c).Elem()) {
		if at, there := d.At["policy"]; there && (c.Policy.File == "") == (c.Policy.From == "") { // one that is missing was reported
			d.Report(diag.CodeGuardConfig, at, "`policy` needs either `file` or `from`", "without a policy nothing may run", "write `policy: {file: policy.yaml}`")
		}
		if fresh, stale := c.Keep.Fresh, c.Keep.Stale; fresh > 0 && stale > 0 && fresh > stale {
			d.Report(diag.CodeGuardConfig, d.At["keep.stale"], "`stale` is less than `fresh`", "", "make it at least as long")
		}
		fill(reflect.ValueOf(&c).Elem(), filepath.Dir(path))
	}
	return c, d.Err()
}

// fill puts defaults where nothing is written, and makes paths absolute.
func fill(v reflect.Value, dir string) {
	for i := range v.NumField() {
		f, tag := v.Field(i), v.Type().Field(i).Tag
		switch text := tag.Get("default"); {
		case f.Kind() == reflect.Struct:
			fill(f, dir)
		case !f.IsZero() || text == "":
		case f.Type() == reflect.TypeFor[Duration]():
			f.SetInt(int64(must(time.ParseDuration(text))))
		case f.Kind() == reflect.Int:
			var n int
			must(fmt.Sscan(text, &n))
			f.SetInt(int64(n))
		default:
			f.SetString(text)
		}
		if f.Kind() == reflect.String && strictyaml.ParseTag(tag, dialect.Formats).Format == dialect.Formats["path"] && f.String() != "" && !filepath.IsAbs(f.String()) {
			f.SetString(filepath.Join(dir, f.String()))
		}
	}
}

// must is for what a test of this package covers: defaults are written in this file.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
