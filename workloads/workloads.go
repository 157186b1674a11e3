// Package workloads lists what clients can do to a cluster. A Workload is a
// client, a generator and a model: what is asked, of whom, and what one correct
// object would answer.
package workloads

import (
	"fmt"
	"strings"

	"partita/harness/checker"
	"partita/harness/generator"
	"partita/harness/interpreter"
	lists "partita/workloads/append" // its own name would hide the builtin
	"partita/workloads/register"
	"partita/workloads/session"
)

// Workload is one of them.
type Workload struct {
	Name        string
	Description string
	Generator   func(generator.Config) generator.Generator
	Client      func(worker generator.Worker, nodes []string) interpreter.Client
	Model       checker.Model
	// ExactlyOnce says that changes are sent in copies, which count once.
	ExactlyOnce bool
	// Reads and Writes are the kinds of operations (f) by which a node shows
	// that it reads and writes again; Operations are all kinds.
	Reads, Writes, Operations []string
	// Step says what is wrong with the values of an operation of a script, and
	// which key of it that is.
	Step func(generator.Step) (key string, err error)
}

// All lists the workloads.
func All() []Workload {
	return []Workload{{
		Name:        lists.Name,
		Description: "append to and read of many lists, whose order is the witness",
		Generator:   lists.NewGenerator,
		Client: func(w generator.Worker, nodes []string) interpreter.Client {
			return lists.NewClient(w, nodes)
		},
		Model: lists.Model(),
		Reads: []string{lists.Read}, Writes: []string{lists.Append},
		Operations: []string{lists.Append, lists.Read},
		Step:       lists.CheckStep,
	}, {
		Name:        register.Name,
		Description: "read, write and compare-and-set of many registers",
		Generator:   register.NewGenerator,
		Client: func(w generator.Worker, nodes []string) interpreter.Client {
			return register.NewClient(w, nodes)
		},
		Model: register.Model(),
		Reads: []string{register.Read}, Writes: []string{register.Write, register.CAS},
		Operations: []string{register.Read, register.Write, register.CAS},
		Step:       register.CheckStep,
	}, {
		Name:        session.Name,
		Description: "append to lists in sessions: commands are sent again, and executed once",
		Generator:   session.NewGenerator,
		Client: func(w generator.Worker, nodes []string) interpreter.Client {
			return session.NewClient(w, nodes)
		},
		Model: session.Model(), ExactlyOnce: true,
		Reads: []string{session.Read}, Writes: []string{session.Append},
		Operations: []string{session.Append, session.Read},
		Step:       session.CheckStep,
	}}
}

// Names lists the workloads by name.
func Names() []string {
	var names []string
	for _, w := range All() {
		names = append(names, w.Name)
	}
	return names
}

// Find picks a workload by its name.
func Find(name string) (Workload, error) {
	for _, w := range All() {
		if w.Name == name {
			return w, nil
		}
	}
	return Workload{}, fmt.Errorf("workloads: no workload %q; there are %s", name, strings.Join(Names(), ", "))
}
