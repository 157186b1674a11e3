package invariant

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"partita/harness/catalogue"
)

// TestNamesAreTheCatalogues: the catalogue may not import this package, so it
// keeps a list of its own of what a bug's header may name.
func TestNamesAreTheCatalogues(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "names.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Name" {
			return true
		}
		name, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
		return false
	})
	if want := catalogue.Invariants(); !slices.Equal(names, want) {
		t.Errorf("the invariants are %q, the catalogue knows %q", names, want)
	}
}
