package refdoc

import (
	_ "embed" // what the page says that no table does
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"

	"github.com/selfsame-build/selfsame/policy"
)

//go:embed policy_intro.md
var policyIntro string

// evidenceSource is where the types are, from the folder of this package.
const evidenceSource = "../../policy/evidence.go"

func policyPage() (string, error) {
	var b strings.Builder
	b.WriteString(policyIntro)
	b.WriteString("## The file\n\nIn the tables, `[]` stands for each item of a list. A time is a day (`2026-01-31`) or a second in UTC (`2026-01-31T12:00:00Z`).\n\n")
	b.WriteString(table("key", "type", "meaning"))
	for _, f := range policy.Fields() {
		label := code(f.Path)
		if f.Required {
			label += " (required)"
		}
		b.WriteString(row(label, f.Type, f.Text))
	}
	b.WriteString("\n## What rules see\n\nBeside these there is `now`, a timestamp.\n\n")
	if err := evidenceTables(&b); err != nil {
		return "", err
	}
	b.WriteString("## Functions\n\n")
	var names []string
	for _, f := range policy.Functions() {
		names = append(names, code(f))
	}
	b.WriteString(strings.Join(names, ", ") + ", and the operators of CEL.\n\n`text.glob(pattern)` matches as `match` does. The others are those of CEL's standard library and of its " +
		"extensions for strings, lists, sets, mathematics and optional values.\n\n## Greatest sizes\n\nWhat an estimate of cost takes lists to have at most. " +
		"Evidence may be greater; then what it costs is counted.\n\n")
	b.WriteString(table("list", "entries"))
	for _, s := range policy.Sizes() {
		b.WriteString(row(code(s.List), fmt.Sprint(s.Entries)))
	}
	return b.String(), nil
}

// evidenceTables writes a table for each type that expressions see, with the comments of its source.
func evidenceTables(b *strings.Builder) error {
	file, err := parser.ParseFile(token.NewFileSet(), evidenceSource, nil, parser.ParseComments)
	if err != nil {
		return fmt.Errorf("reading the types of the evidence: %w", err)
	}
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			continue
		}
		for _, s := range g.Specs {
			t := s.(*ast.TypeSpec)
			fields := t.Type.(*ast.StructType).Fields.List
			if name := t.Name.Name; name != "Block" && name != "Elsewhere" { // rules see neither
				writeType(b, name, g.Doc.Text(), fields)
			}
		}
	}
	return nil
}

func writeType(b *strings.Builder, name, doc string, fields []*ast.Field) {
	title := "### " + name
	if name == "Evidence" {
		title = "### Variables"
	}
	first, _, _ := strings.Cut(strings.Join(strings.Fields(doc), " "), ". ")
	fmt.Fprintf(b, "%s\n\n%s.\n\n", title, strings.TrimSuffix(first, "."))
	b.WriteString(table("name", "type", "meaning"))
	for _, f := range fields {
		tag := reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("cel")
		if tag == "-" {
			continue
		}
		text := strings.Join(strings.Fields(f.Doc.Text()+" "+f.Comment.Text()), " ")
		b.WriteString(row(code(tag), celName(f.Type), text))
	}
	b.WriteString("\n")
}

// celName is a Go type as expressions see it.
func celName(t ast.Expr) string {
	switch x := t.(type) {
	case *ast.ArrayType:
		return "list of " + celName(x.Elt)
	case *ast.MapType:
		return "map of " + celName(x.Key) + " to " + celName(x.Value)
	case *ast.SelectorExpr:
		return "timestamp" // time.Time
	case *ast.Ident:
		if x.Name == "any" {
			return "any"
		}
		if ast.IsExported(x.Name) {
			return "[" + x.Name + "](#" + strings.ToLower(x.Name) + ")"
		}
		return x.Name
	}
	return "?"
}
