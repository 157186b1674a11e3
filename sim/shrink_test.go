package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"partita/harness/catalogue"
	"partita/harness/scenario"
	"partita/harness/store"
	"partita/harness/trace"
)

// broken builds this program with a bug of the catalogue.
func broken(t *testing.T, slug string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds the simulator")
	}
	root, err := catalogue.Root(".")
	if err != nil {
		t.Fatal(err)
	}
	bugs, err := catalogue.Load(filepath.Join(root, "bugs"))
	if err != nil {
		t.Fatal(err)
	}
	bug, err := catalogue.Find(bugs, slug)
	if err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(t.TempDir(), "sim")
	if err := catalogue.Build(t.Context(), root, &bug, "./sim", exe); err != nil {
		t.Fatal(err)
	}
	return exe
}

// exits runs a program and wants an exit status of it.
func exits(t *testing.T, want int, exe string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), exe, args...)
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != want {
		t.Fatalf("%v exits with %d (%v), want %d:\n%s", args, got, err, want, out)
	}
	return string(out)
}

// here runs this very program, without a bug.
func here(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if got := run(t.Context(), args, &out, &out); got != want {
		t.Fatalf("%v gives %d, want %d:\n%s", args, got, want, &out)
	}
	return out.String()
}

// TestShrinkABug: a seed that finds a bug becomes a scenario of a few faults and
// operations that still finds it, and that the unbroken build passes. Its account
// ends with the rule that was broken.
func TestShrinkABug(t *testing.T) {
	const slug, rule = "accept-old-append", "leader completeness"
	exe := broken(t, slug)
	dir := t.TempDir()
	found := filepath.Join(dir, "found.json")
	exits(t, exitFound, exe, "explore", "--seeds", "500", "--checks", rule, "--out", found)
	text, err := os.ReadFile(found)
	if err != nil {
		t.Fatal(err)
	}
	var r store.Search
	if err := json.Unmarshal(text, &r); err != nil || len(r.Failures) == 0 {
		t.Fatalf("no failure in %s (%v)", text, err)
	}
	// A run's folder is as good as its scenario.
	folder := filepath.Join(dir, "run")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, store.ScenarioFile), []byte(r.Failures[0].Scenario), 0o644); err != nil {
		t.Fatal(err)
	}
	small := filepath.Join(dir, "small.yaml")
	out := exits(t, 0, exe, "shrink", folder, "--out", small)
	if !strings.Contains(out, "breaks "+rule) || !strings.Contains(out, "attempts ") {
		t.Errorf("it says\n%s", out)
	}
	s, err := scenario.Load(small)
	if err != nil {
		t.Fatal(err)
	}
	if faults := len(s.Schedule()); faults > 4 || len(s.Workload.Script) > 12 {
		t.Errorf("%d faults and %d operations are left, want at most 4 and 12", faults, len(s.Workload.Script))
	}
	here(t, exitPasses, "shrink", small, "--out", filepath.Join(dir, "none.yaml"))

	if err := os.Rename(small, filepath.Join(folder, store.ScenarioFile)); err != nil {
		t.Fatal(err)
	}
	exits(t, 0, exe, "run", folder, "--account")
	steps, err := (&store.Run{Dir: folder}).ReadTrace()
	if err != nil || len(steps) == 0 {
		t.Fatalf("%d steps (%v)", len(steps), err)
	}
	if last := steps[len(steps)-1]; last.Kind != trace.Violation || !strings.HasPrefix(last.Text, rule+": ") {
		t.Errorf("the account ends with %+v", last)
	}
}

func TestShrinkIsAskedWrongly(t *testing.T) {
	out := filepath.Join(t.TempDir(), "small.yaml")
	for name, args := range map[string][]string{
		"no scenario":         {"--out", out},
		"no such file":        {"nowhere.yaml", "--out", out},
		"none that ships":     {"partitoin", "--out", out},
		"nowhere to write to": {"partition"},
		"no attempts":         {"partition", "--out", out, "--attempts", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			here(t, exitUsage, append([]string{"shrink"}, args...)...)
			if _, err := os.Stat(out); err == nil {
				t.Error("a file was written")
			}
		})
	}
}
