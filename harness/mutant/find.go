package mutant

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Kind says what a mutant does to an expression.
type Kind string

// The kinds.
const (
	Negate  Kind = "negate"
	Compare Kind = "compare"
	Connect Kind = "connect"
	Step    Kind = "step"
)

// Mutant is one expression replaced by another.
type Mutant struct {
	File     string // below the root of the sources, with slashes
	Line     int
	Column   int
	Function string // with its receiver's type: log.slice
	Kind     Kind
	Before   string // the expression, on one line
	After    string // what stands in its place
	// Number counts those that have the rest of the name in common, from 1.
	Number int

	start, end int    // of the expression, in bytes
	text       string // what stands in its place, lines kept
}

// Name is what a mutant is called: everything but its place in the file.
func (m Mutant) Name() string {
	name := fmt.Sprintf("%s %s: %s -> %s", m.File, m.Function, m.Before, m.After)
	if m.Number > 1 {
		name += fmt.Sprintf(" (%d)", m.Number)
	}
	return name
}

// Apply puts a mutant into the source that it was found in.
func (m Mutant) Apply(source []byte) ([]byte, error) {
	if m.end > len(source) || oneLine(string(source[m.start:m.end])) != m.Before {
		return nil, fmt.Errorf("mutant: %s:%d does not read %q any more", m.File, m.Line, m.Before)
	}
	return slices.Concat(source[:m.start], []byte(m.text), source[m.end:]), nil
}

// Find lists the mutants of a package, given as a folder below the root, in
// the order of its files and lines. Test files have none.
func Find(root, pkg string) ([]Mutant, error) {
	paths, err := filepath.Glob(filepath.Join(root, pkg, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("mutant: %w", err)
	}
	slices.Sort(paths)
	var all []Mutant
	for _, p := range paths {
		if strings.HasSuffix(p, "_test.go") {
			continue
		}
		source, err := os.ReadFile(p)
		if err != nil {
			return nil, fmt.Errorf("mutant: %w", err)
		}
		found, err := inFile(path.Join(filepath.ToSlash(pkg), filepath.Base(p)), source)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("mutant: there is nothing to change in %s", filepath.Join(root, pkg))
	}
	return all, nil
}

// finder collects the mutants of one file.
type finder struct {
	name     string
	source   []byte
	files    *token.FileSet
	function string
	found    []Mutant
}

func inFile(name string, source []byte) ([]Mutant, error) {
	f := finder{name: name, source: source, files: token.NewFileSet()}
	file, err := parser.ParseFile(f.files, name, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("mutant: %w", err)
	}
	for _, d := range file.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
			f.function = nameOf(fn)
			f.walk(fn.Body, fn.Type)
		}
	}
	slices.SortStableFunc(f.found, func(a, b Mutant) int { return a.start - b.start })
	seen := map[string]int{}
	for i := range f.found {
		name := f.found[i].Name()
		seen[name]++
		f.found[i].Number = seen[name]
	}
	return f.found, nil
}

// nameOf gives a function's name with its receiver's type.
func nameOf(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return fn.Name.Name
	}
	t := fn.Recv.List[0].Type
	for {
		switch inner := t.(type) {
		case *ast.StarExpr:
			t = inner.X
		case *ast.IndexExpr:
			t = inner.X
		case *ast.IndexListExpr:
			t = inner.X
		case *ast.Ident:
			return inner.Name + "." + fn.Name.Name
		default:
			return fn.Name.Name
		}
	}
}

// walk looks at everything in a function of some type.
func (f *finder) walk(body ast.Node, in *ast.FuncType) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			f.walk(n.Body, n.Type)
			return false
		case *ast.IfStmt:
			f.negate(n.Cond)
		case *ast.ForStmt:
			f.negate(n.Cond)
		case *ast.SwitchStmt:
			if n.Tag == nil {
				f.cases(n)
			}
		case *ast.ReturnStmt:
			for i, yes := range bools(in) {
				if yes && i < len(n.Results) {
					f.negate(n.Results[i])
				}
			}
		case *ast.BinaryExpr:
			f.binary(n)
		}
		return true
	})
}

func (f *finder) cases(s *ast.SwitchStmt) {
	for _, c := range s.Body.List {
		for _, condition := range c.(*ast.CaseClause).List {
			f.negate(condition)
		}
	}
}

// bools says which of a function's results are of type bool, by name.
func bools(t *ast.FuncType) []bool {
	var all []bool
	if t.Results == nil {
		return nil
	}
	for _, field := range t.Results.List {
		name, ok := field.Type.(*ast.Ident)
		for range max(1, len(field.Names)) {
			all = append(all, ok && name.Name == "bool")
		}
	}
	return all
}

// negate turns a condition around. An equation is left to binary, which makes
// the same of it.
func (f *finder) negate(condition ast.Expr) {
	switch c := condition.(type) {
	case nil:
		return
	case *ast.UnaryExpr:
		if c.Op == token.NOT {
			f.add(Negate, c, f.text(c.X))
			return
		}
	case *ast.BinaryExpr:
		if c.Op == token.EQL || c.Op == token.NEQ {
			return
		}
	}
	f.add(Negate, condition, "!("+f.text(condition)+")")
}

// neighbours are the operators that are put in each other's place.
var neighbours = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
	token.EQL: token.NEQ, token.NEQ: token.EQL, token.LAND: token.LOR, token.LOR: token.LAND,
}

// binary changes an operator, or leaves out a 1 that is added or taken away.
func (f *finder) binary(e *ast.BinaryExpr) {
	if op, ok := neighbours[e.Op]; ok {
		kind, operand := Compare, f.text
		if e.Op == token.LAND || e.Op == token.LOR {
			kind, operand = Connect, f.bracketed
		}
		f.add(kind, e, "("+operand(e.X)+" "+op.String()+" "+operand(e.Y)+")")
		return
	}
	if e.Op != token.ADD && e.Op != token.SUB {
		return
	}
	if one(e.Y) {
		f.add(Step, e, f.bracketed(e.X))
	} else if one(e.X) && e.Op == token.ADD {
		f.add(Step, e, f.bracketed(e.Y))
	}
}

func one(e ast.Expr) bool {
	l, ok := e.(*ast.BasicLit)
	return ok && l.Kind == token.INT && l.Value == "1"
}

// bracketed is an expression's text such that no operator beside it binds stronger.
func (f *finder) bracketed(e ast.Expr) string {
	if _, ok := e.(*ast.BinaryExpr); ok {
		return "(" + f.text(e) + ")"
	}
	return f.text(e)
}

func (f *finder) text(e ast.Expr) string {
	return string(f.source[f.files.Position(e.Pos()).Offset:f.files.Position(e.End()).Offset])
}

func (f *finder) add(kind Kind, e ast.Expr, text string) {
	at := f.files.Position(e.Pos())
	f.found = append(f.found, Mutant{
		File: f.name, Line: at.Line, Column: at.Column, Function: f.function, Kind: kind,
		Before: oneLine(f.text(e)), After: oneLine(text), Number: 1,
		start: at.Offset, end: f.files.Position(e.End()).Offset, text: text,
	})
}

// oneLine is a text with all white space made single.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
