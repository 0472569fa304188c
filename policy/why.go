package policy

import (
	"context"
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

const (
	maxParts   = 40  // that are shown of one rule
	maxEntries = 3   // of one list that are shown
	maxAsked   = 300 // that are evaluated
)

// why finds the parts of a rule that made it false. Each part is evaluated by itself, as it is written: there is no second evaluator that
// could disagree with the first.
func why(ctx context.Context, r *compiled, a *activation) []Part {
	source, err := parsePlain(r.text)
	if err != nil {
		return nil
	}
	f := &finder{ctx: ctx, left: maxAsked}
	f.explain(scope{env: environment(), vars: a}, source.Expr(), true, 0)
	return f.parts
}

// finder gathers parts.
type finder struct {
	ctx   context.Context
	parts []Part
	left  int // evaluations that may still be made
}

// scope is what a part sees: the evidence, and the variables of the lists that it stands in.
type scope struct {
	env  *cel.Env
	vars cel.Activation
}

func (f *finder) add(depth int, text, value string, entry bool) {
	if len(f.parts) < maxParts {
		f.parts = append(f.parts, Part{Depth: depth, Text: oneLine(text), Value: oneLine(value), Entry: entry})
	}
}

// explain shows why x is not what was wanted of it.
func (f *finder) explain(s scope, x ast.Expr, want bool, depth int) {
	if len(f.parts) >= maxParts {
		return
	}
	if x.Kind() != ast.CallKind {
		f.leaf(s, x, depth)
		return
	}
	c := x.AsCall()
	switch name := c.FunctionName(); {
	case name == operators.LogicalNot:
		f.add(depth, unparsed(x), f.show(s, x), false)
		f.explain(s, c.Args()[0], !want, depth+1)
	case name == operators.LogicalAnd || name == operators.LogicalOr:
		f.logic(s, x, c, want, depth)
	case name == operators.Conditional:
		f.leaf(s, c.Args()[0], depth)
		if taken, _ := f.value(s, c.Args()[0]); taken == types.True {
			f.explain(s, c.Args()[1], want, depth)
		} else {
			f.explain(s, c.Args()[2], want, depth)
		}
	case walks(c):
		f.list(s, x, c, want, depth)
	default:
		f.leaf(s, x, depth)
	}
}

// logic shows those sides of && and || that are not what was wanted; where both are, as in || that is wanted true, both.
func (f *finder) logic(s scope, x ast.Expr, c ast.CallExpr, want bool, depth int) {
	deeper := depth
	if (c.FunctionName() == operators.LogicalOr) == want {
		f.add(depth, unparsed(x), f.show(s, x), false) // no side was as wanted
		deeper++
	}
	for _, side := range c.Args() {
		if v, err := f.value(s, side); err != nil || v != types.Bool(want) {
			f.explain(s, side, want, deeper)
		}
	}
}

// walks says whether a call is a macro that asks something of each entry of a list.
func walks(c ast.CallExpr) bool {
	switch c.FunctionName() {
	case operators.All, operators.Exists, operators.ExistsOne, everyName:
		return c.IsMemberFunction() && len(c.Args()) == 2 && c.Args()[0].Kind() == ast.IdentKind
	}
	return false
}

// list shows a list that was walked, and the first entries that were not what was wanted.
func (f *finder) list(s scope, x ast.Expr, c ast.CallExpr, want bool, depth int) {
	f.add(depth, unparsed(x), f.show(s, x), false)
	v, err := f.value(s, c.Target())
	list, ok := v.(traits.Lister)
	if err != nil || !ok {
		f.leaf(s, c.Target(), depth+1)
		return
	}
	n := int64(list.Size().(types.Int))
	if n == 0 || c.FunctionName() == operators.ExistsOne {
		f.leaf(s, c.Target(), depth+1)
		return
	}
	inner, err := s.within(c.Args()[0].AsIdent(), list.Get(types.IntZero))
	if err != nil {
		return
	}
	ask, err := inner.program(c.Args()[1])
	if err != nil {
		return
	}
	f.entries(inner, ask, list, c.Args()[1], want, depth+1)
}

// entries shows the first entries of a list of which condition is not what was wanted.
func (f *finder) entries(s scope, ask cel.Program, list traits.Lister, condition ast.Expr, want bool, depth int) {
	n, unlike := int64(list.Size().(types.Int)), int64(0)
	outer := s.vars.(bound)
	for i := range n {
		s.vars = bound{outer.name, list.Get(types.Int(i)), outer.outer}
		got, _, err := ask.ContextEval(f.ctx, s.vars)
		if err == nil && got == types.Bool(want) {
			continue
		}
		if unlike++; unlike <= maxEntries {
			f.add(depth, outer.name+" = "+label(list.Get(types.Int(i))), fmt.Sprintf("%d of %d", i+1, n), true)
			f.explain(s, condition, want, depth+1)
		}
		if f.ctx.Err() != nil {
			return
		}
	}
	if unlike > maxEntries {
		f.add(depth, "...", fmt.Sprintf("%d more of %d", unlike-maxEntries, n), true)
	}
}

// leaf shows a part as a whole, and the values of what it is about.
func (f *finder) leaf(s scope, x ast.Expr, depth int) {
	f.add(depth, unparsed(x), f.show(s, x), false)
	for _, operand := range operands(x) {
		f.add(depth+1, unparsed(operand), f.show(s, operand), false)
		if operand.Kind() == ast.CallKind && operand.AsCall().FunctionName() == "size" {
			for _, counted := range operands(operand) {
				f.add(depth+2, unparsed(counted), f.show(s, counted), false)
			}
		}
	}
}

// operands are the parts of x whose values say why x is what it is: sides of a comparison, what a function is called on. Literals are not
// shown again.
func operands(x ast.Expr) []ast.Expr {
	if x.Kind() != ast.CallKind {
		return nil
	}
	c := x.AsCall()
	all := c.Args()
	if c.IsMemberFunction() {
		all = append([]ast.Expr{c.Target()}, all...)
	}
	if c.FunctionName() == operators.All || len(all) > 2 || walks(c) {
		return nil
	}
	var out []ast.Expr
	for _, o := range all {
		if o.Kind() != ast.LiteralKind && o.Kind() != ast.ListKind {
			out = append(out, o)
		}
	}
	return out
}

// within is the scope inside of a list, name being an entry; the others are of its type, or of none that is known.
func (s scope) within(name string, entry ref.Val) (scope, error) {
	t, ok := entry.Type().(*cel.Type)
	if !ok {
		t = cel.DynType
		if native, ok := entry.Type().(*types.NativeType); ok {
			t = cel.ObjectType(native.TypeName())
		}
	}
	if t.Kind() != types.StructKind {
		t = cel.DynType
	}
	env, err := s.env.Extend(cel.Variable(name, t))
	return scope{env, bound{name, entry, s.vars}}, err
}

// bound is an activation with one variable more.
type bound struct {
	name  string
	value ref.Val
	outer cel.Activation
}

// ResolveName is the value of a variable.
func (b bound) ResolveName(name string) (any, bool) {
	if name == b.name {
		return b.value, true
	}
	return b.outer.ResolveName(name)
}

// Parent is nil: ResolveName looks there itself.
func (b bound) Parent() cel.Activation { return nil }

// program makes a program of a part.
func (s scope) program(x ast.Expr) (cel.Program, error) {
	checked, issues := s.env.Compile(unparsed(x))
	if issues.Err() != nil {
		return nil, issues.Err()
	}
	return s.env.Program(checked, cel.CostLimit(maxCost), cel.InterruptCheckFrequency(interruptEvery))
}

// value evaluates a part.
func (f *finder) value(s scope, x ast.Expr) (ref.Val, error) {
	if f.left--; f.left < 0 {
		return nil, errInterrupted
	}
	program, err := s.program(x)
	if err != nil {
		return nil, err
	}
	v, _, err := program.ContextEval(f.ctx, s.vars)
	return v, err
}

// show is a part's value in words.
func (f *finder) show(s scope, x ast.Expr) string {
	v, err := f.value(s, x)
	if err != nil {
		return "error: " + err.Error()
	}
	return inWords(v)
}
