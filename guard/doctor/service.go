package doctor

import (
	"encoding/json"
	"fmt"
	"slices"
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
		return []Finding{finding("A0992", place, "the webhook's service is not there", why, "selfsame-guard manifests ... | kubectl apply -f -")}
	}
	if ready := s.ready(s.objects[i]); ready < minReady {
		return []Finding{finding("A0992", place, fmt.Sprintf("the webhook has %d ready replicas, fewer than %d", ready, minReady), why,
			fmt.Sprintf("kubectl -n %s get pods, see why they are not ready, and scale the webhook to %d or more", svc.Namespace, minReady))}
	}
	return nil
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
	var labels map[string]string
	if json.Unmarshal(o.Spec.Selector, &labels) != nil || len(labels) == 0 {
		return false
	}
	return selector{MatchLabels: labels}.matches(deployment.Spec.Template.Metadata.Labels)
}
