// Package plugin speaks to programs that hold signing keys: sigstore's protocol for KMS plugins, version 1
// (sigstore/pkg/signature/kms/cliplugin). A key called NAME://RESOURCE belongs to the program sigstore-kms-NAME, so the SDKs of clouds and
// the modules of tokens run in processes of their own, and no byte of theirs is in ours.
//
// The client is ours, the messages are sigstore's own types. Sigstore's client would write the program's stderr to ours as it is, read any
// amount of output, wait forever, and fall over an answer without a result.
package plugin

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin"
	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/common"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// The diagnostics of this package; internal/diag/codes_keys.go has their pages.
const (
	codeNoProgram diag.Code = "A0581"
	codeRefused   diag.Code = "A0582"
	codeBroken    diag.Code = "A0585"
	codePIN       diag.Code = "A0502"
)

// WrongPIN is how our own program for tokens says that the PIN was wrong. It is asked once only: a token locks itself after a few tries.
const WrongPIN = "the token's PIN is wrong or missing"

// PINVariable is the environment variable that carries a PIN to our own program for tokens, and to no other.
const PINVariable = "SELFSAME_KEY_PASSWORD"

const (
	// DefaultTimeout bounds one call. A person may have to touch a token; a KMS answers within seconds.
	DefaultTimeout = 60 * time.Second
	maxOutput      = 64 << 10 // of an answer in bytes: a public key or a signature in base64
	maxSaid        = 2 << 10  // of what is repeated of a program's own words
)

// Programs is how programs are found and started.
type Programs struct {
	// Find gives the path of a program by its name.
	Find func(name string) (string, error)
	// Env is the programs' environment, where KMS programs find their credentials. PINVariable is taken out of it.
	Env []string
	// Timeout bounds one call; 0: DefaultTimeout.
	Timeout time.Duration
}

// Key is one key of one program.
type Key struct {
	name, path, resource string
	env                  []string
	pin                  string
	timeout              time.Duration
}

// Open finds the program for the key NAME://RESOURCE. A PIN goes into the program's environment; give one only to our own program.
// Diagnostic: A0581 there is no such program.
func (p Programs) Open(name, resource string, pin []byte) (*Key, error) {
	program := cliplugin.PluginBinaryPrefix + name
	if p.Find == nil {
		return nil, diag.Errorf(codeNoProgram, "no program can be started for the key %s://", name)
	}
	path, err := p.Find(program)
	if err != nil {
		return nil, diag.Errorf(codeNoProgram, "the key is held by the program `%s`: %w", program, err).
			WithWhy("keys of the form " + name + "://... belong to the program of that name, beside selfsame or in PATH").
			WithHelp("install " + program + ", or give a key file by its path")
	}
	k := &Key{name: program, path: path, resource: resource, pin: string(pin), timeout: p.Timeout}
	if k.timeout == 0 {
		k.timeout = DefaultTimeout
	}
	k.env = slices.DeleteFunc(slices.Clone(p.Env), func(v string) bool { return strings.HasPrefix(v, PINVariable+"=") })
	if len(pin) > 0 {
		k.env = append(k.env, PINVariable+"="+k.pin)
	}
	return k, nil
}

// PublicKey asks for the public key, in PEM. Diagnostics: A0582, A0585, A0502.
func (k *Key) PublicKey(ctx context.Context) ([]byte, error) {
	resp, err := k.call(ctx, crypto.SHA256, nil, &common.MethodArgs{
		MethodName: common.PublicKeyMethodName,
		PublicKey:  &common.PublicKeyArgs{PublicKeyOptions: &common.PublicKeyOptions{}},
	})
	if err != nil {
		return nil, err
	}
	if resp.PublicKey == nil || len(resp.PublicKey.PublicKeyPEM) == 0 {
		return nil, k.broken("its answer has no public key", "")
	}
	return resp.PublicKey.PublicKeyPEM, nil
}

// Sign asks for a signature over message. As stock cosign does it passes the digest, too, where the algorithm has one (hash is not 0).
// Diagnostics: A0582, A0585, A0502.
func (k *Key) Sign(ctx context.Context, hash crypto.Hash, digest, message []byte) ([]byte, error) {
	o := common.MessageOptions{}
	if hash != 0 {
		o.Digest, o.HashFunc = &digest, &hash
	}
	resp, err := k.call(ctx, hash, message, &common.MethodArgs{
		MethodName:  common.SignMessageMethodName,
		SignMessage: &common.SignMessageArgs{SignOptions: &common.SignOptions{MessageOptions: o}},
	})
	if err != nil {
		return nil, err
	}
	if resp.SignMessage == nil || len(resp.SignMessage.Signature) == 0 {
		return nil, k.broken("its answer has no signature", "")
	}
	return resp.SignMessage.Signature, nil
}

// call runs the program once.
func (k *Key) call(ctx context.Context, hash crypto.Hash, stdin []byte, args *common.MethodArgs) (*common.PluginResp, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, k.timeout, errTimeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	argument, err := json.Marshal(&common.PluginArgs{
		InitOptions: &common.InitOptions{
			CtxDeadline: &deadline, ProtocolVersion: common.ProtocolVersion, KeyResourceID: k.resource, HashFunc: hash, RPCOptions: &common.RPCOptions{},
		},
		MethodArgs: args,
	})
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", k.name, err)
	}
	out, said, err := run(ctx, k.path, []string{common.ProtocolVersion, string(argument)}, k.env, stdin)
	said = k.clean(said)
	switch cause := context.Cause(ctx); {
	case errors.Is(err, errOutput), errors.Is(err, errHeld):
		return nil, k.broken(err.Error(), said)
	case err != nil && errors.Is(cause, errTimeout):
		return nil, k.broken(fmt.Sprintf("it did not answer within %s", k.timeout), said)
	case cause != nil && err != nil:
		return nil, cause
	case err != nil:
		return nil, k.broken(err.Error(), said)
	}
	var resp common.PluginResp
	dec := json.NewDecoder(bytes.NewReader(out)) // unknown fields are later versions'
	if err := dec.Decode(&resp); err != nil || len(bytes.TrimSpace(out[dec.InputOffset():])) > 0 {
		return nil, k.broken("its answer is not one JSON object", said)
	}
	if resp.ErrorMessage == "" {
		return &resp, nil
	}
	if message := k.clean(resp.ErrorMessage); !strings.HasPrefix(message, WrongPIN) {
		return nil, diag.Errorf(codeRefused, "%s: %s", k.name, message).WithWhy(why(said))
	}
	return nil, diag.Errorf(codePIN, "%s: %s", k.name, k.clean(resp.ErrorMessage)).
		WithWhy("it was tried once: tokens lock themselves after a few wrong PINs").
		WithHelp("set SELFSAME_KEY_PASSWORD, or pin-source=file:/PATH in the URI")
}

var errTimeout = errors.New("the time for a key's program is over")

func (k *Key) broken(what, said string) error {
	return diag.Errorf(codeBroken, "%s: %s", k.name, what).WithWhy(why(said)).
		WithHelp("run `" + k.name + "` by hand, with what its documentation says")
}

func why(said string) string {
	if said == "" {
		return ""
	}
	return "it says: " + said
}

// clean makes a program's words fit for one line of a terminal, without the PIN.
func (k *Key) clean(said string) string {
	if k.pin != "" {
		said = strings.ReplaceAll(said, k.pin, "***")
	}
	if len(said) > maxSaid {
		said = said[:maxSaid] + "..."
	}
	return diag.Printable(strings.Join(strings.Fields(said), " "))
}
