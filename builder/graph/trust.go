package graph

import (
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
)

const (
	// trustDir is where a networked step finds the proxy's certificate: on the /dev tmpfs, as mountDir.
	trustDir = "/dev/.selfsame-trust"
	// trustFile is the certificate there, PEM. Only the proxy answers a step, so no other root is needed.
	trustFile = trustDir + "/ca.pem"
	// trustID names the cache mount that carries the certificate. A step of the author's cannot reach it: Finish makes all of their
	// cache mounts empty folders.
	trustID = "selfsame-proxy-certificate"
	// bundle is the first of the files that BuildKit appends the certificate to.
	bundle = "/etc/ssl/certs/ca-certificates.crt"
)

// trustEnv makes common tools trust the proxy, whatever the image has below /etc/ssl and whatever the step does to it: installing
// ca-certificates writes the bundle anew, without what BuildKit has appended. A variable that the author sets is left alone.
var trustEnv = []string{
	"SSL_CERT_FILE=" + trustFile,       // OpenSSL, Go, Python, Ruby, .NET, rustls-native-certs
	"CURL_CA_BUNDLE=" + trustFile,      // curl; also R and requests
	"GIT_SSL_CAINFO=" + trustFile,      // git
	"REQUESTS_CA_BUNDLE=" + trustFile,  // Python's requests: pip's vendored one, poetry, conda
	"PIP_CERT=" + trustFile,            // pip
	"CARGO_HTTP_CAINFO=" + trustFile,   // cargo
	"NODE_EXTRA_CA_CERTS=" + trustFile, // node: npm, yarn, pnpm; bun
	"DENO_CERT=" + trustFile,           // deno
	"AWS_CA_BUNDLE=" + trustFile,       // the AWS command line and SDKs
	"HEX_CACERTS_PATH=" + trustFile,    // Erlang's and Elixir's hex
	"PERL_LWP_SSL_CA_FILE=" + trustFile,
	"NIX_SSL_CERT_FILE=" + trustFile,
	"SYSTEM_CERTIFICATE_PATH=" + trustDir, // Haskell: cabal, stack
	"WGETRC=" + mountDir + "/wgetrc",      // GNU wget on Debian uses GnuTLS, which has no variable for it
}

// aptTrust and wgetTrust say the same to tools that know no variable. apt reads the image's own configuration after this one.
const (
	aptTrust  = "Acquire::https::CAInfo \"" + trustFile + "\";\n"
	wgetTrust = "ca_certificate = " + trustFile + "\n"
)

// The daemon makes the proxy's certificate each time it starts, so it can be neither in the graph nor in a cache key. The canary writes it
// to a cache mount, which BuildKit keeps out of both, and the networked steps of later solves mount that read-only.

// emptyBundle is what BuildKit appends the certificate to.
func emptyBundle() *llb.FileAction {
	return llb.Mkdir("/etc/ssl/certs", 0o755, llb.WithParents(true)).Mkfile(bundle, 0o644, nil)
}

func carriedMount() llb.RunOption {
	return llb.AddMount(trustDir, llb.Scratch(), llb.AsPersistentCacheDir(trustID, llb.CacheMountShared))
}

// behindProxy has a daemon that knows of no proxy refuse the graph (see exec).
func behindProxy(def *pb.Definition) {
	for _, md := range def.Metadata {
		if md.Caps[string(pb.CapExecMetaNetwork)] {
			md.Caps[string(pb.CapExecMetaNetworkProxy)] = true
		}
	}
}

// trust lets the step trust the proxy.
func trust(e *pb.ExecOp) {
	for _, env := range trustEnv {
		setEnv(e.Meta, env)
	}
	e.Mounts = append(e.Mounts, trustMount())
}

func trustMount() *pb.Mount {
	return &pb.Mount{
		Input: int64(pb.Empty), Dest: trustDir, Output: int64(pb.SkipOutput), Readonly: true, MountType: pb.MountType_CACHE,
		CacheOpt: &pb.CacheOpt{ID: trustID, Sharing: pb.CacheSharingOpt_SHARED},
	}
}

// isTrust recognises trustMount, the one cache mount that a build may have.
func isTrust(m *pb.Mount) bool { return m.EqualVT(trustMount()) }
