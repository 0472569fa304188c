package admission

import (
	"errors"
	"fmt"

	"github.com/selfsame-build/selfsame/internal/strictjson"
)

// The one version of the review that is spoken. v1beta1 is gone since Kubernetes 1.22.
const (
	reviewVersion = "admission.k8s.io/v1"
	reviewKind    = "AdmissionReview"
)

// maxBody bounds a review, in bytes. The API server takes objects of 3 MiB at most, and a review holds two (object and oldObject).
const maxBody = 8 << 20

// reviewLimits: no object of Kubernetes' own is deeper than some 20; those of others may be.
var reviewLimits = strictjson.Limits{MaxBytes: maxBody, MaxDepth: 100, MaxValues: 1_000_000, AllowUnknown: true}

// review is an AdmissionReview, as far as it is looked at (k8s.io/api/admission/v1). Fields of newer versions are ignored, as the API's
// conventions have it; names that differ from a known one in case alone are refused, as equal names are.
type review struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Request    *request  `json:"request,omitempty"`
	Response   *response `json:"response,omitempty"`
}

type request struct {
	UID         string        `json:"uid"`
	Kind        groupKind     `json:"kind"`
	Resource    groupResource `json:"resource"`
	SubResource string        `json:"subResource,omitempty"`
	Name        string        `json:"name,omitempty"`
	Namespace   string        `json:"namespace,omitempty"`
	Operation   string        `json:"operation"`
	UserInfo    userInfo      `json:"userInfo"`
	// The objects are checked, and not decoded.
	Object    strictjson.Document `json:"-"`
	OldObject strictjson.Document `json:"-"`
}

type groupKind struct {
	Group   string `json:"group"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
}

// apiVersion is group and version as objects spell them.
func (k groupKind) apiVersion() string {
	if k.Group == "" {
		return k.Version
	}
	return k.Group + "/" + k.Version
}

type groupResource struct {
	Group    string `json:"group"`
	Version  string `json:"version"`
	Resource string `json:"resource"`
}

type userInfo struct {
	Username string `json:"username,omitempty"`
}

type response struct {
	UID              string            `json:"uid"`
	Allowed          bool              `json:"allowed"`
	Status           *status           `json:"status,omitempty"`
	Patch            []byte            `json:"patch,omitempty"`
	PatchType        string            `json:"patchType,omitempty"`
	AuditAnnotations map[string]string `json:"auditAnnotations,omitempty"`
	Warnings         []string          `json:"warnings,omitempty"`
}

type status struct {
	Code    int32  `json:"code"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message"`
}

// maxUID bounds what is repeated to the caller; the API server's are 36 characters long.
const maxUID = 128

// The names of a review and of its request that are known.
var (
	reviewNames  = []string{"apiVersion", "kind", "request", "response"}
	requestNames = []string{"uid", "kind", "resource", "subResource", "name", "namespace", "operation", "userInfo", "object", "oldObject"}
)

// readReview decodes a review that can be answered. An error means that there is nobody to answer: status 400. The objects, which are nearly
// all of it, are not decoded, and share the memory of body; of everything else nothing does. All of body is checked, once.
func readReview(body []byte) (*request, error) {
	all, err := strictjson.Read(body, reviewLimits)
	if err != nil {
		return nil, err
	}
	top, err := all.Members(reviewNames)
	if err != nil {
		return nil, err
	}
	var version, kind string
	if err := errors.Join(member(top, "apiVersion", &version), member(top, "kind", &kind)); err != nil {
		return nil, err
	}
	switch {
	case kind != reviewKind || version != reviewVersion:
		return nil, fmt.Errorf("a %s of %s was expected, this is a `%.50s` of `%.50s`", reviewKind, reviewVersion, kind, version)
	case absent(top["request"]):
		return nil, errors.New("the review has no request")
	}
	r, err := readRequest(top["request"])
	if err != nil {
		return nil, err
	}
	if r.UID == "" || len(r.UID) > maxUID {
		return nil, fmt.Errorf("the request's uid has %d bytes; 1 to %d were expected", len(r.UID), maxUID)
	}
	return r, nil
}

func readRequest(asked strictjson.Document) (*request, error) {
	in, err := asked.Members(requestNames)
	if err != nil {
		return nil, err
	}
	r := &request{Object: in["object"], OldObject: in["oldObject"]}
	return r, errors.Join(member(in, "uid", &r.UID), member(in, "kind", &r.Kind), member(in, "resource", &r.Resource), member(in, "subResource", &r.SubResource),
		member(in, "name", &r.Name), member(in, "namespace", &r.Namespace), member(in, "operation", &r.Operation), member(in, "userInfo", &r.UserInfo))
}

// member decodes one member, if it is there.
func member(in map[string]strictjson.Document, name string, to any) error {
	found, ok := in[name]
	if !ok {
		return nil
	}
	if err := found.Unmarshal(to); err != nil {
		return fmt.Errorf("`%s`: %w", name, err)
	}
	return nil
}

// absent says whether an object is not there: the API server sends null for none.
func absent(d strictjson.Document) bool { return len(d.Bytes()) == 0 || string(d.Bytes()) == "null" }
