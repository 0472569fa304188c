//go:build !front

package signing

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// The versions of the services' interfaces that are spoken. Logs of the first kind (Rekor v1) are read and not written: instances are
// moving to the second, which needs a timestamp authority.
var (
	caVersions  = []uint32{1}
	tsaVersions = []uint32{1}
	logVersions = []uint32{2}
)

// Instance is what signs: the services of one instance of sigstore.
type Instance struct {
	config *root.SigningConfig
}

// LoadInstance reads a signing_config.json (v0.2; sigstore/protobuf-specs, sigstore_trustroot.proto, SigningConfig). Diagnostic: A0551.
func LoadInstance(data []byte) (*Instance, error) {
	err := strictjson.Check(data, strictjson.Limits{MaxBytes: 1 << 20, MaxDepth: 16, MaxValues: 4096})
	if err != nil {
		return nil, badConfig("%w", err)
	}
	var counts struct { // sigstore-go v1.3.0 takes them for granted
		Logs json.RawMessage `json:"rekorTlogConfig"`
		TSAs json.RawMessage `json:"tsaConfig"`
	}
	if json.Unmarshal(data, &counts) != nil || len(counts.Logs) < 2 || counts.Logs[0] != '{' || len(counts.TSAs) < 2 || counts.TSAs[0] != '{' {
		return nil, badConfig("it does not say how many logs (`rekorTlogConfig`) and timestamp authorities (`tsaConfig`) to use")
	}
	config, err := root.NewSigningConfigFromJSON(data)
	if err != nil {
		return nil, badConfig("%w", err)
	}
	return &Instance{config: config}, nil
}

func badConfig(format string, args ...any) error {
	return diag.Errorf(codeSigningConfig, "reading the signing configuration: "+format, args...).
		WithHelp("get signing_config.json from whoever runs the instance")
}

// services picks the services that are in use at now: the newest of each kind, as many logs and timestamp authorities as the
// configuration asks for.
func (i *Instance) services(now time.Time) (*services, error) {
	s, err := i.stamping(now)
	if err != nil {
		return nil, err
	}
	ca, err := root.SelectService(i.config.FulcioCertificateAuthorityURLs(), caVersions, now)
	if err != nil {
		return nil, badConfig("certificate authority: %w", err)
	}
	if s.ca, err = address(ca); err != nil {
		return nil, err
	}
	if len(s.logs) == 0 {
		return nil, badConfig("log: no service is named")
	}
	return s, nil
}

// stamping picks those that say when: timestamp authorities, and logs if the configuration names any.
func (i *Instance) stamping(now time.Time) (*services, error) {
	s := &services{timeout: defaultTimeout}
	tsas, err := root.SelectServices(i.config.TimestampAuthorityURLs(), i.config.TimestampAuthorityURLsConfig(), tsaVersions, now)
	if err != nil {
		return nil, badConfig("timestamp authority: %w", err)
	}
	if s.tsas, err = addresses(tsas); err != nil || len(i.config.RekorLogURLs()) == 0 {
		return s, err
	}
	logs, err := root.SelectServices(i.config.RekorLogURLs(), i.config.RekorLogURLsConfig(), logVersions, now)
	if err != nil {
		return nil, badConfig("log: %w", err)
	}
	s.logs, err = addresses(logs)
	return s, err
}

// Issuer is where a user logs in for a token, by the configuration; empty when it names none.
func (i *Instance) Issuer(now time.Time) string {
	issuer, err := root.SelectService(i.config.OIDCProviderURLs(), []uint32{1}, now)
	if err != nil {
		return ""
	}
	return issuer.URL
}

func addresses(list []root.Service) ([]*url.URL, error) {
	var out []*url.URL
	for _, s := range list {
		u, err := address(s)
		if err != nil {
			return nil, err
		}
		out = append(out, u)
	}
	return out, nil
}

func address(s root.Service) (*url.URL, error) {
	u, err := url.Parse(s.URL)
	if err == nil {
		err = checkAddress(u)
	}
	if err != nil {
		return nil, badConfig("%w", fmt.Errorf("a service's address: %w", quoteErr(err)))
	}
	return u, nil
}
