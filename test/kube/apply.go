package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"gopkg.in/yaml.v3"
)

// Apply applies every document of a manifest file (YAML or JSON) in their order, as `kubectl apply --server-side` does, each in its own
// namespace or else in "default". It stops at the first that is refused.
func (c *Client) Apply(ctx context.Context, manifests []byte) error {
	for dec := yaml.NewDecoder(bytes.NewReader(manifests)); ; {
		var object map[string]any
		if err := dec.Decode(&object); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if object == nil {
			continue
		}
		if err := c.apply(ctx, object); err != nil {
			return err
		}
	}
}

func (c *Client) apply(ctx context.Context, object map[string]any) error {
	raw, err := json.Marshal(object)
	if err != nil {
		return err
	}
	var head struct {
		APIVersion, Kind string
		Metadata         struct{ Name, Namespace string }
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return err
	}
	base, err := c.path(ctx, head.APIVersion, head.Kind, head.Metadata.Namespace)
	if err != nil {
		return err
	}
	err = c.into(ctx, http.MethodPatch, base+"/"+head.Metadata.Name+"?fieldManager=test&force=true", "application/apply-patch+yaml", raw, nil)
	if err != nil {
		return fmt.Errorf("%s %s: %w", head.Kind, head.Metadata.Name, err)
	}
	return nil
}

// path asks the server where objects of a kind live.
func (c *Client) path(ctx context.Context, apiVersion, kind, namespace string) (string, error) {
	base := "/apis/" + apiVersion
	if !strings.Contains(apiVersion, "/") {
		base = "/api/" + apiVersion
	}
	var known struct {
		Resources []struct {
			Name, Kind string
			Namespaced bool
		}
	}
	if err := c.Get(ctx, base, &known); err != nil {
		return "", fmt.Errorf("%s: %w", apiVersion, err)
	}
	for _, r := range known.Resources {
		switch {
		case r.Kind != kind || strings.Contains(r.Name, "/"):
		case !r.Namespaced:
			return base + "/" + r.Name, nil
		case namespace == "":
			return base + "/namespaces/default/" + r.Name, nil
		default:
			return base + "/namespaces/" + namespace + "/" + r.Name, nil
		}
	}
	return "", fmt.Errorf("%s has no kind %s", apiVersion, kind)
}
