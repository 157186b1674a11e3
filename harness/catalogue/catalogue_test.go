package catalogue

import (
	"go/format"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func shipped(t *testing.T) (root string, bugs []Bug) {
	t.Helper()
	root, err := Root(".")
	if err != nil {
		t.Fatal(err)
	}
	bugs, err = Load(filepath.Join(root, "bugs"))
	if err != nil {
		t.Fatal(err)
	}
	return root, bugs
}

// TestEveryBugBuilds fails when a patch no longer fits the sources, changes
// nothing, or gives a program that does not compile.
func TestEveryBugBuilds(t *testing.T) {
	root, bugs := shipped(t)
	if len(bugs) < 30 {
		t.Fatalf("%d bugs in the catalogue, at least 30 ship", len(bugs))
	}
	for _, bug := range bugs {
		t.Run(bug.Slug, func(t *testing.T) {
			changed, err := bug.Apply(root)
			if err != nil {
				t.Fatal(err)
			}
			for name, text := range changed {
				source, err := os.ReadFile(filepath.Join(root, name))
				if err != nil {
					t.Fatal(err)
				}
				if string(source) == string(text) {
					t.Errorf("%s is not changed", name)
				}
				if pretty, err := format.Source(text); err != nil || string(pretty) != string(text) {
					t.Errorf("%s with the bug is not gofmt'd: %v", name, err)
				}
			}
			// The packages that it touches; those that import them see no change of
			// what they use, or make bugs and make bugs-sim would say so.
			touched := map[string]bool{}
			for name := range changed {
				touched["./"+filepath.Dir(name)] = true
			}
			for _, pkg := range slices.Sorted(maps.Keys(touched)) {
				if err := Build(t.Context(), root, &bug, pkg, filepath.Join(t.TempDir(), "package.a")); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

const goodHead = "Bug: x\nOrigin: o\nBreaks: b\nScenario: partition\nCheck: linearizable\nWithin: 2m\n\nIt happens.\n\n"
const simulatedHead = "Bug: x\nOrigin: o\nBreaks: b\nSimulated: linearizable, election safety\nExplore: nodes=3\n\nIt happens.\n\n"
const goodDiff = `diff --git a/raft/core/quorum.go b/raft/core/quorum.go
--- a/raft/core/quorum.go
+++ b/raft/core/quorum.go
@@ -1 +1 @@
-package nothing
+package core
`

func TestParseRefuses(t *testing.T) {
	if _, err := Parse("x", goodHead+goodDiff); err != nil {
		t.Fatalf("the good patch: %v", err)
	}
	bug, err := Parse("x", simulatedHead+goodDiff)
	if err != nil {
		t.Fatalf("the good patch for the simulator alone: %v", err)
	}
	if want := []string{"linearizable", "election safety"}; bug.OnDocker() || !slices.Equal(bug.Simulated, want) {
		t.Errorf("on Docker %v, simulated %q; want false and %q", bug.OnDocker(), bug.Simulated, want)
	}
	for name, tc := range map[string]struct{ text, want string }{
		"no diff":           {goodHead, "diff --git"},
		"another slug":      {strings.Replace(goodHead, "Bug: x", "Bug: y", 1) + goodDiff, `Bug is "y"`},
		"unknown field":     {strings.Replace(goodHead, "Origin", "Colour", 1) + goodDiff, `:2: unknown field "Colour"`},
		"no check":          {strings.Replace(goodHead, "Check: linearizable\n", "", 1) + goodDiff, "lacks Check"},
		"bad duration":      {strings.Replace(goodHead, "2m", "soon", 1) + goodDiff, `Within is "soon"`},
		"caught by nothing": {"Bug: x\nOrigin: o\nBreaks: b\n\nIt happens.\n\n" + goodDiff, "lacks Check, Scenario, Within"},
		"half a scenario":   {strings.Replace(simulatedHead, "Explore: nodes=3", "Scenario: partition", 1) + goodDiff, "lacks Check, Within"},
		"unknown name":      {strings.Replace(simulatedHead, "election safety", "good luck", 1) + goodDiff, `:4: Simulated names "good luck"`},
		"name twice":        {strings.Replace(simulatedHead, "election safety", "linearizable", 1) + goodDiff, `Simulated names "linearizable" twice`},
		"invariant alone":   {strings.Replace(simulatedHead, "Explore: nodes=3", "Invariant: panic", 1) + goodDiff, "belong to a Scenario"},
		"nothing to search": {strings.Replace(goodHead, "Within: 2m", "Within: 2m\nExplore: nodes=3", 1) + goodDiff, "Explore belongs to Simulated"},
		"outside the node":  {goodHead + strings.ReplaceAll(goodDiff, "raft/core", "harness/x"), "touches only raft/ and node/"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse("x", tc.text); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestApplyIsStrict(t *testing.T) {
	root, _ := shipped(t)
	bug, err := Parse("x", goodHead+goodDiff)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bug.Apply(root); err == nil || !strings.Contains(err.Error(), "does not fit raft/core/quorum.go any more") {
		t.Errorf("a hunk that does not match was applied: %v", err)
	}
}
