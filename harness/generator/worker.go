package generator

import "fmt"

// PerKey is the most workers that share a key: the cost of checking a key
// explodes with its concurrency.
const PerKey = 5

// Role says what a worker is for.
type Role uint8

// The roles. A bound worker asks its own node whatever happens, so that a node
// that is cut off still has a reader who would see a stale value.
const (
	Reader  Role = iota // bound to a node, only reads
	Writer              // bound to a node, only changes
	Roaming             // goes anywhere, does both
)

// String names the role.
func (r Role) String() string {
	switch r {
	case Reader:
		return "reader"
	case Writer:
		return "writer"
	case Roaming:
		return "roaming"
	}
	return "unknown role"
}

// Worker is what plays successive processes: first the process of its own
// number, and after each that was retired the one higher by the number of
// workers.
type Worker struct {
	ID    int
	Role  Role
	Node  string // where it is bound; of a roaming worker: where it begins
	Group int    // workers of one group share key slots
}

// Layout makes concurrency workers: a reader bound to each node, a writer
// bound to each node, and the rest roaming. Groups have at most PerKey
// workers and are dealt out in turn, so that each has readers and writers.
func Layout(nodes []string, concurrency int) ([]Worker, error) {
	if len(nodes) == 0 {
		return nil, fmt.Errorf("generator: no nodes to bind workers to")
	}
	if least := 2 * len(nodes); concurrency < least {
		return nil, fmt.Errorf("generator: concurrency %d: %d nodes need at least %d workers, a reader and a writer each",
			concurrency, len(nodes), least)
	}
	groups := Groups(concurrency)
	workers := make([]Worker, concurrency)
	for i := range workers {
		role := Roaming
		switch i / len(nodes) {
		case 0:
			role = Reader
		case 1:
			role = Writer
		}
		workers[i] = Worker{ID: i, Role: role, Node: nodes[i%len(nodes)], Group: i % groups}
	}
	return workers, nil
}

// Groups is how many groups so many workers form.
func Groups(workers int) int { return (workers + PerKey - 1) / PerKey }
