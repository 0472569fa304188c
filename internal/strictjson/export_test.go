package strictjson

import "reflect"

// Sure tells whether decode fills a type, and not encoding/json.
func Sure(t reflect.Type) bool { return planOf(t) != nil }
