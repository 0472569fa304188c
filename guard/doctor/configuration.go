package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/selfsame-build/selfsame/guard/config"
)

// configFile is the guard's configuration in its ConfigMap, and configPath where its pods see it (guard/manifests).
const (
	configFile = "guard.yaml"
	configPath = "/etc/selfsame/" + configFile
)

// maxRefresh is after how long without a reading of the deny list an alert comes (guard/metrics: SelfsameRefreshFails).
const maxRefresh = 15 * time.Minute

// configuration finds what the guard's own configuration lets pass. The webhooks may be as they should and refuse nothing.
func (c Cluster) configuration(s state) (out []Finding) {
	place := "ConfigMap/" + c.Namespace + "/" + installed
	unread := func(err error) {
		out = append(out, finding("A0980", place, "the guard's configuration cannot be read: "+firstLine(err), "whether it refuses anything is written there, and what is not seen cannot be judged",
			"give a kubeconfig whose user may get that ConfigMap, or its file with --from"))
	}
	found := false
	for _, o := range s.objects {
		if o.Kind != "ConfigMap" || o.Metadata.Namespace != c.Namespace || o.Metadata.Name != installed {
			continue
		}
		found = true
		text, err := o.file(configFile)
		if err != nil {
			unread(err)
			continue
		}
		there, err := config.Parse(configPath, text)
		if err != nil {
			unread(err)
			continue
		}
		out = append(out, c.weakens(place+" "+configFile, there)...)
	}
	switch {
	case s.unread != nil:
		unread(s.unread)
	case !found:
		unread(errors.New("it is not there"))
	}
	return out
}

// file is one of a ConfigMap's.
func (o object) file(name string) ([]byte, error) {
	var text map[string]string
	var binary map[string][]byte
	for raw, into := range map[*json.RawMessage]any{&o.Data: &text, &o.Binary: &binary} {
		if !set(*raw) {
			continue
		}
		if err := json.Unmarshal(*raw, into); err != nil {
			return nil, errors.New("its data are no files")
		}
	}
	if t, ok := text[name]; ok {
		return []byte(t), nil
	}
	if b, ok := binary[name]; ok {
		return b, nil
	}
	return nil, fmt.Errorf("there is no `%s` in it", name)
}

// weakens is what a configuration lets pass that the policy refuses.
func (c Cluster) weakens(place string, g config.Config) (out []Finding) {
	a := g.Admission
	lax := slices.DeleteFunc(slices.Clone(a.Audit), func(ns string) bool {
		return ns == c.Namespace || slices.Contains(c.Exempt, ns) || slices.Contains(a.Enforce, ns) // one in both lists is enforced
	})
	switch {
	case a.Default == "audit":
		only := "in every namespace"
		if len(a.Enforce) > 0 {
			only += " but " + strings.Join(a.Enforce, ", ")
		}
		out = append(out, finding("A0996", place+" admission.default", "it is `audit`", "the webhook admits what the policy refuses, with a warning, "+only, "admission: {default: enforce}"))
	case len(lax) > 0:
		out = append(out, finding("A0996", place+" admission.audit", "it names "+strings.Join(lax, ", "), "the webhook admits there what the policy refuses, with a warning",
			"take them out of admission.audit; or, where that is meant, --exempt for each"))
	}
	warn := func(field, summary, why, fix string) {
		f := finding("A0996", place+" "+field, summary, why, fix)
		f.Warning = true
		out = append(out, f)
	}
	if g.NRI.Socket != "" && g.NRI.Volumes != "refuse" {
		warn("nri.volumes", "it is `"+g.NRI.Volumes+"`", "an image volume is mounted without a verdict where nobody on the node asked about its image before", "nri: {volumes: refuse}")
	}
	if d := time.Duration(g.Refresh); d > maxRefresh {
		warn("refresh", fmt.Sprintf("it is %s, more than %s", d, maxRefresh), "what is taken back goes on being admitted for as long", "refresh: 1m")
	}
	return out
}
