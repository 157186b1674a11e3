package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// floors is the house: a package imports only from floors below its own. A
// row ending in /... holds a folder's packages that no other row names.
var floors = []struct {
	packages string
	floor    int
}{
	{"raft/core", 0}, {"node/api", 0}, {"nemesis/wire", 0}, {"harness/history", 0}, {"harness/scenarios", 0}, {"harness/trace", 0}, {"raft/wal/memfs", 0},
	{"raft/wal", 1}, {"raft/transport", 1}, {"node/kv", 1},
	{"harness/generator", 1}, {"harness/cluster", 1}, {"harness/catalogue", 1}, {"harness/mutant", 1},
	{"raft", 2}, {"node/service", 2}, {"harness/interpreter", 2}, {"harness/checker", 2},
	{"nemesis", 3}, {"workloads", 3}, {"docker", 3}, {"node/server", 3}, {"harness/store", 3}, {"raft/labs", 3},
	{"harness/report", 4}, {"harness/scenario", 4},
	{"harness", 5}, {"node", 5}, {"nemesis/agent", 5}, {"sim", 5},
}

// rooms are folders whose sub-packages belong to the package that leads them:
// they may be imported by it alone, and import each other.
var rooms = []string{"raft/wal", "nemesis/agent", "workloads", "docker", "harness/scenario", "harness/cluster", "sim"}

// never lists what a package may not import, directly.
var never = []struct {
	packages string
	imports  []string
	except   []string
}{
	{"raft/core", []string{"time", "os", "net", "net/...", "sync", "sync/...", "math/rand", "math/rand/v2", "context", "io", "os/..."}, nil},
	{"node/kv", []string{"time", "os", "net", "net/...", "sync", "sync/...", "math/rand", "math/rand/v2", "context", "os/..."}, nil},
	{"node/service", []string{"time", "os", "net", "net/...", "sync", "sync/...", "math/rand", "math/rand/v2", "context", "os/..."}, nil},
	{"harness/...", []string{"partita/raft/...", "partita/node/..."}, []string{"partita/node/api"}},
	{"nemesis/...", []string{"partita/raft/...", "partita/node/...", "partita/workloads/..."}, []string{"partita/node/api"}},
	{"workloads/...", []string{"partita/raft/...", "partita/node/...", "partita/nemesis/..."}, []string{"partita/node/api"}},
	{"docker/...", []string{"partita/raft/...", "partita/node/..."}, []string{"partita/node/api"}},
	{"node/...", []string{"partita/harness/...", "partita/nemesis/...", "partita/workloads/...", "partita/docker/..."}, nil},
	{"raft/...", []string{"partita/harness/...", "partita/nemesis/...", "partita/node/..."}, nil},
}

// confined lists libraries that belong to one room each.
var confined = map[string][]string{
	"github.com/anishathalye/porcupine": {"harness/checker", "harness/report", "workloads/..."},
	"github.com/docker/docker/...":      {"docker/..."},
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

// ours are the packages of the house. Runs leave copies of sources with a bug in
// results/ for as long as they are built, and those are none.
func ours(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "partita/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatalf("go list: %v", err)
		case matches("partita/results/...", p.ImportPath):
			continue
		}
		all = append(all, p)
	}
}

// matches says whether a path is the pattern, or below it if it ends in "/...".
func matches(pattern, path string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == base || strings.HasPrefix(path, base+"/")
	}
	return path == pattern
}

// room is the folder of rooms that a package lies strictly inside of, or "".
func room(path string) string {
	for _, r := range rooms {
		if strings.HasPrefix(path, r+"/") && !slices.ContainsFunc(floors, func(f struct {
			packages string
			floor    int
		}) bool {
			return f.packages == path
		}) {
			return r
		}
	}
	return ""
}

// floorOf gives a package's floor; one inside a room is half a floor below it.
func floorOf(path string) (float64, error) {
	if r := room(path); r != "" {
		f, err := floorOf(r)
		return f - 0.5, err
	}
	for _, f := range floors {
		if f.packages == path {
			return float64(f.floor), nil
		}
	}
	return 0, fmt.Errorf("package %s has no floor: give it one in floors_test.go and docs/architecture.md", path)
}

// complaints checks one package's direct imports and names both ends.
func complaints(p goPackage) []string {
	var bad []string
	path := strings.TrimPrefix(p.ImportPath, "partita/")
	floor, err := floorOf(path)
	if err != nil {
		return []string{err.Error()}
	}
	for _, imported := range p.Imports {
		for _, rule := range never {
			if matches(rule.packages, path) && !slices.Contains(rule.except, imported) &&
				slices.ContainsFunc(rule.imports, func(i string) bool { return matches(i, imported) }) {
				if own := strings.HasPrefix(imported, "partita/"); !own || topFolder(path) != topFolder(strings.TrimPrefix(imported, "partita/")) {
					bad = append(bad, fmt.Sprintf("%s may never import %s", path, imported))
				}
			}
		}
		for library, homes := range confined {
			if matches(library, imported) && !slices.ContainsFunc(homes, func(h string) bool { return matches(h, path) }) {
				bad = append(bad, fmt.Sprintf("%s may not import %s: it belongs to %s", path, imported, strings.Join(homes, ", ")))
			}
		}
		below, ok := strings.CutPrefix(imported, "partita/")
		if !ok {
			continue
		}
		under, err := floorOf(below)
		switch r := room(below); {
		case err != nil:
			bad = append(bad, err.Error())
		case r != "" && path != r && room(path) != r:
			bad = append(bad, fmt.Sprintf("%s imports %s, which is a room inside %s", path, below, r))
		case r != "" && room(path) == r:
		case under >= floor:
			bad = append(bad, fmt.Sprintf("%s (floor %v) imports %s (floor %v): imports run down only", path, floor, below, under))
		}
	}
	return bad
}

func topFolder(path string) string {
	top, _, _ := strings.Cut(path, "/")
	return top
}

// TestFloors reads every package's direct imports. Run it with -count=1: a
// cached result does not see an import that came since.
func TestFloors(t *testing.T) {
	packages := ours(t)
	if len(packages) < 15 {
		t.Fatalf("go list found %d packages", len(packages))
	}
	for _, p := range packages {
		for _, bad := range complaints(p) {
			t.Error(bad)
		}
	}
}

// TestFloorsFail shows that the rules above can be broken.
func TestFloorsFail(t *testing.T) {
	for name, tc := range map[string]struct {
		from, to, want string
	}{
		"time in the core":       {"raft/core", "time", "raft/core may never import time"},
		"net/http in the core":   {"raft/core", "net/http", "may never import net/http"},
		"up":                     {"harness/checker", "partita/harness/store", "imports run down only"},
		"across":                 {"harness/generator", "partita/harness/cluster", "imports run down only"},
		"the system under test":  {"harness/interpreter", "partita/raft/core", "harness/interpreter may never import partita/raft/core"},
		"workloads and nemesis":  {"nemesis", "partita/workloads", "may never import"},
		"porcupine in the store": {"harness/store", "github.com/anishathalye/porcupine", "belongs to"},
		"docker in the harness":  {"harness", "github.com/docker/docker/client", "belongs to docker"},
		"no floor":               {"harness/attic", "fmt", "has no floor"},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(complaints(goPackage{ImportPath: "partita/" + tc.from, Imports: []string{tc.to}}), "\n")
			if !strings.Contains(got, tc.want) {
				t.Errorf("%s importing %s: got %q, want %q", tc.from, tc.to, got, tc.want)
			}
		})
	}
}
