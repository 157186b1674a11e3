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
	"partita/workloads/register"
)

// Workload is one of them.
type Workload struct {
	Name        string
	Description string
	Generator   func(generator.Config) generator.Generator
	Client      func(worker generator.Worker, nodes []string) interpreter.Client
	Model       checker.Model
	Operations  []string // the kinds of operations (f)
	// Step says what is wrong with the values of an operation of a script, and
	// which of its keys, value or old, that is; nil: nothing can be.
	Step func(generator.Step) (key string, err error)
}

// All lists the workloads.
func All() []Workload {
	return []Workload{{
		Name:        register.Name,
		Description: "read, write and compare-and-set of many registers",
		Generator:   register.NewGenerator,
		Client: func(w generator.Worker, nodes []string) interpreter.Client {
			return register.NewClient(w, nodes)
		},
		Model:      register.Model(),
		Operations: []string{register.Read, register.Write, register.CAS},
		Step:       register.CheckStep,
	}}
}

// Find picks a workload by its name.
func Find(name string) (Workload, error) {
	var names []string
	for _, w := range All() {
		if w.Name == name {
			return w, nil
		}
		names = append(names, w.Name)
	}
	return Workload{}, fmt.Errorf("workloads: no workload %q; there are %s", name, strings.Join(names, ", "))
}
