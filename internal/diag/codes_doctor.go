package diag

// The codes of `selfsame-guard doctor`, A0960 to A0999. Each is a way around the guard about which nothing else says a word.
var doctorCodes = []Info{
	{"A0960", ExitUndecided, "containerd pulls without asking image verifiers", `containerd asks image verifiers only where its transfer service pulls. With some settings of the CRI plugin it pulls by itself instead, and says so
in one warning of its log: "Falling back to local image pull mode" (CheckLocalImagePullConfigs in internal/cri/config/config.go, containerd 2.4.2).
They are use_local_image_pull = true, disable_snapshot_annotations = false, discard_unpacked_layers = true, registry mirrors, configs or auths,
max_concurrent_downloads other than 3, and image_pull_with_sync_fs = true.

    selfsame-guard doctor node
`},
	{"A0961", ExitUndecided, "containerd has no image verifier", `The folder of image verifiers is missing or empty, or the plugin is switched off. containerd then allows every pull. Install selfsame-pull there.
`},
	{"A0962", ExitUndecided, "others can replace an image verifier", `The folder, a program in it, or a folder above belongs to somebody other than root, or others may write to it. Its word is then theirs.
`},
	{"A0963", ExitUndecided, "image verifiers beyond max_verifiers", `containerd runs the first max_verifiers programs of the folder by name, skips the others, and allows the pull where the first agree.
`},
	{"A0964", ExitUndecided, "a file among the image verifiers cannot be run", `Every entry of the folder is run. One that cannot be makes every pull fail, and people then switch the verifiers off.
`},
	{"A0965", ExitUndecided, "the guard is not among the image verifiers", `There are programs in the folder of image verifiers, but selfsame-pull is not one of them, so the policy is not asked about what is pulled.
Install it there.
`},
	{"A0966", ExitUndecided, "image verifiers are ended too soon", `per_verifier_timeout is shorter than the time within which selfsame-pull denies in words. containerd kills it before, and its reason is lost.
`},
	{"A0967", ExitUndecided, "NRI is off", `Without NRI nobody is asked when a container starts: images that are on the node already, that were imported or retagged, start unjudged.
`},
	{"A0968", ExitUndecided, "containers start without the guard's NRI plugin", `Where an NRI plugin is not connected or too late, containerd starts containers without it. Only NRI's default validator refuses them, where it is
enabled and required_plugins names the plugin. Static pods then start only once the guard's agent does.
`},
	{"A0969", ExitUndecided, "an annotation lets pods start without the guard", `tolerate_missing_plugins_annotation names an annotation that anybody who may make a pod can set.
`},
	{"A0970", ExitUndecided, "NRI plugins are dropped too soon", `plugin_request_timeout leaves less time than the guard's plugin takes to deny in words. containerd then disconnects it.
`},
	{"A0971", ExitUndecided, "others can be an NRI plugin", `Others than root may write to NRI's socket, to the folder of pre-installed plugins, or to a folder above. A plugin changes containers at will.
`},
	{"A0972", ExitUndecided, "containerd's configuration cannot be read", `The file, or one that it imports, cannot be read, is no TOML, is too large, or has a version that this doctor does not know.

    containerd config dump | selfsame-guard doctor node --containerd-config -
`},
	{"A0973", ExitUndecided, "containerd is too old, or says no version", `NRI plugins are told a container's image since containerd 2.4. Before, the guard's plugin has nothing to judge by.
`},
	{"A0974", ExitUndecided, "the node agent cannot be relied on", `The agent does not answer on its socket, or others can put a socket of their own in its place.
`},
	{"A0975", ExitUndecided, "the guard cannot start with its configuration", `The configuration is wrong, so the next start of the agent or the webhook fails.

    selfsame-guard check --config /etc/selfsame/guard.yaml
`},
	{"A0980", ExitUndecided, "the cluster's objects cannot be read", `The API server does not answer, the user may not list what is looked at, or a file is not what kubectl prints; or the guard's own configuration
(the ConfigMap selfsame-guard) is not there, or nothing that the guard reads. No credential plugin is run: make a
kubeconfig with a token (kubectl create token) or a client certificate, or give files.

    kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations,namespaces -o json > objects.json
    kubectl -n selfsame-guard get services,endpointslices,configmaps -o json > guard.json
    selfsame-guard doctor cluster --from objects.json --from guard.json
`},
	{"A0981", ExitUndecided, "the guard's webhook is not there", `No webhook configuration holds a webhook with the name validate.guard.selfsame.build, so everything is admitted without a verdict.

    selfsame-guard manifests ... | kubectl apply -f -
`},
	{"A0982", ExitUndecided, "failurePolicy lets everything through", `With failurePolicy Ignore, whatever keeps the webhook from answering is a way in: load, a network policy, an expired certificate.
`},
	{"A0983", ExitUndecided, "the webhook's time is wrong", `Below 2 seconds what is not known yet is refused; above 10 a slow registry holds the API server up. Set timeoutSeconds to 5.
`},
	{"A0984", ExitUndecided, "the webhook is not asked about a resource", `Images come in by pods, by the subresource pods/ephemeralcontainers ("kubectl debug"), and by pods' owners.
`},
	{"A0985", ExitUndecided, "the webhook is not asked about an operation", `An image can be set by making an object (CREATE) and by changing one (UPDATE).
`},
	{"A0986", ExitUndecided, "another API version passes by the webhook", `With matchPolicy Exact a rule holds for the versions that it names, and not for the same object in another one. Set Equivalent.
`},
	{"A0987", ExitUndecided, "selectors leave something out", `A namespace other than the guard's own is left out, or labels decide that people can change. The label kubernetes.io/metadata.name is the API
server's own. A namespace that is meant to be left out is named with --exempt.
`},
	{"A0988", ExitUndecided, "matchConditions leave something out", `The guard's webhooks need no matchConditions. What a condition does not match is admitted unjudged. Remove them.
`},
	{"A0989", ExitUndecided, "what is injected later keeps its tag", `Without reinvocationPolicy IfNeeded the mutating webhook does not see containers that a later one adds, and they keep their tags.
`},
	{"A0990", ExitUndecided, "a rule of the webhook never holds", `All that the guard judges is namespaced. A rule of the scope Cluster is about other objects, and never holds. Set Namespaced.
`},
	{"A0991", ExitUndecided, "the API server will not trust the webhook", `caBundle is empty, no certificate, over, or ends within 30 days. Then nothing is admitted, until somebody removes the webhook.
`},
	{"A0992", ExitUndecided, "too few answer for the webhook", `The service is missing, or has fewer than two ready replicas. While nobody answers nothing is admitted.
`},
	{"A0993", ExitUndecided, "the webhook rewrites and does not refuse", `The mutating webhook is there without the validating one, which alone refuses. Apply all that "selfsame-guard manifests" prints.
`},
	{"A0994", ExitProven, "the webhook can be deleted through the API", `A warning: static manifests (KEP-5793, beta in Kubernetes 1.37) hold from the first request on, and nobody can delete them through the API.

    selfsame-guard manifests --static out ...
`},
	{"A0995", ExitUndecided, "the API server asks somebody else", `The webhook leads to the wrong phase, to another service or port than the guard's, or that service leads to other pods. The mutating phase (/mutate)
gives digests and refuses nothing, so a validating webhook that leads there admits every image that has one. Apply what "selfsame-guard manifests" prints;
if the guard lives in another namespace, say so:

    selfsame-guard doctor cluster --namespace guard
`},
	{"A0996", ExitUndecided, "the guard's configuration lets something pass", `The webhooks are as they should be, and the configuration (guard.yaml in the ConfigMap selfsame-guard) has them admit what the policy refuses: audit mode.
Where a namespace is meant to be audited, name it with --exempt. Warnings are about image volumes whose name nobody knows (nri.volumes), and about
a "refresh" of more than 15 minutes, for which what is taken back goes on being admitted.
`},
}
