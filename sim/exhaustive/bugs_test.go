package exhaustive

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"partita/harness/catalogue"
	"partita/harness/trace"
)

// found is what a search with a bug put back comes to.
type found struct {
	bug, preset string
	rule        string // by its name
	actions     int    // of the shortest path
}

// bugsFound has a bug for each preset but transfer and figure-8, whose bug takes
// more actions than it has. Their paths are golden.
var bugsFound = []found{
	{"vote-twice", "elections", "election safety", 10},
	{"half-quorum", "elections", "committed never lost", 1},
	{"revote-same-term", "votes", "election safety", 8},
	{"accept-old-append", "tails", "committed never lost", 11},
	{"commit-past-verified", "heartbeats", "state-machine safety", 10},
	{"read-joins-sent-round", "reads", "read outside its round", 9},
	{"accept-old-append", "duplicates", "committed never lost", 9},
	{"append-ack-aba", "crashes", "durable promises", 12},
	{"ack-before-fsync", "crashes", "durable promises", 0},
	{"ack-before-fsync", "votes", "durable promises", 4},
	{"joint-one-majority", "members", "configuration", 1},
	{"learner-quorum", "membership", "committed never lost", 1},
	{"concurrent-conf", "changes", "configuration", 4},
	{"lease-disloyal", "lease", "lease read", 11},
	{"transfer-keeps-lease", "yields", "lease read", 7},
}

// presetInside names the preset to the test below when it runs with a bug.
const presetInside = "PARTITA_EXHAUSTIVE_PRESET"

// TestInside is run by TestBugsAreFound, in a program with a bug.
func TestInside(t *testing.T) {
	name := os.Getenv(presetInside)
	if name == "" {
		t.Skip("is run by TestBugsAreFound, with a bug put back")
	}
	p, err := FindPreset(name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Search(t.Context(), p.Options, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Violation == nil {
		t.Fatalf("%s after %d states", r.Stop, r.Distinct)
	}
	fmt.Printf("found %q %d\n", r.Violation.Name, r.Actions)
	if err := trace.Tell(os.Stdout, r.Path); err != nil {
		t.Fatal(err)
	}
}

// TestBugsAreFound puts bugs of the catalogue back, one at a time, and searches
// with each.
func TestBugsAreFound(t *testing.T) {
	root, err := catalogue.Root(".")
	if err != nil {
		t.Fatal(err)
	}
	bugs, err := catalogue.Load(filepath.Join(root, "bugs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range bugsFound {
		t.Run(f.bug+" "+f.preset, func(t *testing.T) {
			bug, err := catalogue.Find(bugs, f.bug)
			if err != nil {
				t.Fatal(err)
			}
			out := inside(t, root, bug, f.preset)
			want := fmt.Sprintf("found %q %d\n", f.rule, f.actions)
			path, ok := strings.CutPrefix(out, want)
			if !ok {
				t.Fatalf("got %s; want %s", out, want)
			}
			golden(t, f.bug+"-"+f.preset+".txt", path)
		})
	}
}

// inside runs TestInside with a bug put back.
func inside(t *testing.T, root string, bug catalogue.Bug, preset string) string {
	changed, err := bug.Apply(root)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	replace := map[string]string{}
	for name, text := range changed {
		copied := filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(copied, text, 0o644); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(root, name)] = copied
	}
	table, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, table, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-v", "-count=1", "-vet=off", "-overlay", overlay, "-run", "^TestInside$", ".")
	cmd.Env = append(os.Environ(), presetInside+"="+preset)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, said, _ := strings.Cut(string(out), "=== RUN   TestInside\n")
	said, _, _ = strings.Cut(said, "--- PASS")
	return said
}
