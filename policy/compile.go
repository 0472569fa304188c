//go:build !front

package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"

	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/internal/lazyregexp"
	"github.com/selfsame-build/selfsame/internal/strictyaml"
)

// interruptEvery is how many entries of a list are walked between two looks at whether the caller still waits.
const interruptEvery = 256

// compile checks an expression and makes the rule's program of it.
func (l *loader) compile(at string, e expression, c *compiled) {
	checked, issues := environment().Compile(e.text)
	if issues.Err() != nil {
		l.issues(at, e, issues.Errors())
		return
	}
	if t := checked.OutputType(); !t.IsExactType(cel.BoolType) {
		help := "compare it with something"
		if t.IsExactType(cel.DynType) {
			help = "write `== true` behind it"
		}
		l.Report(diag.CodePolicyExpression, l.At[at], "`require` is "+typeName(t)+", not true or false", "a rule is an expression that is true or false", help)
		return
	}
	c.text, c.ast, c.now = strings.TrimSpace(e.text), checked, readsNow(checked)
	if !l.vet(at, e, checked) || !l.cheap(at, c) {
		return
	}
	var err error
	if c.program, err = environment().Program(checked, programOptions()...); err != nil {
		l.Report(diag.CodePolicyExpression, l.At[at], "`require` cannot be used: "+oneLine(err.Error()), "", "write it otherwise")
		return
	}
	l.suspicious(at, e, c)
}

func programOptions() []cel.ProgramOption {
	return []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost), cel.InterruptCheckFrequency(interruptEvery)}
}

// issues reports what CEL says of an expression, each at its place in the file.
func (l *loader) issues(at string, e expression, errs []*common.Error) {
	if len(errs) == 0 {
		l.Report(diag.CodePolicyExpression, l.At[at], "`require` cannot be read", "", "write it otherwise")
	}
	for _, err := range errs {
		summary, help := wording(err.Message, fieldsOf(e.text, err.ExprID))
		place := l.within(at, e, err.Location.Line(), err.Location.Column())
		l.Report(diag.CodePolicyExpression, place, "`require` is not valid: "+summary, "expressions are checked against the types of the evidence when they are loaded", help)
	}
}

// within is the place in the file of a line (from 1) and column (from 0) of an expression. Where lines were folded, or text is quoted with
// escapes, it is the place of the expression as a whole.
func (l *loader) within(at string, e expression, line, column int) diag.Position {
	whole, n := l.At[at], e.node
	text := strings.Split(e.text, "\n")
	if line < 1 || line > len(text) || column < 0 {
		return whole
	}
	row, before := n.Line+line-1, n.Column-1
	if !n.Plain && !n.Block {
		before++
	}
	if n.Block {
		row = n.Line + line
	}
	if row > len(l.Lines) {
		return whole
	}
	source := l.Lines[row-1]
	if n.Block {
		before = utf8.RuneCountInString(source) - utf8.RuneCountInString(strings.TrimLeft(source, " "))
		before -= len(text[line-1]) - len(strings.TrimLeft(text[line-1], " "))
	}
	runes := []rune(source)
	if before < 0 || before > len(runes) || !strings.HasPrefix(string(runes[before:]), text[line-1]) {
		return whole
	}
	return diag.Position{File: whole.File, Line: row, Column: before + column + 1, Length: 1}
}

var (
	undefinedField = lazyregexp.New(`^undefined field '(.+)'`)
	undeclared     = lazyregexp.New(`^undeclared reference to '([^']+)'`)
)

// wording is CEL's message in a line, and what to do about it.
func wording(message string, fields []string) (summary, help string) {
	summary = oneLine(message)
	if m := undefinedField.FindStringSubmatch(message); m != nil {
		return "there is no field `" + strictyaml.Short(m[1]) + "` here", didYouMean(m[1], fields, "the fields are in docs/reference/policy.md")
	}
	if m := undeclared.FindStringSubmatch(message); m != nil {
		return "there is nothing called `" + strictyaml.Short(m[1]) + "`", didYouMean(m[1], variableNames(), "use one of "+strings.Join(variableNames(), ", "))
	}
	return summary, "the language and the fields are in docs/reference/policy.md"
}

func didYouMean(s string, known []string, otherwise string) string {
	if near := strictyaml.Nearest(s, known); near != "" {
		return "did you mean `" + near + "`?"
	}
	return otherwise
}

func variableNames() []string {
	var out []string
	for _, v := range variables() {
		out = append(out, v.name)
	}
	return out
}

// fieldsOf are the names that may stand behind the dot at an expression's part: those of a variable, else all that there are.
func fieldsOf(text string, id int64) []string {
	var only string
	if parsed, issues := environment().Parse(text); issues.Err() == nil {
		ast.PreOrderVisit(parsed.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
			if e.ID() == id && e.Kind() == ast.SelectKind && e.AsSelect().Operand().Kind() == ast.IdentKind {
				only = e.AsSelect().Operand().AsIdent()
			}
		}))
	}
	var out []string
	for _, t := range shown {
		if only != "" && isVariable(only) && !strings.EqualFold(t.Name(), only) {
			continue
		}
		for i := range t.NumField() {
			if name := t.Field(i).Tag.Get("cel"); name != "-" {
				out = append(out, name)
			}
		}
	}
	return out
}

func isVariable(name string) bool { return slices.Contains(variableNames(), name) }

func typeName(t *cel.Type) string {
	switch name := t.String(); name {
	case "dyn":
		return "a value whose type nobody knows"
	default:
		return "`" + name + "`"
	}
}

// ask evaluates the rule. The error says in words why it could not be; interrupted, that the caller no longer waits.
func (r *compiled) ask(ctx context.Context, a *activation) (holds bool, spent uint64, err error) {
	out, details, err := r.program.ContextEval(ctx, a)
	if details != nil && details.ActualCost() != nil {
		spent = *details.ActualCost()
	}
	switch {
	case ctx.Err() != nil:
		return false, spent, fmt.Errorf("%w: %w", errInterrupted, context.Cause(ctx))
	case err != nil && strings.Contains(err.Error(), "cost limit exceeded"):
		return false, spent, errCost
	case err != nil:
		return false, spent, errors.New(oneLine(err.Error()))
	}
	holds, ok := out.Value().(bool)
	if !ok {
		return false, spent, errors.New("it is neither true nor false")
	}
	return holds, spent, nil
}

var (
	errInterrupted = errors.New("there was no time left")
	errCost        = errors.New("it costs too much for this evidence")
)
