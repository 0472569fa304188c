package cli

import "github.com/selfsame-build/selfsame/internal/invocation"

// Variable is one environment variable that selfsame, or a library in it, reads. No variable can change a byte of an image:
// that is for recipe, lock and source alone.
type Variable struct {
	Name    string
	Meaning string
	// Secret: the value is never printed, stored or handed on.
	Secret bool
	// Library is who reads it where we do not read it ourselves.
	Library string
}

// The variables that this package reads.
var (
	envPassword = Variable{Name: "SELFSAME_KEY_PASSWORD", Secret: true,
		Meaning: "password of the private key, or the PIN of the token that it is on; without it, and with a terminal, commands that sign and `key new` ask. Of the programs that hold keys only `sigstore-kms-p11` gets it"}
	envState = Variable{Name: "XDG_STATE_HOME",
		Meaning: "builders live in `selfsame/builders` below it, the numbers of lists that were seen in `selfsame/seen`; `~/.local/state` when unset or not absolute; `--state` goes before it"}
	envCache = Variable{Name: "XDG_CACHE_HOME",
		Meaning: "the store of sealed inputs and other things that can be fetched again live in `selfsame` below it; `~/.cache` when unset or not absolute; `--store` moves the store alone"}
	envHome    = Variable{Name: "HOME", Meaning: "where `~` is, for the two above"}
	envAgent   = Variable{Name: "SSH_AUTH_SOCK", Meaning: "socket of the ssh agent: for git repositories that are reached by ssh while recording, and what `lock --ssh ID` lends to steps when the flag names none"}
	envIDToken = Variable{Name: "SIGSTORE_ID_TOKEN", Secret: true,
		Meaning: "identity token for `--keyless`, when `--identity-token` names no file; some CI systems set it"}
	envActionsURL   = Variable{Name: "ACTIONS_ID_TOKEN_REQUEST_URL", Meaning: "where a job of GitHub Actions gets an identity token for `--keyless`, when neither `--identity-token` nor `SIGSTORE_ID_TOKEN` is given"}
	envActionsToken = Variable{Name: "ACTIONS_ID_TOKEN_REQUEST_TOKEN", Secret: true, Meaning: "what that address is asked with"}
	envNoColor      = Variable{Name: invocation.EnvNoColor, Meaning: "anything but empty: no colour"}
	envForce        = Variable{Name: invocation.EnvForce, Meaning: "anything but empty: colour also where there is no terminal, unless `NO_COLOR` is set"}
	envTerm         = Variable{Name: invocation.EnvTerm, Meaning: "`dumb`: no colour"}
)

// Environment lists every variable that is read: ours first, then those of libraries.
func Environment() []Variable {
	return []Variable{
		envPassword, envIDToken, envActionsURL, envActionsToken, envState, envCache, envHome, envAgent, envNoColor, envForce, envTerm,
		{Name: "PATH", Library: "os/exec", Meaning: "where `runc`, `git`, and whatever does not lie beside `selfsame`, are looked for; docker's credential helpers too"},
		{Name: "DOCKER_CONFIG", Library: "go-containerregistry", Meaning: "folder of docker's `config.json`, which names credentials and credential helpers for registries; `~/.docker` when unset"},
		{Name: "REGISTRY_AUTH_FILE", Library: "go-containerregistry", Meaning: "podman's file of credentials, read when docker has none"},
		{Name: "XDG_RUNTIME_DIR", Library: "go-containerregistry", Meaning: "podman's `containers/auth.json` below it is read when neither of the two above is there; then the one below `XDG_CONFIG_HOME`"},
		{Name: "XDG_CONFIG_HOME", Library: "go-containerregistry", Meaning: "see `XDG_RUNTIME_DIR`"},
		{Name: "HTTPS_PROXY", Library: "net/http", Meaning: "proxy for registries, Debian mirrors, and locked inputs that the store lacks; `HTTP_PROXY` for plain HTTP. What steps fetch while recording is fetched directly, and steps never see these variables"},
		{Name: "HTTP_PROXY", Library: "net/http", Meaning: "see `HTTPS_PROXY`"},
		{Name: "NO_PROXY", Library: "net/http", Meaning: "hosts that are reached without that proxy"},
		{Name: "COSIGN_PKCS11_MODULE_PATH", Library: "sigstore-kms-p11", Meaning: "module of a PKCS #11 token whose URI has no `module-path`; other programs that hold keys (`sigstore-kms-NAME`) find all of our environment but the password, and read what they document"},
		{Name: "COSIGN_PKCS11_PIN", Secret: true, Library: "sigstore-kms-p11", Meaning: "PIN of the token where neither `pin-source` nor `SELFSAME_KEY_PASSWORD` says it; it is how cosign passes one"},
		{Name: "SSL_CERT_FILE", Library: "crypto/x509", Meaning: "certificates to trust when reaching registries and upstreams, instead of the system's"},
		{Name: "SSL_CERT_DIR", Library: "crypto/x509", Meaning: "the same, a folder"},
	}
}

// get reads a variable of this invocation.
func (a *app) get(v Variable) string { return a.Env(v.Name) }
