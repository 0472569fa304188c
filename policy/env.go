//go:build !front

package policy

import (
	"reflect"
	"slices"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
)

// The bounds of an expression. Every sensible one stays far below.
const (
	maxExpression = 8 << 10 // code points
	maxNodes      = 5_000   // parts, after macros
	maxDepth      = 64
	maxNested     = 5     // lists walked inside each other
	maxRegexp     = 1_000 // instructions of a compiled regular expression
	maxRange      = 1_000 // lists.range
)

// shown are the types that expressions see. Their fields have the names of the cel tags.
var shown = []reflect.Type{
	reflect.TypeFor[Evidence](), reflect.TypeFor[Image](), reflect.TypeFor[Platform](), reflect.TypeFor[Signature](), reflect.TypeFor[Provenance](),
	reflect.TypeFor[Input](), reflect.TypeFor[Base](), reflect.TypeFor[Rebuild](), reflect.TypeFor[Package](), reflect.TypeFor[Statement](), reflect.TypeFor[List](),
	reflect.TypeFor[Summary](),
}

// variable is one name that an expression may use.
type variable struct {
	name  string
	typ   *cel.Type
	field int // of Evidence; -1: now
}

// variables are the fields of Evidence that rules see, and now.
var variables = sync.OnceValue(func() []variable {
	var out []variable
	evidence := reflect.TypeFor[Evidence]()
	for i := range evidence.NumField() {
		f := evidence.Field(i)
		if name := f.Tag.Get("cel"); name != "-" {
			out = append(out, variable{name, celType(f.Type), i})
		}
	}
	return append(out, variable{nowName, cel.TimestampType, -1})
})

const nowName = "now"

// celType is the type of a field of Evidence: a struct of ours, or a list of them.
func celType(t reflect.Type) *cel.Type {
	if t.Kind() == reflect.Slice {
		return cel.ListType(celType(t.Elem()))
	}
	return cel.ObjectType("policy." + t.Name())
}

// environment is what expressions may use: the evidence, the standard functions and macros, and extensions whose cost is known. None of it
// reaches out of the process; only now is not evidence.
var environment = sync.OnceValue(func() *cel.Env {
	native := []any{ext.ParseStructTags(true)}
	for _, t := range shown {
		native = append(native, t)
	}
	opts := []cel.EnvOption{
		ext.NativeTypes(native...),
		ext.Strings(), ext.Sets(), ext.Math(), ext.Lists(ext.ListsMaxRangeSize(maxRange)), cel.OptionalTypes(),
		cel.Macros(cel.ReceiverMacro(everyName, 2, expandEvery)),
		cel.Function(globName, cel.MemberOverload(globOverload, []*cel.Type{cel.StringType, cel.StringType}, cel.BoolType, cel.BinaryBinding(callGlob))),
		cel.CostModel(cost.MemberOverload(globOverload, cost.EvalCost(cost.Mul(cost.Scale(cost.Sum(cost.Target(), cost.Const(1)), 0.1), cost.Scale(cost.Sum(cost.Arg(0), cost.Const(1)), 0.25))))),
		cel.CrossTypeNumericComparisons(true), cel.EnableMacroCallTracking(), cel.DefaultUTCTimeZone(true), cel.EagerlyValidateDeclarations(true),
		cel.ParserRecursionLimit(maxDepth), cel.ParserExpressionSizeLimit(maxExpression), cel.ExpressionNodeLimit(maxNodes), cel.RegexProgramSizeLimit(maxRegexp),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateDurationLiterals(), cel.ValidateComprehensionNestingLimit(maxNested)),
	}
	for _, v := range variables() {
		opts = append(opts, cel.Variable(v.name, v.typ))
	}
	env, err := cel.NewEnv(opts...)
	if err != nil {
		panic("policy: the environment of expressions: " + err.Error()) // a mistake in the program, seen by its first test
	}
	return env
})

const (
	everyName    = "every"
	globName     = "glob"
	globOverload = "string_glob_string"
)

// expandEvery makes `list.every(x, p)` of `size(list) > 0 && list.all(x, p)`.
func expandEvery(f cel.MacroExprFactory, target ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
	all, err := cel.AllMacro.Expander()(f, f.Copy(target), args)
	if err != nil {
		return nil, err
	}
	some := f.NewCall(operators.Greater, f.NewCall("size", target), f.NewLiteral(types.IntZero))
	return f.NewCall(operators.LogicalAnd, some, all), nil
}

func callGlob(s, p ref.Val) ref.Val {
	text, ok := s.(types.String)
	pattern, ok2 := p.(types.String)
	if !ok || !ok2 {
		return types.MaybeNoSuchOverloadErr(s)
	}
	return types.Bool(glob(string(text), string(pattern)))
}

// readsNow says whether the expression may look at the time. A variable of its own that bears the name counts, too.
func readsNow(a *cel.Ast) bool {
	return slices.Contains(names(a), nowName)
}

// names are the variables that an expression names, those of its own included.
func names(a *cel.Ast) []string {
	var out []string
	ast.PreOrderVisit(a.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.IdentKind {
			out = append(out, e.AsIdent())
		}
	}))
	return out
}

// activation gives an expression its variables. Each is made into a value of CEL at most once, when it is first asked for; it is used by
// one goroutine.
type activation struct {
	evidence *Evidence
	now      time.Time
	values   []ref.Val // as variables()
}

func newActivation(e *Evidence, now time.Time) *activation {
	return &activation{evidence: e, now: now, values: make([]ref.Val, len(variables()))}
}

// ResolveName is the value of a variable.
func (a *activation) ResolveName(name string) (any, bool) {
	for i, v := range variables() {
		if v.name != name {
			continue
		}
		if a.values[i] == nil {
			a.values[i] = a.value(v)
		}
		return a.values[i], true
	}
	return nil, false
}

// Parent is nil: there is nothing beside the variables.
func (a *activation) Parent() cel.Activation { return nil }

func (a *activation) value(v variable) ref.Val {
	if v.field < 0 {
		return types.Timestamp{Time: a.now}
	}
	field := reflect.ValueOf(a.evidence).Elem().Field(v.field)
	return environment().CELTypeAdapter().NativeToValue(field.Interface())
}
