// Package admission is the guard's gate at the Kubernetes API server: a webhook that pins images by digest when they are asked for and
// refuses those that have no verdict.
//
// There are two phases, as the API server has them. The mutating one (/mutate) turns a tag into a digest and decides nothing: what it
// cannot resolve it leaves as it is, with a warning. The validating one (/validate) runs last, sees what is about to be stored, whoever
// changed it on the way, and decides from that alone. It takes no digest for a tag's again, since the next answer may be another one; an
// image without a digest is refused. Neither phase reads or writes an annotation: whatever a user can write is no evidence.
//
// An answer is always one of three: a well-formed AdmissionReview, a status 4xx, or a connection that ends, and the last two are
// denials by failurePolicy: Fail. What is asked about is every place that names an image in a Pod, or in a template for one: containers,
// init containers, ephemeral containers and image volumes.
package admission
