package doctor

import (
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

const codeObjects diag.Code = "A0980"

// dialect is how kubectl's YAML and kubeconfigs are read: what two readers could understand differently is refused.
var dialect = strictyaml.Dialect{
	Noun: "file", Starter: "kubectl get validatingwebhookconfigurations -o yaml", Check: "selfsame-guard doctor cluster", Misspelt: "it would be passed over",
	Large: "give fewer objects", Deep: "give fewer objects, or as JSON: kubectl get -o json",
	Codes: strictyaml.Codes{
		TooLarge: codeObjects, Encoding: codeObjects, Syntax: codeObjects, Documents: codeObjects, TooDeep: codeObjects, MoreErrors: codeObjects,
		Alias: codeObjects, Tag: codeObjects, KeyType: codeObjects, DuplicateKey: codeObjects, UnknownKey: codeObjects, MissingKey: codeObjects,
		WrongType: codeObjects, Unquoted: codeObjects, EmptyValue: codeObjects, Invisible: codeObjects, Repeated: codeObjects,
	},
}
