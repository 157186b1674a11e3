package mutant

import (
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

func TestInFile(t *testing.T) {
	for name, tc := range map[string]struct {
		body string
		want []string
	}{
		"a condition": {`func f(ok bool) { if ok { g() } }`, []string{
			"f negate: ok -> !(ok)",
		}},
		"no condition": {`func f() { for { g() } }`, nil},
		"its opposite": {`func f(ok bool) { for !ok { g() } }`, []string{
			"f negate: !ok -> ok",
		}},
		"a comparison": {`func (l *log[T]) f(a int) { if a < 3 { g() } }`, []string{
			"log.f negate: a < 3 -> !(a < 3)", "log.f compare: a < 3 -> (a <= 3)",
		}},
		"an equation is not made wrong twice": {`func f(a int) { if a == 3 { g() } }`, []string{
			"f compare: a == 3 -> (a != 3)",
		}},
		"operands keep together": {`func f(a, b, c bool) { x := a || b && c; g(x) }`, []string{
			"f connect: a || b && c -> (a && (b && c))", "f connect: b && c -> (b || c)",
		}},
		"cases": {`func f(a, b bool) { switch { case a, b: g() }; switch a { case b: g() } }`, []string{
			"f negate: a -> !(a)", "f negate: b -> !(b)",
		}},
		"results that are bool": {`func f() (int, bool) { return g(), h() }`, []string{
			"f negate: h() -> !(h())",
		}},
		"results of a function within": {`func f() bool { k(func() int { return g() }); return h() }`, []string{
			"f negate: h() -> !(h())",
		}},
		"a step": {`func f(a, b int) { g(a-b-1, 1+b, b-2, 1-b) }`, []string{
			"f step: a-b-1 -> (a-b)", "f step: 1+b -> b",
		}},
		"on two lines": {"func f(a, b bool) { if a &&\n\tb { g() } }", []string{
			"f negate: a && b -> !(a && b)", "f connect: a && b -> (a || b)",
		}},
		"the same again": {`func f(ok bool) { if ok { g() }; if ok { h() } }`, []string{
			"f negate: ok -> !(ok)", "f negate: ok -> !(ok) (2)",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			source := []byte("package p\n\n" + tc.body + "\n")
			found, err := inFile("p.go", source)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range found {
				name := strings.TrimPrefix(m.Name(), "p.go ")
				function, rest, _ := strings.Cut(name, ": ")
				got = append(got, function+" "+string(m.Kind)+": "+rest)
				changed, err := m.Apply(source)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := parser.ParseFile(token.NewFileSet(), "p.go", changed, 0); err != nil || string(changed) == string(source) {
					t.Errorf("%s gives %s: %v", m.Name(), changed, err)
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestApplyWantsItsSource(t *testing.T) {
	source := "package p\n\nfunc f(ok bool) { if ok { g() } }\n"
	found, err := inFile("p.go", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := found[0].Apply([]byte(strings.ReplaceAll(source, "ok", "no"))); err == nil {
		t.Error("it was put into another source")
	}
}

func TestEquivalent(t *testing.T) {
	all, err := inFile("p.go", []byte("package p\n\nfunc f(a int) { if a < 3 { g() } }\n"))
	if err != nil {
		t.Fatal(err)
	}
	const name = "p.go f: a < 3 -> (a <= 3)"
	reasons, err := parse("list", "# why\n\n"+name+"\tnobody calls f(3)\n", all)
	if err != nil || len(reasons) != 1 || reasons[name] != "nobody calls f(3)" {
		t.Errorf("got %v, %v", reasons, err)
	}
	for what, tc := range map[string]struct{ text, want string }{
		"no reason":   {name + "\n", "list:1: "},
		"no mutant":   {"# why\np.go f: a < 4 -> (a <= 4)\tx\n", "list:2: "},
		"named twice": {name + "\tx\n" + name + "\ty\n", "named twice"},
	} {
		if _, err := parse("list", tc.text, all); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got error %v, want one with %q", what, err, tc.want)
		}
	}
}
