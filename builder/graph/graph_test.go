package graph

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
)

var (
	someContext = digest.FromString("context")
	someBase    = digest.FromString("base")
	epoch       = time.Unix(1760000000, 0).UTC()
)

// baseConfig is the configuration of a base with one layer.
func baseConfig(t *testing.T) []byte {
	t.Helper()
	img := ocispec.Image{
		Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"},
		Config:   ocispec.ImageConfig{Env: []string{"PATH=/bin"}},
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{someBase}},
	}
	data, err := json.Marshal(img)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func parse(t *testing.T, text string) *recipes.Recipe {
	t.Helper()
	r, err := recipes.Parse("recipe.yaml", []byte("recipe: v1\nname: x\nplatforms: [linux/amd64]\nepoch: 1760000000\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// compile compiles a Dockerfile on a base of one layer.
func compile(t *testing.T, dockerfile string) *Draft {
	t.Helper()
	d, err := tryCompile(t, dockerfile)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func tryCompile(t *testing.T, dockerfile string) (*Draft, error) {
	t.Helper()
	return Compile(context.Background(), authored(t, dockerfile))
}

func authored(t *testing.T, dockerfile string) Input {
	t.Helper()
	return Input{
		Recipe: parse(t, "build: {dockerfile: Dockerfile}\n"), Platform: "linux/amd64", Dockerfile: []byte(dockerfile),
		DockerfileName: "src/Dockerfile", Context: someContext, Epoch: epoch,
		Base: func(context.Context, string, string) (Image, error) {
			return Image{Digest: someBase, Config: baseConfig(t)}, nil
		},
		Git: func(_ context.Context, g Git) (digest.Digest, error) { return digest.FromString(g.Key()), nil },
	}
}

// TestGitAdd has a repository stand in the graph as a folder of the store, found by its whole address.
func TestGitAdd(t *testing.T) {
	for line, key := range map[string]string{
		"ADD https://example.com/team/lib.git#v1 /x":                      "https://example.com/team/lib.git#v1",
		"ADD https://example.com/team/lib.git#v1:src/a /x":                "https://example.com/team/lib.git#v1:src/a",
		"ADD https://example.com/team/lib.git /x":                         "https://example.com/team/lib.git#",
		"ADD https://example.com/team/lib.git?ref=v1&submodules=false /x": "https://example.com/team/lib.git#v1?submodules=false",
		"ADD git@example.com:team/lib.git#v1 /x":                          "git@example.com:team/lib.git#v1",
	} {
		d := compile(t, "FROM scratch\n"+line+"\n")
		p, err := d.Finish(sealed(nil))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if want := "oci-layout://selfsame.invalid/git@" + digest.FromString(key).String(); !slices.Contains(sources(t, p.Definition), want) {
			t.Errorf("%s: sources %v, want %s", line, sources(t, p.Definition), want)
		}
	}
}

// TestCanaryIsNoDanger: BuildKit empties the cache mounts of an op that ignores the cache, also under the steps that read them now.
func TestCanaryIsNoDanger(t *testing.T) {
	seen := map[digest.Digest]bool{}
	for _, once := range []string{"1", "2"} {
		p, err := Canary(t.Context(), Look{Platform: "linux/amd64", Image: someBase, Args: []string{"/"}, Once: once, Carry: true})
		if err != nil {
			t.Fatal(err)
		}
		carries := false
		for _, dt := range p.Definition.Def {
			var op pb.Op
			if err := op.Unmarshal(dt); err != nil {
				t.Fatal(err)
			}
			for _, m := range op.GetExec().GetMounts() {
				if m.MountType != pb.MountType_CACHE {
					continue
				}
				d := digest.FromBytes(dt)
				if carries = true; p.Definition.Metadata[string(d)].IgnoreCache || seen[d] {
					t.Error("the step empties its cache mount, or is one that may be cached")
				}
				seen[d] = true
			}
		}
		if !carries {
			t.Error("nothing carries the certificate")
		}
	}
}

// TestCredentialsInAddress holds that no address with a secret in it is resolved, or repeated in the message.
func TestCredentialsInAddress(t *testing.T) {
	for _, line := range []string{
		"ADD https://hunter2@example.com/team/lib.git#v1 /x", "ADD https://me:hunter2@example.com/team/lib.git /x",
		"ADD https://me:hunter2@example.com/file /x", "ADD http://hunter2@example.com/file /x",
		"ARG T=hunter2\nADD https://$T@example.com/team/lib.git /x",
	} {
		in := authored(t, "FROM scratch\n"+line+"\n")
		in.Git = func(context.Context, Git) (digest.Digest, error) {
			t.Errorf("%s: the repository was asked for", line)
			return "", nil
		}
		_, err := Compile(t.Context(), in)
		if list := diag.All(err); len(list) != 1 || list[0].Code != "A0308" || list[0].At.Line == 0 || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func sources(t *testing.T, def *pb.Definition) []string {
	t.Helper()
	var out []string
	for _, dt := range def.Def {
		var op pb.Op
		if err := op.Unmarshal(dt); err != nil {
			t.Fatal(err)
		}
		if s := op.GetSource(); s != nil {
			out = append(out, s.Identifier)
		}
	}
	return out
}

// sealed finishes a draft whose lock has entries for some steps, each step's slice being the given text.
func sealed(slices map[string]string) Finish {
	return Finish{
		Sealed: true, Hostname: "h", Env: []Variable{{Name: "CANARY", Value: "c"}}, AptConf: []byte("apt"),
		Slice: func(step string) (digest.Digest, bool) {
			s, ok := slices[step]
			return digest.FromString(s), ok
		},
		Checksum: func(string) (digest.Digest, bool) { return digest.FromString("file"), true },
	}
}

func finish(t *testing.T, d *Draft, f Finish) *Plan {
	t.Helper()
	p, err := d.Finish(f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// exec finds the op of a step by the name that people see.
func exec(t *testing.T, p *Plan, step string) (*pb.ExecOp, *pb.OpMetadata, digest.Digest) {
	t.Helper()
	for _, dt := range p.Definition.Def {
		var op pb.Op
		if err := op.Unmarshal(dt); err != nil {
			t.Fatal(err)
		}
		d := digest.FromBytes(dt)
		md := p.Definition.Metadata[d.String()]
		if e := op.GetExec(); e != nil && strings.HasPrefix(md.GetDescription()["llb.customname"], step+" ") {
			return e, md, d
		}
	}
	t.Fatalf("no step %q", step)
	return nil, nil, ""
}

func TestStepsAreNamedByTheirPlaceAndSealed(t *testing.T) {
	d := compile(t, "FROM base\nRUN fetch\nRUN stay\n")
	p := finish(t, d, sealed(map[string]string{"Dockerfile:2": "one"}))
	got := []string{}
	for _, s := range p.Steps {
		got = append(got, s.Name)
	}
	if want := []string{"Dockerfile:2", "Dockerfile:3"}; !slices.Equal(got, want) {
		t.Fatalf("steps %v, want %v", got, want)
	}
	fetch, md, _ := exec(t, p, "Dockerfile:2")
	if fetch.Network != pb.NetMode_HOST || !md.Caps[string(pb.CapExecMetaNetworkProxy)] {
		t.Errorf("a step that fetched: network %v, caps %v; want the host's behind the proxy, and the proxy demanded", fetch.Network, md.Caps)
	}
	if !slices.ContainsFunc(fetch.Mounts, func(m *pb.Mount) bool { return m.Dest == mountDir && m.Readonly }) {
		t.Error("a step that fetched has no salt")
	}
	stay, _, _ := exec(t, p, "Dockerfile:3")
	if stay.Network != pb.NetMode_NONE || len(stay.Mounts) != 1 {
		t.Errorf("a step that fetched nothing: network %v, %d mounts; want none and its root", stay.Network, len(stay.Mounts))
	}
	for _, e := range []*pb.ExecOp{fetch, stay} {
		if !slices.Contains(e.Meta.Env, "SOURCE_DATE_EPOCH=1760000000") || !slices.Contains(e.Meta.Env, "CANARY=c") || e.Meta.Hostname != "h" {
			t.Errorf("environment %v, host name %q", e.Meta.Env, e.Meta.Hostname)
		}
	}
	if strings.Contains(string(p.Config), "CANARY") || strings.Contains(string(p.Config), mountDir) {
		t.Errorf("our own words reached the image: %s", p.Config)
	}
}

func TestOneLockedByteChangesItsStepOnly(t *testing.T) {
	d := compile(t, "FROM base AS a\nRUN fetch a\nFROM base\nRUN fetch b\nCOPY --from=a /x /x\n")
	before := finish(t, d, sealed(map[string]string{"Dockerfile:2": "one", "Dockerfile:4": "two"}))
	after := finish(t, d, sealed(map[string]string{"Dockerfile:2": "ONE", "Dockerfile:4": "two"}))
	_, _, a1 := exec(t, before, "Dockerfile:2")
	_, _, a2 := exec(t, after, "Dockerfile:2")
	_, _, b1 := exec(t, before, "Dockerfile:4")
	_, _, b2 := exec(t, after, "Dockerfile:4")
	if a1 == a2 {
		t.Error("a step keeps its digest though what it fetches has changed: a stale layer would be used")
	}
	if b1 != b2 {
		t.Error("a step has another digest though nothing that it reads has changed")
	}
}

func TestFinishingTwiceIsTheSame(t *testing.T) {
	d := compile(t, "FROM base\nRUN --mount=type=cache,target=/c x\nCOPY . /\n")
	a, b := finish(t, d, sealed(nil)), finish(t, d, sealed(nil))
	if !slices.EqualFunc(a.Definition.Def, b.Definition.Def, slices.Equal) {
		t.Error("one draft gives two graphs")
	}
}

func TestMountsThatHoldUnkeyedInputs(t *testing.T) {
	const file = "FROM base\nRUN --mount=type=cache,target=/c --mount=type=secret,id=s --mount=type=ssh x\n"
	d := compile(t, file)
	if s := d.Steps[0]; !slices.Equal(s.EmptyCaches, []string{"/c"}) || !slices.Equal(s.Secrets, []string{"s"}) || len(s.SSH) != 1 {
		t.Errorf("step %+v, want cache /c, secret s and an agent to be named", s)
	}
	e, _, _ := exec(t, finish(t, d, sealed(nil)), "Dockerfile:2")
	for _, m := range e.Mounts {
		if m.MountType != pb.MountType_BIND {
			t.Errorf("a sealed step mounts %v at %s", m.MountType, m.Dest)
		}
		if m.Dest == "/c" && m.Output != int64(pb.SkipOutput) {
			t.Error("what a step writes into a cache mount is kept")
		}
	}
	e, _, _ = exec(t, finish(t, d, Finish{}), "Dockerfile:2")
	if !slices.ContainsFunc(e.Mounts, func(m *pb.Mount) bool { return m.MountType == pb.MountType_SECRET }) {
		t.Error("a recording step lost its secret")
	}
}

// TestRequiredSecretsAreBlank: a step that cannot do without a secret finds an empty one in a sealed build, made anew from nothing.
func TestRequiredSecretsAreBlank(t *testing.T) {
	const file = "FROM base\nRUN --mount=type=secret,id=s,required=true,target=/s,uid=7,mode=0440 --mount=type=secret,id=o " +
		"--mount=type=secret,id=v,env=V,required=true --mount=type=secret,id=w,env=W --mount=type=ssh,required=true x\n"
	d := compile(t, file)
	if got, want := d.Steps[0].Required, []string{"s", "default", "v"}; !slices.Equal(got, want) {
		t.Errorf("required are %v, want %v", got, want)
	}
	p := finish(t, d, sealed(nil))
	e, _, _ := exec(t, p, "Dockerfile:2")
	if len(e.Mounts) != 2 || e.Mounts[1].Dest != "/s" || !e.Mounts[1].Readonly || e.Mounts[1].MountType != pb.MountType_BIND {
		t.Errorf("mounts %v, want the root and an empty file at /s", e.Mounts)
	}
	if len(e.Secretenv) != 0 || !slices.Contains(e.Meta.Env, "V=") || slices.ContainsFunc(e.Meta.Env, func(s string) bool { return strings.HasPrefix(s, "W=") }) {
		t.Errorf("environment %v, secrets %v; want V alone, and empty", e.Meta.Env, e.Secretenv)
	}
	blanks := 0
	for _, dt := range p.Definition.Def {
		var op pb.Op
		if err := op.Unmarshal(dt); err != nil {
			t.Fatal(err)
		}
		for _, a := range op.GetFile().GetActions() {
			if mk := a.GetMkfile(); mk != nil && mk.Path == "/secret" {
				if blanks++; len(mk.Data) != 0 || mk.Mode != 0o440 || mk.Owner.User.GetByID() != 7 {
					t.Errorf("blank %v, want an empty file of owner 7 with mode 0440", mk)
				}
			}
		}
	}
	if blanks != 1 {
		t.Errorf("%d blanks, want 1", blanks)
	}
	e, _, _ = exec(t, finish(t, d, Finish{}), "Dockerfile:2")
	if len(e.Mounts) != 6 || len(e.Secretenv) != 2 { // root, salt, certificate; s, o and the agent
		t.Errorf("recording: %d mounts, %d variables, want 6 and 2", len(e.Mounts), len(e.Secretenv))
	}
}

// TestNetworkedStepsTrustTheProxy, alike while recording and when sealed, on both twins, and only as far as the author lets them.
func TestNetworkedStepsTrustTheProxy(t *testing.T) {
	d := compile(t, "FROM base\nENV PIP_CERT=/own.pem\nRUN fetch\nRUN stay\n")
	slice := map[string]string{"Dockerfile:3": "one"}
	a, b := sealed(slice), sealed(slice)
	b.Hostname, b.Env = "other", []Variable{{Name: "CANARY", Value: "other"}}
	var envs [][]string
	for _, f := range []Finish{a, b, {Once: "x"}} {
		p := finish(t, d, f)
		e, _, _ := exec(t, p, "Dockerfile:3")
		if !slices.ContainsFunc(e.Mounts, isTrust) {
			t.Error("the proxy's certificate is not mounted")
		}
		if !slices.Contains(e.Meta.Env, "PIP_CERT=/own.pem") || slices.Contains(e.Meta.Env, "PIP_CERT="+trustFile) {
			t.Errorf("environment %v: what the Dockerfile says was overridden", e.Meta.Env)
		}
		if !slices.Contains(e.Meta.Env, "SSL_CERT_FILE="+trustFile) {
			t.Errorf("environment %v lacks the certificate", e.Meta.Env)
		}
		env := slices.DeleteFunc(slices.Clone(e.Meta.Env), func(s string) bool { return strings.HasPrefix(s, "CANARY=") })
		envs = append(envs, env)
		if strings.Contains(string(p.Config), trustDir) || strings.Contains(string(p.Config), "SSL_CERT_FILE") {
			t.Errorf("the certificate's place reached the image: %s", p.Config)
		}
	}
	if !slices.Equal(envs[0], envs[1]) || !slices.Equal(envs[0], envs[2]) {
		t.Errorf("A, B and recording see different environments:\n%v\n%v\n%v", envs[0], envs[1], envs[2])
	}
	e, _, _ := exec(t, finish(t, d, a), "Dockerfile:4")
	if len(e.Mounts) != 1 || slices.ContainsFunc(e.Meta.Env, func(s string) bool { return strings.HasPrefix(s, "SSL_CERT_FILE") }) {
		t.Errorf("a step without network: mounts %v, environment %v", e.Mounts, e.Meta.Env)
	}
}

// TestStepsThatMustRunAreSalted: BuildKit's own way to ignore its cache would take the proxy's certificate away.
func TestStepsThatMustRunAreSalted(t *testing.T) {
	d := compile(t, "FROM base\nRUN fetch\nRUN stay\n")
	slice := map[string]string{"Dockerfile:2": "one"}
	seen := map[digest.Digest]bool{}
	warm := sealed(slice)
	for _, f := range []Finish{warm, {Once: "1"}, {Once: "2"}} {
		_, md, dgst := exec(t, finish(t, d, f), "Dockerfile:2")
		if md.IgnoreCache || seen[dgst] {
			t.Errorf("networked step: ignore-cache %v, found again %v", md.IgnoreCache, seen[dgst])
		}
		seen[dgst] = true
	}
	cold := sealed(slice)
	cold.NoCache, cold.Once = true, "3"
	p := finish(t, d, cold)
	if _, md, dgst := exec(t, p, "Dockerfile:2"); md.IgnoreCache || seen[dgst] {
		t.Error("with --no-cache a networked step can come from the cache, or loses the certificate")
	}
	if _, md, _ := exec(t, p, "Dockerfile:3"); !md.IgnoreCache {
		t.Error("with --no-cache a step without network can come from the cache")
	}
}

func TestRefusedSteps(t *testing.T) {
	for file, code := range map[string]diag.Code{
		"FROM base\nRUN --network=host x\n":                                                    "A0303",
		"FROM base\nRUN --security=insecure x\n":                                               "A0302",
		"FROM scratch\nADD --keep-git-dir=true https://github.com/moby/buildkit.git#v0.1 /x\n": "A0305",
		"FROM base\nFOO x\n":                                                                   "A0301",
	} {
		d, err := tryCompile(t, file)
		if err == nil {
			err = d.Check()
		}
		if all := diag.All(err); len(all) == 0 || all[0].Code != code {
			t.Errorf("%q: got %v, want %s", file, err, code)
		}
	}
}

func TestAddedURLIsPinned(t *testing.T) {
	d := compile(t, "FROM scratch\nADD https://example.com/a.tar /a/\n")
	if len(d.URLs) != 1 || d.URLs[0].URL != "https://example.com/a.tar" || d.URLs[0].Step != "Dockerfile:2" {
		t.Fatalf("URLs %+v", d.URLs)
	}
	p := finish(t, d, sealed(nil))
	found := false
	for _, dt := range p.Definition.Def {
		var op pb.Op
		if err := op.Unmarshal(dt); err != nil {
			t.Fatal(err)
		}
		if s := op.GetSource(); s != nil && strings.HasPrefix(s.Identifier, "https://") {
			found = s.Attrs[pb.AttrHTTPChecksum] == digest.FromString("file").String()
		}
	}
	if !found {
		t.Error("the URL has no locked checksum")
	}
	own := compile(t, "FROM scratch\nADD --checksum="+digest.FromString("other").String()+" https://example.com/a.tar /a/\n")
	if _, err := own.Finish(sealed(nil)); len(diag.All(err)) == 0 || diag.All(err)[0].Code != "A0332" {
		t.Errorf("a checksum that the lock contradicts: got %v, want A0332", err)
	}
	missing := sealed(nil)
	missing.Checksum = func(string) (digest.Digest, bool) { return "", false }
	if _, err := d.Finish(missing); len(diag.All(err)) == 0 || diag.All(err)[0].Code != "A0331" {
		t.Errorf("a URL that is not locked: got %v, want A0331", err)
	}
}

func TestLayersAreAttributedToTheirSteps(t *testing.T) {
	d := compile(t, "FROM base\nCOPY a /\nRUN x\nENV A=b\nRUN y\n")
	p := finish(t, d, sealed(nil))
	var lines []int
	for _, s := range p.Layers {
		lines = append(lines, s.Line)
	}
	if want := []int{0, 2, 3, 5}; !slices.Equal(lines, want) { // the base's own layer comes first
		t.Errorf("layers come from lines %v, want %v", lines, want)
	}
}

// TestStagesOfOtherPlatforms has a stage that always runs on the recipe's first platform, whatever the image is for: each
// platform's base is asked for and used as that platform's.
func TestStagesOfOtherPlatforms(t *testing.T) {
	r := parse(t, "build: {dockerfile: Dockerfile}\n")
	r.Platforms = []string{"linux/amd64", "linux/arm64"}
	bases := map[string]digest.Digest{"linux/amd64": digest.FromString("amd64"), "linux/arm64": digest.FromString("arm64")}
	for _, c := range []struct{ dockerfile, runs string }{
		{"FROM --platform=$BUILDPLATFORM base AS tools\nRUN cross $TARGETARCH\nFROM base\nCOPY --from=tools /out /\n", "linux/amd64"},
		{"FROM --platform=linux/amd64 base AS tools\nRUN cross\nFROM base\nCOPY --from=tools /out /\nRUN x\n", "linux/amd64 linux/arm64"},
		{"FROM base\nCOPY a /\n", ""},
	} {
		d, err := Compile(context.Background(), Input{
			Recipe: r, Platform: "linux/arm64", Dockerfile: []byte(c.dockerfile), DockerfileName: "Dockerfile", Context: someContext, Epoch: epoch,
			Base: func(_ context.Context, _, platform string) (Image, error) {
				return Image{Digest: bases[platform], Config: baseConfig(t)}, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(d.Runs, " "); got != c.runs {
			t.Errorf("%q runs on %q, want %q", c.dockerfile, got, c.runs)
		}
		for _, dt := range d.def.Def {
			var op pb.Op
			if err := op.Unmarshal(dt); err != nil {
				t.Fatal(err)
			}
			id := op.GetSource().GetIdentifier()
			if strings.Contains(id, "/base") && !strings.HasSuffix(id, bases[platformOf(&op)].String()) {
				t.Errorf("%q: %s is no base for %s", c.dockerfile, id, platformOf(&op))
			}
		}
	}
}

func TestStages(t *testing.T) {
	r := parse(t, `build:
  stages:
    - name: one
      from: base
      env: {K: v}
      steps:
        - run: make
        - copy: {sources: [a, b], to: /in/}
    - name: two
      from: scratch
      steps:
        - copy: {from: one, sources: [/out], to: /out, mode: "0755"}
  config: {entrypoint: [/out], env: {Z: z}}
`)
	d, err := Compile(context.Background(), Input{
		Recipe: r, Platform: "linux/amd64", Context: someContext, Epoch: epoch,
		Base: func(context.Context, string, string) (Image, error) {
			return Image{Digest: someBase, Config: baseConfig(t)}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Steps) != 1 || d.Steps[0].Name != "recipe.yaml:11" {
		t.Errorf("steps %+v, want one at recipe.yaml:11", d.Steps)
	}
	p := finish(t, d, sealed(nil))
	e, _, _ := exec(t, p, "recipe.yaml:11")
	if !slices.Contains(e.Meta.Env, "K=v") || !slices.Contains(e.Meta.Env, "PATH=/bin") {
		t.Errorf("environment %v, want the stage's and the base's", e.Meta.Env)
	}
	var img ocispec.Image
	if err := json.Unmarshal(p.Config, &img); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(img.Config.Entrypoint, []string{"/out"}) || !slices.Equal(img.Config.Env, []string{"Z=z"}) || img.Architecture != "amd64" {
		t.Errorf("configuration %+v", img)
	}
}

// TestHermeticRefuses changes one thing of a sealed graph at a time; each must be seen.
func TestHermeticRefuses(t *testing.T) {
	plan := finish(t, compile(t, "FROM base\nRUN fetch\nADD https://example.com/a /a\n"), sealed(map[string]string{"Dockerfile:2": "one"}))
	if err := Hermetic(plan.Definition); err != nil {
		t.Fatalf("the untouched graph: %v", err)
	}
	for name, spoil := range map[string]func(*pb.Op, *pb.OpMetadata) bool{
		"an image by name": func(op *pb.Op, _ *pb.OpMetadata) bool {
			s := op.GetSource()
			return s != nil && strings.HasPrefix(s.Identifier, "oci-layout") && assign(&s.Identifier, "docker-image://docker.io/library/base:latest")
		},
		"another store": func(op *pb.Op, _ *pb.OpMetadata) bool {
			s := op.GetSource()
			if s == nil || !strings.HasPrefix(s.Identifier, "oci-layout") {
				return false
			}
			s.Attrs[pb.AttrOCILayoutStoreID] = "other"
			return true
		},
		"a URL without checksum": func(op *pb.Op, _ *pb.OpMetadata) bool {
			s := op.GetSource()
			if s == nil || !strings.HasPrefix(s.Identifier, "https") {
				return false
			}
			delete(s.Attrs, pb.AttrHTTPChecksum)
			return true
		},
		"a local folder": func(op *pb.Op, _ *pb.OpMetadata) bool {
			s := op.GetSource()
			return s != nil && strings.HasPrefix(s.Identifier, "https") && assign(&s.Identifier, "local://context")
		},
		"a privileged step": onExec(func(e *pb.ExecOp, _ *pb.OpMetadata) { e.Security = pb.SecurityMode_INSECURE }),
		"the sandbox's network": onExec(func(e *pb.ExecOp, _ *pb.OpMetadata) {
			e.Network = pb.NetMode_UNSET
		}),
		"no salt":          onExec(func(e *pb.ExecOp, _ *pb.OpMetadata) { e.Mounts = e.Mounts[:1] }),
		"no proxy":         onExec(func(_ *pb.ExecOp, md *pb.OpMetadata) { delete(md.Caps, string(pb.CapExecMetaNetworkProxy)) }),
		"a device":         onExec(func(e *pb.ExecOp, _ *pb.OpMetadata) { e.CdiDevices = []*pb.CDIDevice{{Name: "gpu"}} }),
		"a secret":         onExec(func(e *pb.ExecOp, _ *pb.OpMetadata) { e.Secretenv = []*pb.SecretEnv{{ID: "x"}} }),
		"a secret's mount": onExec(func(e *pb.ExecOp, _ *pb.OpMetadata) { e.Mounts[1].MountType = pb.MountType_SECRET }),
		"another cache where the certificate is": onExec(func(e *pb.ExecOp, _ *pb.OpMetadata) {
			e.Mounts[slices.IndexFunc(e.Mounts, isTrust)].CacheOpt.ID = "other"
		}),
		"a certificate that a step may write": onExec(func(e *pb.ExecOp, _ *pb.OpMetadata) {
			e.Mounts[slices.IndexFunc(e.Mounts, isTrust)].Readonly = false
		}),
		"a cache": onExec(func(e *pb.ExecOp, _ *pb.OpMetadata) {
			e.Mounts = append(e.Mounts, &pb.Mount{Dest: "/c", MountType: pb.MountType_CACHE})
		}),
	} {
		t.Run(name, func(t *testing.T) {
			r, done := newRebuild(), false
			err := r.run(plan.Definition, func(_ digest.Digest, op *pb.Op, md *pb.OpMetadata) (*edge, error) {
				done = spoil(op, md) || done
				return nil, nil
			})
			if err != nil || !done {
				t.Fatalf("nothing was spoilt (%v)", err)
			}
			if err := Hermetic(r.out); len(diag.All(err)) == 0 || diag.All(err)[0].Code != "A0306" {
				t.Errorf("got %v, want A0306", err)
			}
		})
	}
}

func assign(s *string, v string) bool { *s = v; return true }

func onExec(change func(*pb.ExecOp, *pb.OpMetadata)) func(*pb.Op, *pb.OpMetadata) bool {
	return func(op *pb.Op, md *pb.OpMetadata) bool {
		e := op.GetExec()
		if e == nil {
			return false
		}
		change(e, md)
		return true
	}
}
