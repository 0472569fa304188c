package arch

// module is the prefix of our own packages; the rules name packages without it.
const module = "github.com/selfsame-build/selfsame"

// The layers, lowest first. A package may import packages of lower layers, and of its own layer only by sideways.
const (
	base = iota
	pure
	adapter
	useCase
	surface
	command
)

var layerNames = [...]string{"base", "pure", "adapter", "use case", "surface", "command"}

// layers places every package of the module by its longest prefix. A new package that no prefix covers fails the test, so
// that somebody decides where it belongs.
var layers = map[string]int{
	"internal/atomicfile": base,
	"internal/flock":      base,
	"internal/diag":       base,
	"internal/strictjson": base,
	"internal/strictyaml": base,
	"internal/lazyregexp": base,
	"internal/pages":      base,

	"recipes":               pure,
	"inputs/debian/archive": pure,
	"inputs/debian/control": pure,
	"builder/graph":         pure,
	"compare":               pure,
	"provenance":            pure,
	"policy":                pure,
	"registry/artifact":     pure,
	"trust":                 pure,
	"report":                pure, // values in, bytes out; what it shows is the result of a use case

	"inputs":          adapter,
	"builder/daemon":  adapter,
	"builder/remote":  adapter,
	"builder/layers":  adapter,
	"builder/solver":  adapter,
	"signing":         adapter, // also the program for tokens, signing/token
	"provenance/sbom": adapter, // reads an image
	"registry":        adapter,
	"internal/trace":  adapter,
	"internal/canary": adapter,
	"internal/userns": adapter,

	"builder":   useCase,
	"verify":    useCase,
	"rebuild":   useCase,
	"freshness": useCase,

	"internal/invocation":    surface, // what command lines do alike
	"internal/cli":           surface,
	"internal/guardcli":      surface, // of selfsame-guard
	"internal/trace/command": surface,
	"internal/conformance":   surface, // of the client for sigstore's conformance suite
	"guard":                  surface,

	// Programs, and what only tests use.
	"cmd":              command,
	"examples":         command,
	"test":             command,
	"tools":            command,
	"docs":             command,
	"internal/arch":    command,
	"internal/doctest": command,
	"internal/refdoc":  command,
}

// sideways are the imports within one layer that the design draws. Packages of one family (the same first element of the
// path, as inputs and inputs/debian) need no entry.
var sideways = map[string][]string{
	"builder/graph":       {"recipes"},
	"provenance":          {"recipes", "trust"},
	"policy/cases":        {"report"}, // JUnit
	"report":              {"compare"},
	"provenance/sbom":     {"registry"},
	"builder/daemon":      {"internal"},
	"rebuild":             {"builder", "verify"},
	"verify":              {"freshness"},
	"internal/guardcli":   {"guard", "internal/invocation"},
	"internal/cli":        {"report", "internal/invocation"},
	"internal/trace":      {"internal/canary"},
	"internal/atomicfile": {"internal/flock"},
	"internal/strictyaml": {"internal/diag", "internal/lazyregexp"},
	"cmd":                 {"internal"},
}

// owner says that only some packages may import a heavy library, so that one place has to change with it.
type owner struct {
	library string // an import path; with a slash at the end all below it as well
	owners  []string
	why     string
}

var owners = []owner{
	{"github.com/moby/buildkit/client", []string{"builder/solver"}, "the connection to BuildKit has one owner"},
	{"github.com/moby/buildkit/session/", []string{"builder/solver"}, "the connection to BuildKit has one owner"},
	{"github.com/moby/buildkit/util/converter/", []string{"builder/layers"}, "layers are rewritten in one place"},
	{"github.com/moby/buildkit/util/compression/", []string{"builder/layers"}, "layers are compressed in one place"},
	{"github.com/moby/buildkit/client/llb/", []string{"builder/graph", "builder/solver"}, "only the graph makes LLB; the solver hands it on"},
	{"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb/", []string{"builder/graph"}, "one place turns Dockerfiles into LLB"},
	{"github.com/moby/buildkit/frontend/dockerfile/", []string{"builder/graph", "recipes/lint"}, "Dockerfiles are read by the graph and the lint"},
	{"github.com/google/go-containerregistry/", []string{"registry"}, "registries are reached from one package"},
	{"github.com/sigstore/", []string{"signing"}, "signatures are made and checked in one package"},
	{"github.com/miekg/pkcs11/", []string{"signing/token"}, "C modules of tokens are loaded into a process of their own"},
	{"github.com/secure-systems-lab/go-securesystemslib/", []string{"signing"}, "signatures are made and checked in one package"},
	{"github.com/in-toto/", []string{"provenance"}, "statements have one owner"},
	{"gopkg.in/yaml.v3/", []string{"internal/strictyaml"}, "YAML is decoded strictly, in one place"},
	{"github.com/spf13/", []string{"internal/cli", "internal/guardcli", "internal/invocation"}, "flags are a matter of the command line"},
	{"github.com/pelletier/go-toml/", []string{"guard/doctor"}, "containerd's configuration is read in one place"},
	{"cel.dev/cel-go/", []string{"policy"}, "policies are evaluated in one place"},
	{"github.com/prometheus/client_golang/", []string{"guard/metrics"}, "metrics are registered from one table"},
	{"go.opentelemetry.io/otel/sdk/", []string{"guard/tracing"}, "spans are exported from one place"},
	{"go.opentelemetry.io/otel/exporters/", []string{"guard/tracing"}, "spans are exported from one place"},
	{"github.com/containerd/nri/", []string{"guard/nri"}, "containerd calls one plugin"},
	{"github.com/ProtonMail/go-crypto/", []string{"inputs/debian/archive"}, "Debian's signatures are checked in one place"},
	{"github.com/sergi/go-diff/", []string{"compare/inside/align"}, "sequences are aligned in one place, within bounds"},
	// The command line only looks programs up; that it starts none is for .golangci.yml to see.
	{"os/exec/", []string{"builder/daemon", "builder/remote", "inputs/source", "internal/trace", "internal/userns", "internal/doctest", "signing/plugin", "internal/cli"}, "processes are started by their owners only"},
}

// ban says that packages at or below root may not reach library: directly, or (linked) through any import at all.
type ban struct {
	root    string
	library string
	linked  bool
	why     string
}

var bans = []ban{
	{"cmd/selfsame-guard", "github.com/moby/buildkit/", true, "the guard runs on every node; it must not carry a builder"},
	{"internal/guardcli", "github.com/moby/buildkit/", true, "the guard runs on every node; it must not carry a builder"},
	{"guard/wire", "github.com/selfsame-build/selfsame/guard/engine", true, "programs that only ask stay small"},
	{"guard/pull", "github.com/selfsame-build/selfsame/guard/engine", true, "programs that only ask stay small"},
	{"guard/pull", "net/http", true, "a verifier has containerd's environment, and must have no use for its proxies"},
	{"guard/pull", "os/exec", true, "a child that keeps stdout open holds every pull up"},
	{"guard/belt", "github.com/selfsame-build/selfsame/guard/engine", true, "programs that only ask stay small"},
	{"guard", "github.com/moby/buildkit/", true, "the guard runs on every node; it must not carry a builder"},
	{"cmd/selfsame", "github.com/miekg/pkcs11/", true, "selfsame is built without C; a token's module belongs into another process"},
	{"cmd/selfsame-vary", "github.com/moby/buildkit/", true, "the tracer stands around BuildKit and must stay small"},
	{"internal/trace", "github.com/moby/buildkit/", true, "the tracer stands around BuildKit and must stay small"},
}

// frontBans is what would make bin/selfsame start as slowly as bin/selfsame-all: files that need one of these begin with
// `//go:build !front`.
var frontBans = []ban{
	{"cmd/selfsame", "github.com/moby/buildkit/", true, whyFront},
	{"cmd/selfsame", "github.com/sigstore/", true, whyFront},
	{"cmd/selfsame", "google.golang.org/protobuf/", true, whyFront},
	{"cmd/selfsame", "golang.org/x/crypto/ssh/", true, whyFront},
	{"cmd/selfsame", "github.com/go-openapi/", true, whyFront},
	{"cmd/selfsame", "github.com/asaskevich/govalidator/", true, whyFront},
	{"cmd/selfsame", "google.golang.org/grpc/", true, whyFront},
	{"cmd/selfsame", "go.opentelemetry.io/", true, whyFront},
	{"cmd/selfsame", "github.com/distribution/reference/", true, whyFront}, // its patterns alone took a fifth of the start
	{"cmd/selfsame", module + "/builder/", true, whyFront},
	{"cmd/selfsame", module + "/inputs/", true, whyFront},
}

const whyFront = "the front verifies in milliseconds; begin the file that needs this with `//go:build !front`"

// impure is what no pure package may import: their results depend on their arguments alone.
var impure = []string{"net", "net/http", "net/rpc", "os/exec", "os/signal", "math/rand", "math/rand/v2", "crypto/rand"}

// maxMain is how many lines a command may have before it is no longer a doorbell.
const maxMain = 40
