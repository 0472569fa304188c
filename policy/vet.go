//go:build !front

package policy

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// calls are the functions and operators that expressions may use. What makes long texts or lists out of short ones is not among them
// (replace, join, format, lists.range), nor what hides a type (dyn): one such call can take longer than its cost says.
var calls = map[string]bool{
	operators.Conditional: true, operators.LogicalAnd: true, operators.LogicalOr: true, operators.LogicalNot: true, operators.Equals: true,
	operators.NotEquals: true, operators.Less: true, operators.LessEquals: true, operators.Greater: true, operators.GreaterEquals: true,
	operators.Add: true, operators.Subtract: true, operators.Multiply: true, operators.Divide: true, operators.Modulo: true, operators.Negate: true,
	operators.Index: true, operators.OptIndex: true, operators.OptSelect: true, operators.In: true, operators.NotStrictlyFalse: true,
	"size": true, "contains": true, "startsWith": true, "endsWith": true, "matches": true, globName: true,
	"charAt": true, "indexOf": true, "lastIndexOf": true, "lowerAscii": true, "upperAscii": true, "split": true, "substring": true, "trim": true,
	"int": true, "uint": true, "double": true, "string": true, "bool": true, "type": true, "timestamp": true, "duration": true,
	"getFullYear": true, "getMonth": true, "getDate": true, "getDayOfMonth": true, "getDayOfWeek": true, "getDayOfYear": true, "getHours": true,
	"getMinutes": true, "getSeconds": true, "getMilliseconds": true,
	"distinct": true, "sort": true, "@sortByAssociatedKeys": true, "slice": true, "flatten": true, "hasOnly": true, "hasAny": true, "hasAll": true,
	"hasExactly": true, "sets.contains": true, "sets.equivalent": true, "sets.intersects": true,
	"hasValue": true, "value": true, "or": true, "orValue": true, "optional.of": true, "optional.none": true, "optional.ofNonZeroValue": true,
}

// vet reports what an expression must not do beside what its types say. The cost of comparing is known only for plain values, so at least
// one side of each comparison is one: two lists of lists can share their parts, and comparing them then takes time that is exponential in
// the length of the expression.
func (l *loader) vet(at string, e expression, a *cel.Ast) bool {
	good := true
	native := a.NativeRep()
	ast.PreOrderVisit(native.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		summary, help := "", ""
		switch x.Kind() {
		case ast.StructKind:
			summary, help = "expressions cannot make evidence", "compare fields of what was verified"
		case ast.CallKind:
			summary, help = vetCall(native, x.AsCall())
		}
		if summary != "" {
			good = false
			place := native.SourceInfo().GetStartLocation(x.ID())
			l.Report(diag.CodePolicyExpression, l.within(at, e, place.Line(), place.Column()), "`require` is not valid: "+summary, "what a rule costs has to be known before it is asked", help)
		}
	}))
	return good
}

func vetCall(a *ast.AST, c ast.CallExpr) (summary, help string) {
	name, args := c.FunctionName(), c.Args()
	if c.IsMemberFunction() {
		args = append([]ast.Expr{c.Target()}, args...)
	}
	kinds := make([]*types.Type, len(args))
	for i, x := range args {
		kinds[i] = a.GetType(x.ID())
	}
	switch {
	case !calls[name] && !strings.HasPrefix(name, "math."):
		return "`" + name + "` is not available in policies", "the functions are in docs/reference/policy.md"
	case (name == operators.Equals || name == operators.NotEquals) && !slices.ContainsFunc(kinds, flat):
		return fmt.Sprintf("%s and %s cannot be compared as a whole", typeName(kinds[0]), typeName(kinds[1])), "compare their fields, or convert one side: string(x), int(x)"
	case name == operators.In && !plain(kinds[0]) && !keyed(kinds[1]):
		return "it cannot be known what looking for " + typeName(kinds[0]) + " in a list costs", "look for a text or number: string(x) in ..."
	case slices.Contains([]string{"distinct", "sort", "hasOnly", "hasAny", "hasAll", "hasExactly", "sets.contains", "sets.equivalent", "sets.intersects"}, name) &&
		!slices.ContainsFunc(kinds, flatItems):
		return "`" + name + "` takes lists of texts or numbers", "pick a field first: list.map(x, x.name)"
	case name == "matches" && !literal(args[len(args)-1]):
		return "`matches` takes a pattern that is written here", "a pattern out of evidence could take seconds to read; use glob(), which may be given any"
	case strings.HasPrefix(name, "get") && len(args) > 1 && !offset(args[1]):
		return "`" + name + "` takes no time zone by name", "leave it out for UTC, or write an offset: " + name + "(\"+01:00\")"
	case name == "flatten" && (len(args) > 1 || !flatLists(kinds[0])):
		return "`flatten` takes a list of lists", "flatten one level of lists of one type"
	}
	return "", ""
}

// literal is a text that stands in the expression itself.
func literal(x ast.Expr) bool {
	if x.Kind() != ast.LiteralKind {
		return false
	}
	_, ok := x.AsLiteral().(types.String)
	return ok
}

// offsets are time zones that need no table: the zones of a machine differ from those of another, and so would verdicts.
var offsets = lazyregexp.New(`^[+-][01]\d:[0-5]\d$`)

func offset(x ast.Expr) bool {
	return literal(x) && offsets.MatchString(string(x.AsLiteral().(types.String)))
}

// flat is a type whose values are plain, or lists of plain values.
func flat(t *types.Type) bool { return plain(t) || flatItems(t) }

func plain(t *types.Type) bool {
	switch t.Kind() {
	case types.BoolKind, types.BytesKind, types.DoubleKind, types.DurationKind, types.IntKind, types.NullTypeKind, types.StringKind, types.TimestampKind,
		types.TypeKind, types.UintKind:
		return true
	}
	return false
}

// keyed says whether `in` looks plain values up in it.
func keyed(t *types.Type) bool { return t.Kind() == types.MapKind || flatItems(t) }

// flatItems is a list of plain values. An empty list has items of no type, and is one too.
func flatItems(t *types.Type) bool {
	if t.Kind() != types.ListKind {
		return false
	}
	item := t.Parameters()[0]
	return plain(item) || item.Kind() == types.TypeParamKind
}

// flatLists is a list of lists whose entries are not lists again.
func flatLists(t *types.Type) bool {
	if t.Kind() != types.ListKind || t.Parameters()[0].Kind() != types.ListKind {
		return false
	}
	switch t.Parameters()[0].Parameters()[0].Kind() {
	case types.ListKind, types.DynKind, types.AnyKind, types.MapKind:
		return false
	}
	return true
}
