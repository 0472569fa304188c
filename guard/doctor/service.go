package doctor

import (
	"encoding/json"
	"fmt"
	"slices"
)

// What the manifests install (guard/manifests): the name of the guard's Service and of the ConfigMap with its configuration, the Service's port, and
// the label of the pods that answer there.
const (
	installed   = "selfsame-guard"
	servicePort = 443
	podLabel    = "app.kubernetes.io/name"
	podName     = "selfsame-guard-webhook"
)

// minReady is how many replicas have to be ready, so that one may go.
const minReady = 2

// service sees that somebody answers: with failurePolicy Fail nothing starts otherwise, and people then delete the webhook.
func (s state) service(h hook) []Finding {
	svc := h.ClientConfig.Service
	if svc == nil {
		return nil // it is called by its address
	}
	place := "Service/" + svc.Namespace + "/" + svc.Name
	const why = "while nobody answers nothing new is admitted, and whoever is on call removes the webhook"
	i := slices.IndexFunc(s.objects, func(o object) bool {
		return o.Kind == "Service" && o.Metadata.Namespace == svc.Namespace && o.Metadata.Name == svc.Name
	})
	if i < 0 {
		return []Finding{finding("A0992", place, "the webhook's service is not there", why, applyAll)}
	}
	if why := s.objects[i].leads(); why != "" {
		return []Finding{finding("A0995", place, why, "who is not the guard may let everything through", applyAll)}
	}
	if ready := s.ready(s.objects[i]); ready < minReady {
		return []Finding{finding("A0992", place, fmt.Sprintf("the webhook has %d ready replicas, fewer than %d", ready, minReady), why,
			fmt.Sprintf("kubectl -n %s get pods, see why they are not ready, and scale the webhook to %d or more", svc.Namespace, minReady))}
	}
	return nil
}

// leads says why a Service leads to somebody else than the guard's webhook; "": it does not.
func (o object) leads() string {
	if o.Spec.Type == "ExternalName" {
		return "it is a name for a host elsewhere (`ExternalName`)"
	}
	if labels := o.selector(); len(labels) != 1 || labels[podLabel] != podName {
		return "its selector is not `" + podLabel + ": " + podName + "`"
	}
	return ""
}

// selector is a Service's; nil: it has none, or one that is no set of labels.
func (o object) selector() (labels map[string]string) {
	if json.Unmarshal(o.Spec.Selector, &labels) != nil {
		return nil
	}
	return labels
}

// ready counts who answers: by the service's EndpointSlices where they are known, else by its Deployment.
func (s state) ready(service object) (n int) {
	slices, replicas := false, 0
	for _, o := range s.objects {
		if o.Metadata.Namespace != service.Metadata.Namespace {
			continue
		}
		switch {
		case o.Kind == "EndpointSlice" && o.Metadata.Labels["kubernetes.io/service-name"] == service.Metadata.Name:
			slices = true
			for _, e := range o.Endpoints {
				if e.Conditions.Ready == nil || *e.Conditions.Ready { // discovery.k8s.io/v1: nil is to be read as ready
					n++
				}
			}
		case o.Kind == "Deployment" && service.selects(o):
			if o.Status != nil {
				replicas += o.Status.ReadyReplicas
			} else if o.Spec.Replicas != nil { // a manifest, which says what will be
				replicas += *o.Spec.Replicas
			}
		}
	}
	if slices {
		return n
	}
	return replicas
}

// selects reports whether a Deployment's pods are the service's.
func (o object) selects(deployment object) bool {
	labels := o.selector()
	return len(labels) > 0 && selector{MatchLabels: labels}.matches(deployment.Spec.Template.Metadata.Labels)
}
