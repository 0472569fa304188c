package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

// The bounds of what a cluster says.
const (
	maxObjects    = 16 << 20 // bytes, of one file or answer
	maxObjectsAll = 50_000   // objects, of all
)

// object is what the doctor reads of one of the cluster's objects. Others' fields are passed over: they are not ours to judge.
type object struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name      string            `json:"name"`
		Namespace string            `json:"namespace"`
		Labels    map[string]string `json:"labels"`
		Continue  string            `json:"continue"` // of a list: there is more
	} `json:"metadata"`
	Items     []object  `json:"items"`    // of a list
	Webhooks  []webhook `json:"webhooks"` // of a webhook configuration
	Endpoints []struct {
		Conditions struct {
			Ready *bool `json:"ready"`
		} `json:"conditions"`
	} `json:"endpoints"` // of an EndpointSlice
	// Data and Binary are a ConfigMap's files; of other kinds, anything.
	Data   json.RawMessage `json:"data"`
	Binary json.RawMessage `json:"binaryData"`
	Spec   struct {
		Type     string          `json:"type"`     // of a Service
		Replicas *int            `json:"replicas"` // of a Deployment
		Selector json.RawMessage `json:"selector"` // of a Service: labels
		Template struct {
			Metadata struct {
				Labels map[string]string `json:"labels"`
			} `json:"metadata"`
		} `json:"template"` // of a Deployment
	} `json:"spec"`
	Status *struct {
		ReadyReplicas int `json:"readyReplicas"`
	} `json:"status"`

	live bool // an API server gave it
}

// static reports whether o is of a file for an API server's own disk: no object of the API is, whatever its name.
func (o object) static() bool { return !o.live && strings.HasSuffix(o.Metadata.Name, staticEnd) }

// webhook is one of a configuration (admissionregistration.k8s.io/v1).
type webhook struct {
	Name         string `json:"name"`
	ClientConfig struct {
		URL     string `json:"url"`
		Service *struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
			Path      string `json:"path"`
			Port      *int   `json:"port"` // nil: 443
		} `json:"service"`
		CABundle []byte `json:"caBundle"`
	} `json:"clientConfig"`
	Rules              []rule            `json:"rules"`
	FailurePolicy      string            `json:"failurePolicy"`
	MatchPolicy        string            `json:"matchPolicy"`
	ReinvocationPolicy string            `json:"reinvocationPolicy"`
	TimeoutSeconds     *int              `json:"timeoutSeconds"`
	NamespaceSelector  selector          `json:"namespaceSelector"`
	ObjectSelector     selector          `json:"objectSelector"`
	MatchConditions    []json.RawMessage `json:"matchConditions"`
}

type rule struct {
	APIGroups   []string `json:"apiGroups"`
	APIVersions []string `json:"apiVersions"`
	Operations  []string `json:"operations"`
	Resources   []string `json:"resources"`
	Scope       string   `json:"scope"`
}

type selector struct {
	MatchLabels      map[string]string `json:"matchLabels"`
	MatchExpressions []expression      `json:"matchExpressions"`
}

type expression struct {
	Key      string   `json:"key"`
	Operator string   `json:"operator"`
	Values   []string `json:"values"`
}

// decodeObjects reads what kubectl prints: JSON, or YAML of one or more documents; lists are taken apart.
func decodeObjects(name string, in io.Reader) ([]object, error) {
	data, err := io.ReadAll(io.LimitReader(in, maxObjects+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxObjects {
		return nil, fmt.Errorf("%s has more than %d bytes", name, maxObjects)
	}
	var out []object
	for _, doc := range documents(data) {
		if doc, err = toJSON(name, doc); err != nil {
			return nil, err
		}
		for d := json.NewDecoder(bytes.NewReader(doc)); ; {
			var o object
			if err := d.Decode(&o); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if out = append(out, o.flat()...); len(out) > maxObjectsAll {
				return nil, fmt.Errorf("%s holds more than %d objects", name, maxObjectsAll)
			}
		}
	}
	return out, nil
}

// decodeList reads one answer of an API server.
func decodeList(in io.Reader) (o object, err error) {
	data, err := io.ReadAll(io.LimitReader(in, maxObjects+1))
	if err == nil && len(data) > maxObjects {
		err = fmt.Errorf("the answer has more than %d bytes", maxObjects)
	}
	if err == nil {
		err = json.Unmarshal(data, &o)
	}
	return o, err
}

// flat is o, or what is in it; the API leaves the kind of a list's items out.
func (o object) flat() []object {
	kind, list := strings.CutSuffix(o.Kind, "List")
	if !list {
		return []object{o}
	}
	for i := range o.Items {
		if o.Items[i].Kind == "" {
			o.Items[i].Kind = kind
		}
	}
	return o.Items
}

// documents takes a YAML stream apart. At the beginning of a line --- always ends a document.
func documents(data []byte) (out [][]byte) {
	if t := bytes.TrimSpace(data); len(t) > 0 && t[0] == '{' {
		return [][]byte{t}
	}
	var doc []byte
	for line := range bytes.Lines(data) {
		if bytes.HasPrefix(line, []byte("---")) {
			out, doc = append(out, doc), nil
			line = line[3:]
		}
		doc = append(doc, line...)
	}
	return append(out, doc)
}

// toJSON is doc in JSON; what holds nothing but comments becomes nothing.
func toJSON(name string, doc []byte) ([]byte, error) {
	blank := true
	for line := range bytes.Lines(doc) {
		t := bytes.TrimSpace(line)
		blank = blank && (len(t) == 0 || t[0] == '#')
	}
	if blank {
		return nil, nil
	}
	if t := bytes.TrimSpace(doc); t[0] == '{' {
		return t, nil
	}
	if len(doc) > strictyaml.MaxBytes {
		return nil, fmt.Errorf("%s has a YAML document of more than %d bytes; give JSON (kubectl get -o json)", name, strictyaml.MaxBytes)
	}
	d := strictyaml.New(&dialect, name, doc)
	root := d.Tree(doc)
	if err := d.Err(); err != nil || root == nil {
		return nil, err
	}
	return json.Marshal(plain(root))
}

// plain is a node as encoding/json takes it.
func plain(n *strictyaml.Node) any {
	switch n.Kind {
	case strictyaml.Mapping:
		m := map[string]any{}
		for i, k := range n.Keys {
			m[k.Text] = plain(n.Items[i])
		}
		return m
	case strictyaml.List:
		l := make([]any, 0, len(n.Items))
		for _, e := range n.Items {
			l = append(l, plain(e))
		}
		return l
	}
	switch n.Tag {
	case "null":
		return nil
	case "bool":
		if b, err := strconv.ParseBool(n.Text); err == nil {
			return b
		}
	case "int":
		if i, err := strconv.ParseInt(n.Text, 10, 64); err == nil {
			return i
		}
	}
	return n.Text
}
