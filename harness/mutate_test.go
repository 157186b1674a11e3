package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"partita/harness/mutant"
)

// module writes a module of the sources' name with one small package.
func module(t *testing.T) string {
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module partita\n\ngo 1.26\n",
		"p/p.go": `package p

// Larger is noticed when it is turned around, and not when equals change places.
func Larger(a, b int) int {
	if a > b {
		return a
	}
	return b
}

// Second does not compile with another index.
func Second() int {
	return [2]int{10, 20}[2-1]
}
`,
		"p/p_test.go": `package p

import "testing"

func TestLarger(t *testing.T) {
	if Larger(1, 2) != 2 || Larger(2, 1) != 2 || Second() != 20 {
		t.Fail()
	}
}
`,
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestMutate(t *testing.T) {
	root := module(t)
	t.Chdir(root)
	f := mutateFlags{pkg: "p", tests: []string{"p"}, workers: 2, results: filepath.Join(root, "results")}
	try := func(want ...string) {
		t.Helper()
		var out bytes.Buffer
		err := mutate(t.Context(), &out, f)
		var e *exitError
		if errors.As(err, &e); e == nil || e.code != exitInvalid || e.err != nil {
			t.Fatalf("one is not noticed, and mutate ends with %v\n%s", err, out.String())
		}
		for _, line := range want {
			if n := strings.Count(out.String(), line); n != 1 {
				t.Errorf("%q is printed %d times:\n%s", line, n, out.String())
			}
		}
	}
	score := []string{"NOT NOTICED p/p.go:5:5 in Larger (compare)\n  - a > b\n  + (a >= b)", "p: 2 mutants, and 1 that do not compile; 0 ", "noticed: 1 of 2, 50.0 %"}
	try(append(score, "3 mutants of p for the tests of p", "!(a > b): tests TestLarger")...)
	if lines := known(t, f.results); lines != 3 {
		t.Errorf("%d lines are left, want one a mutant", lines)
	}
	try(score...) // from what is known
	if lines := known(t, f.results); lines != 3 {
		t.Errorf("what was known was tried again: %d lines", lines)
	}

	list := filepath.Join(root, "p", filepath.FromSlash(mutant.EquivalentFile))
	if err := os.MkdirAll(filepath.Dir(list), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, []byte("p/p.go Larger: a > b -> (a >= b)\tequals are equal\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := mutate(t.Context(), &out, f); err != nil || !strings.Contains(out.String(), "noticed: 1 of 1, 100.0 %") {
		t.Errorf("with the list: %v\n%s", err, out.String())
	}
}

// known counts the lines of the one file in a folder.
func known(t *testing.T, results string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(results, "p-*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatalf("there are %q in %s: %v", files, results, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(text, []byte{'\n'})
}

func TestMutateChooses(t *testing.T) {
	every, err := mutant.Find(module(t), "p")
	if err != nil {
		t.Fatal(err)
	}
	names := func(f mutateFlags) []string {
		t.Helper()
		some, err := f.choose(every, map[string]string{every[1].Name(): "why"})
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, m := range some {
			all = append(all, m.Name())
		}
		return all
	}
	first, last := every[0].Name(), every[2].Name()
	if got := names(mutateFlags{}); !slices.Equal(got, []string{first, last}) {
		t.Errorf("without the equivalent one there are %q", got)
	}
	if got := names(mutateFlags{limit: 1}); !slices.Equal(got, []string{first}) {
		t.Errorf("the first is %q", got)
	}
	drawn := map[string]bool{}
	for seed := range uint64(20) {
		f := mutateFlags{limit: 1, seed: seed + 1}
		if got := names(f); !slices.Equal(got, names(f)) {
			t.Errorf("seed %d draws %q once and others again", seed+1, got)
		} else {
			drawn[got[0]] = true
		}
	}
	if len(drawn) != 2 {
		t.Errorf("20 seeds drew %v alone", drawn)
	}
	if _, err := (mutateFlags{file: "q.go"}).choose(every, nil); err == nil {
		t.Error("a file that is not there has mutants")
	}
}
