//go:build !front

package policy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/parser"

	"github.com/selfsame-build/selfsame/internal/diag"
)

// suspicious warns of expressions that say something else than they seem to.
func (l *loader) suspicious(at string, e expression, c *compiled) {
	before := len(l.warnings)
	if !slices.ContainsFunc(names(c.ast), isVariable) {
		l.warn(diag.CodePolicyConstant, l.At[at], "the rule `"+c.name+"` looks at no evidence", "it says the same of every image", "use one of the variables in docs/reference/policy.md")
	}
	source, err := parsePlain(e.text)
	if err != nil {
		return // it compiled, so this does not happen
	}
	guarded := sized(source)
	ast.PreOrderVisit(source.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		list, help := trueOfNothing(x)
		if list == nil || list.Kind() == ast.ListKind || guarded[unparsed(list)] {
			return
		}
		place := source.SourceInfo().GetStartLocation(x.ID())
		l.warn(diag.CodePolicyEmpty, l.within(at, e, place.Line(), place.Column()), "this is true when `"+oneLine(unparsed(list))+"` is empty",
			"an empty list is no proof of anything", help)
	}))
	if len(l.warnings) == before && !saysEmpty(source) && slices.ContainsFunc(names(c.ast), isEvidence) && trueOfNoEvidence(c) {
		l.warn(diag.CodePolicyEmpty, l.At[at], "the rule `"+c.name+"` is true of an image of which nothing is known", "no evidence is no proof of anything",
			"demand that there is something: list.every(x, ...), list.exists(x, ...), size(list) > 0")
	}
	if some := ofAnySubject(source); some != nil && len(l.warnings) == before {
		list := some.AsCall().Target().AsIdent()
		place := source.SourceInfo().GetStartLocation(some.ID())
		l.warn(diag.CodePolicySubject, l.within(at, e, place.Line(), place.Column()), "this is true when what `"+list+"` has is about one platform of several",
			"whoever may push can make an index that lists it beside an image of his own", "say what it is about: x.subject == image.digest, or of each platform: image.platforms.every(m, "+list+".exists(x, x.subject == m.digest && ...))")
	}
}

// aboutOne are the lists of which each item is about one manifest: the image's or one of its platforms'.
var aboutOne = []string{"signatures", "provenance", "rebuilds", "statements"}

// ofAnySubject is a demand that somebody said something, of whatever manifest: list.exists(x, p) in an expression without a word of subjects, and of the
// summary, which is about all of them. nil: there is none.
func ofAnySubject(source *ast.AST) (some ast.Expr) {
	says := false
	ast.PreOrderVisit(source.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		switch x.Kind() {
		case ast.SelectKind:
			says = says || x.AsSelect().FieldName() == "subject"
		case ast.IdentKind:
			says = says || x.AsIdent() == "summary"
		case ast.CallKind:
			c := x.AsCall()
			if some == nil && c.FunctionName() == operators.Exists && c.IsMemberFunction() && c.Target().Kind() == ast.IdentKind && slices.Contains(aboutOne, c.Target().AsIdent()) {
				some = x
			}
		}
	}))
	if says {
		return nil
	}
	return some
}

// isEvidence says whether a name is that of a variable which may be empty: an image always has its name.
func isEvidence(name string) bool { return isVariable(name) && name != "image" && name != nowName }

// trueOfNoEvidence asks the rule about nothing at all. There are more ways to say so than anybody can list: exists(...) == false,
// size(filter(...)) == 0, a list that has only what is wanted.
func trueOfNoEvidence(c *compiled) bool {
	holds, _, err := c.ask(context.Background(), newActivation(&Evidence{}, time.Unix(0, 0)))
	return err == nil && holds
}

// trueOfNothing is the list that x is true of when it is empty: list.all(v, p), !list.exists(v, p).
func trueOfNothing(x ast.Expr) (list ast.Expr, help string) {
	if x.Kind() != ast.CallKind {
		return nil, ""
	}
	switch c := x.AsCall(); {
	case c.FunctionName() == operators.All && c.IsMemberFunction() && len(c.Args()) == 2:
		return c.Target(), "write `every` in the place of `all`, or say that it may be empty: size(...) == 0 || ..."
	case c.FunctionName() == operators.LogicalNot && c.Args()[0].Kind() == ast.CallKind:
		inner := c.Args()[0].AsCall()
		if inner.FunctionName() == operators.Exists && inner.IsMemberFunction() && len(inner.Args()) == 2 {
			return inner.Target(), "say what is to hold of each: list.every(x, !(...)), or that it may be empty: size(...) == 0 || ..."
		}
	}
	return nil, ""
}

// sized are the lists whose size an expression looks at, as it writes them.
func sized(source *ast.AST) map[string]bool {
	out := map[string]bool{}
	ast.PreOrderVisit(source.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		if list := sizeArgument(x); list != nil {
			out[unparsed(list)] = true
		}
	}))
	return out
}

// saysEmpty says whether the expression allows a list of the evidence to be empty in so many words: size(list) == 0.
func saysEmpty(source *ast.AST) bool {
	found := false
	ast.PreOrderVisit(source.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		if x.Kind() != ast.CallKind || x.AsCall().FunctionName() != operators.Equals {
			return
		}
		sides := x.AsCall().Args()
		for i, side := range sides {
			list := sizeArgument(side)
			zero := sides[1-i]
			found = found || list != nil && (list.Kind() == ast.IdentKind || list.Kind() == ast.SelectKind) && zero.Kind() == ast.LiteralKind && zero.AsLiteral() == types.IntZero
		}
	}))
	return found
}

// sizeArgument is the list in size(list) or list.size(); nil: x is neither.
func sizeArgument(x ast.Expr) ast.Expr {
	if x.Kind() != ast.CallKind || x.AsCall().FunctionName() != "size" {
		return nil
	}
	switch c := x.AsCall(); {
	case c.IsMemberFunction():
		return c.Target()
	case len(c.Args()) == 1:
		return c.Args()[0]
	}
	return nil
}

// parsePlain reads an expression without expanding its macros: list.all(x, p) stays a call.
func parsePlain(text string) (*ast.AST, error) {
	p, err := parser.NewParser(parser.MaxRecursionDepth(maxDepth), parser.ExpressionSizeCodePointLimit(maxExpression), parser.EnableOptionalSyntax(true))
	if err != nil {
		return nil, err
	}
	a, errs := p.Parse(common.NewTextSource(text))
	if len(errs.GetErrors()) > 0 {
		return nil, errors.New(oneLine(errs.GetErrors()[0].Message))
	}
	return a, nil
}

// unparsed is a part of an expression, as one would write it.
func unparsed(x ast.Expr) string {
	text, err := parser.Unparse(x, ast.NewSourceInfo(nil))
	if err != nil {
		return "?"
	}
	return strings.TrimSpace(text)
}
