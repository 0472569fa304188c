package sigstore

import (
	"fmt"
	"slices"
	"strings"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

// Effect is what it means that something was not carried over as it was.
type Effect string

// The effects.
const (
	// Denies: the rule cannot be true by this until it is written in CEL.
	Denies Effect = "denies"
	// Stricter: the rule holds for more images, or accepts fewer signatures.
	Stricter Effect = "stricter"
	// Todo: something has to be put in its place by hand, and until then the files do not load or the rule denies.
	Todo Effect = "todo"
	// Differs: it is asked for in another way, which the message names.
	Differs Effect = "differs"
	// Nothing: it has no part in the decision.
	Nothing Effect = "nothing"
)

// Note is one thing that was not carried over as it was.
type Note struct {
	At     diag.Position `json:"at"`
	Path   string        `json:"path"` // "spec.authorities[0].key.kms"
	What   string        `json:"what"`
	Effect Effect        `json:"effect"`
}

// String is the note in a line.
func (n Note) String() string {
	return fmt.Sprintf("%s: %s: %s (%s)", n.At, n.Path, n.What, n.Effect)
}

// Imported is the result.
type Imported struct {
	Policy []byte // a policy, as policy.Parse reads it
	Trust  []byte // a trust file, as trust.Parse reads it
	Notes  []Note // by place
	Rules  int
}

var dialect = &strictyaml.Dialect{
	Noun: "ClusterImagePolicy", Starter: "selfsame policy new", Check: "selfsame policy import", Misspelt: "it would be left out",
	Large: "make two files of it", Deep: "make two files of it",
	Codes: strictyaml.Codes{
		TooLarge: diag.CodePolicyText, Encoding: diag.CodePolicyText, Syntax: diag.CodePolicyText, Documents: diag.CodePolicyText,
		TooDeep: diag.CodePolicyText, MoreErrors: diag.CodePolicyText, Alias: diag.CodePolicyText, Tag: diag.CodePolicyText,
		KeyType: diag.CodePolicyKeys, DuplicateKey: diag.CodePolicyKeys, UnknownKey: diag.CodePolicyKeys, MissingKey: diag.CodePolicyKeys,
		WrongType: diag.CodePolicyValue, Unquoted: diag.CodePolicyValue, EmptyValue: diag.CodePolicyValue,
		Invisible: diag.CodePolicyValue, Repeated: diag.CodePolicyValue,
	},
}

// maxDocuments is how many resources a file may hold.
const maxDocuments = 500

// Import reads one file, which may hold several resources, and makes one policy called name of all. The error is a diag.List when the file
// cannot be read, or holds no ClusterImagePolicy.
func Import(name, path string, data []byte) (Imported, error) {
	if len(data) > strictyaml.MaxBytes {
		return Imported{}, fail(path, "the file is larger than 1 MiB", "import it in parts")
	}
	im := &importer{path: path, signers: map[string]string{}}
	documents := split(string(data))
	if len(documents) > maxDocuments {
		return Imported{}, fail(path, fmt.Sprintf("the file holds more than %d resources", maxDocuments), "import it in parts")
	}
	for _, text := range documents {
		d := strictyaml.New(dialect, path, []byte(text))
		root := d.Tree([]byte(text))
		if err := d.Err(); err != nil {
			return Imported{}, err
		}
		im.resource(object{im, d, root, ""})
	}
	if len(im.rules) == 0 {
		return Imported{}, fail(path, "there is no ClusterImagePolicy in the file", "give a file with `kind: ClusterImagePolicy`")
	}
	slices.SortStableFunc(im.notes, func(a, b Note) int { return a.At.Line - b.At.Line })
	return Imported{Policy: im.policy(name), Trust: im.trust(), Notes: im.notes, Rules: len(im.rules)}, nil
}

func fail(path, summary, help string) error {
	return diag.List{diag.Errorf(diag.CodePolicyValue, "%s", summary).WithAt(diag.Position{File: path}, "").WithHelp(help)}
}

// split cuts a file into its documents. Each keeps its place: what stands before it is empty lines. Documents without a value are left out.
func split(text string) []string {
	var out []string
	lines := strings.Split(text, "\n")
	begin, content := 0, false
	flush := func(end int) {
		if content {
			out = append(out, strings.Repeat("\n", begin)+strings.Join(lines[begin:end], "\n")+"\n")
		}
		begin, content = end+1, false
	}
	for i, l := range lines {
		trimmed := strings.TrimSpace(l)
		if l == "---" || strings.HasPrefix(l, "--- ") && strings.HasPrefix(strings.TrimSpace(l[4:]), "#") {
			flush(i)
			continue
		}
		content = content || trimmed != "" && !strings.HasPrefix(trimmed, "#")
	}
	flush(len(lines))
	return out
}

// importer gathers what becomes of the resources of one file.
type importer struct {
	path    string
	rules   []rule
	entries []entry
	signers map[string]string // what a signer is, to its name in the trust file
	root    bool              // identities need a trusted root
	notes   []Note
}

// resource takes one document.
func (im *importer) resource(o object) {
	kind, api := o.text("kind"), o.text("apiVersion")
	if kind != "ClusterImagePolicy" || !strings.HasPrefix(api, "policy.sigstore.dev/") {
		o.note(fmt.Sprintf("a resource of kind %q is not a policy; what it holds has to be put into the trust file by hand", kind), Todo)
		return
	}
	var r rule
	if meta, ok := o.object("metadata"); ok {
		r.name = meta.text("name")
		meta.rest("it says nothing about images", Nothing)
	}
	if spec, ok := o.object("spec"); ok {
		im.spec(spec, &r)
	} else {
		o.note("there is no `spec`", Denies)
		r.match, r.any = []string{"**"}, []string{never}
	}
	o.skip("status", "it is what a cluster says of itself", Nothing)
	if o.rest(unknown, Denies) {
		r.all = append(r.all, never)
	}
	im.rules = append(im.rules, r)
}

const (
	never   = "false" // the condition of what could not be carried over
	unknown = "this importer does not know it"
)

// object is a mapping that is being carried over: each key is taken, and what is left in the end is listed.
type object struct {
	im   *importer
	d    *strictyaml.Decoder
	node *strictyaml.Node
	path string
}

func (o object) at(n *strictyaml.Node) diag.Position {
	if n == nil {
		return diag.Position{File: o.im.path}
	}
	return o.d.Place(n)
}

func (o object) note(what string, e Effect) { o.noteAt(o.node, o.path, what, e) }

func (o object) noteAt(n *strictyaml.Node, path, what string, e Effect) {
	if path == "" {
		path = "resource"
	}
	o.im.notes = append(o.im.notes, Note{At: o.at(n), Path: path, What: what, Effect: e})
}

// take removes a key and gives its value; nil when it is not there.
func (o object) take(key string) *strictyaml.Node {
	if o.node == nil || o.node.Kind != strictyaml.Mapping {
		return nil
	}
	for i, k := range o.node.Keys {
		if k.Text == key {
			v := o.node.Items[i]
			o.node.Keys, o.node.Items = slices.Delete(o.node.Keys, i, i+1), slices.Delete(o.node.Items, i, i+1)
			return v
		}
	}
	return nil
}

// text takes a text; what is something else is listed.
func (o object) text(key string) string {
	n := o.take(key)
	if n == nil {
		return ""
	}
	if n.Kind != strictyaml.Scalar || !o.d.IsText(strictyaml.Field{Path: strictyaml.Join(o.path, key), Node: n}, "text") {
		o.noteAt(n, strictyaml.Join(o.path, key), "this is not a text", Denies)
		return ""
	}
	return n.Text
}

// object takes a mapping.
func (o object) object(key string) (object, bool) {
	n := o.take(key)
	if n == nil {
		return object{}, false
	}
	inner := object{o.im, o.d, n, strictyaml.Join(o.path, key)}
	if n.Kind != strictyaml.Mapping {
		inner.note("this is not a mapping", Denies)
		return inner, false
	}
	return inner, true
}

// list takes a list of mappings.
func (o object) list(key string) []object {
	n := o.take(key)
	if n == nil {
		return nil
	}
	path := strictyaml.Join(o.path, key)
	if n.Kind != strictyaml.List {
		o.noteAt(n, path, "this is not a list", Denies)
		return nil
	}
	var out []object
	for i, item := range n.Items {
		out = append(out, object{o.im, o.d, item, fmt.Sprintf("%s[%d]", path, i)})
	}
	return out
}

// skip takes a key that is not carried over, and lists it.
func (o object) skip(key, why string, e Effect) bool {
	n := o.take(key)
	if n != nil {
		o.noteAt(n, strictyaml.Join(o.path, key), why, e)
	}
	return n != nil
}

// rest lists all keys that nobody took.
func (o object) rest(why string, e Effect) bool {
	if o.node == nil || o.node.Kind != strictyaml.Mapping {
		return false
	}
	left := len(o.node.Keys) > 0
	for _, k := range o.node.Keys {
		o.noteAt(k, strictyaml.Join(o.path, k.Text), why, e)
	}
	o.node.Keys, o.node.Items = nil, nil
	return left
}
