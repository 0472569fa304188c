package admission

import (
	"fmt"
	"strings"

	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// object is any object that may hold a pod's specification, as far as images go. Kinds differ only in where it is.
type object struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Metadata   metadata  `json:"metadata"`
	Spec       spec      `json:"spec"`
	Template   *template `json:"template,omitempty"` // of a PodTemplate
}

type metadata struct {
	Name         string `json:"name,omitempty"`
	GenerateName string `json:"generateName,omitempty"`
}

// spec is a Pod's own, or that of an owner, with a template in it.
type spec struct {
	podSpec
	Template    *template    `json:"template,omitempty"`
	JobTemplate *jobTemplate `json:"jobTemplate,omitempty"` // of a CronJob
}

type template struct {
	Spec podSpec `json:"spec"`
}

type jobTemplate struct {
	Spec struct {
		Template *template `json:"template,omitempty"`
	} `json:"spec"`
}

type podSpec struct {
	Containers          []container `json:"containers,omitempty"`
	InitContainers      []container `json:"initContainers,omitempty"`
	EphemeralContainers []container `json:"ephemeralContainers,omitempty"`
	Volumes             []volume    `json:"volumes,omitempty"`
}

type container struct {
	Name  string `json:"name"`
	Image string `json:"image,omitempty"`
}

type volume struct {
	Name  string       `json:"name"`
	Image *imageVolume `json:"image,omitempty"`
}

type imageVolume struct {
	Reference string `json:"reference,omitempty"`
}

// place is one place of an object that names an image.
type place struct {
	Path  string // JSON pointer (RFC 6901) of the reference
	List  string // "containers", "initContainers", "ephemeralContainers", "volumes"
	Name  string // of the container or volume
	Image string // as written
}

// String is the place in words: "app", "init container setup", "volume data".
func (p place) String() string {
	switch p.List {
	case "initContainers":
		return "init container " + p.Name
	case "ephemeralContainers":
		return "ephemeral container " + p.Name
	case "volumes":
		return "volume " + p.Name
	}
	return "container " + p.Name
}

// readObject decodes an object and finds its places. It has to be of the kind that the request names.
func readObject(raw strictjson.Document, kind groupKind) (object, []place, error) {
	var o object
	if err := raw.Unmarshal(&o); err != nil {
		return o, nil, err
	}
	if o.Kind != kind.Kind || o.APIVersion != kind.apiVersion() {
		return o, nil, fmt.Errorf("the request is about a %.50s of %.50s, its object is a `%.50s` of `%.50s`", kind.Kind, kind.apiVersion(), o.Kind, o.APIVersion)
	}
	return o, o.places(), nil
}

// places are all that name an image, in the order of the object. Every known place is looked at, whatever the kind: an object that has a
// template where no built-in kind has one is still seen, also one of a kind that is not built in.
func (o *object) places() []place {
	found := o.Spec.podSpec.places("/spec")
	if t := o.Spec.Template; t != nil {
		found = append(found, t.Spec.places("/spec/template/spec")...)
	}
	if j := o.Spec.JobTemplate; j != nil && j.Spec.Template != nil {
		found = append(found, j.Spec.Template.Spec.places("/spec/jobTemplate/spec/template/spec")...)
	}
	if o.Template != nil {
		found = append(found, o.Template.Spec.places("/template/spec")...)
	}
	return found
}

func (s *podSpec) places(at string) []place {
	var found []place
	for _, list := range []struct {
		name string
		all  []container
	}{{"initContainers", s.InitContainers}, {"containers", s.Containers}, {"ephemeralContainers", s.EphemeralContainers}} {
		for i, c := range list.all {
			found = append(found, place{Path: fmt.Sprintf("%s/%s/%d/image", at, list.name, i), List: list.name, Name: c.Name, Image: c.Image})
		}
	}
	for i, v := range s.Volumes {
		if v.Image != nil {
			found = append(found, place{Path: fmt.Sprintf("%s/volumes/%d/image/reference", at, i), List: "volumes", Name: v.Name, Image: v.Image.Reference})
		}
	}
	return found
}

// changed are the places whose image another object of the same kind does not have in the same place (by name: the order may change).
// What is stored already was admitted, or was there before the guard: the node's gates and the agent judge what runs. Judging it again here
// would only keep controllers from removing a finalizer or a label of a pod whose image was taken back.
func changed(now, before []place) []place {
	type key struct{ path, list, name, image string }
	at := func(p place) key {
		path, _, _ := strings.Cut(p.Path, "/"+p.List)
		return key{path, p.List, p.Name, p.Image}
	}
	known := map[key]bool{}
	for _, p := range before {
		known[at(p)] = true
	}
	var out []place
	for _, p := range now {
		if !known[at(p)] {
			out = append(out, p)
		}
	}
	return out
}

// workload names an object as the log of decisions has it: "Pod/shop-0"; one that the API server has yet to name "Pod/shop-*".
func workload(r *request, o object) string {
	name := r.Name
	switch {
	case name == "" && o.Metadata.Name != "":
		name = o.Metadata.Name
	case name == "" && o.Metadata.GenerateName != "":
		name = o.Metadata.GenerateName + "*"
	}
	return r.Kind.Kind + "/" + name
}
