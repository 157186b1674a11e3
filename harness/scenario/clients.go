package scenario

import (
	"fmt"

	"partita/harness/generator"
	"partita/harness/interpreter"
	"partita/workloads"
)

// Clients is who asks, what and when: all that an interpreter is given of a
// scenario's workload.
type Clients struct {
	Workload  workloads.Workload
	Workers   []generator.Worker
	Generator generator.Generator
	Pace      generator.Pace
	Clients   []interpreter.Client // one a worker
}

// NewClients makes the clients of the scenario: by its script if it has one, else
// by its seed.
func (s *Scenario) NewClients() (Clients, error) {
	var c Clients
	var err error
	if c.Workload, err = workloads.Find(s.Workload.Name); err != nil {
		return Clients{}, err
	}
	if c.Workers, err = generator.Layout(s.NodeNames(), s.Workload.Concurrency.Of(s.Nodes)); err != nil {
		return Clients{}, err
	}
	if s.Workload.Script != nil {
		script, err := generator.NewScript(s.Workload.Script, len(c.Workers))
		if err != nil {
			return Clients{}, err
		}
		c.Generator, c.Pace = script, script
	} else {
		c.Generator = c.Workload.Generator(generator.Config{Seed: s.Seed, Workers: c.Workers, Keys: s.Workload.Keys})
		if c.Pace, err = generator.NewPace(s.Seed, len(c.Workers), s.Workload.Rate); err != nil {
			return Clients{}, err
		}
	}
	for _, w := range c.Workers {
		c.Clients = append(c.Clients, s.reading(c.Workload.Client(w, s.NodeNames()), w.ID))
	}
	return c, nil
}

// validateScript checks each operation of the script by itself.
func (s *Scenario) validateScript() *complaint {
	w := s.Workload
	if w.Script == nil {
		return nil
	}
	if len(w.Script) == 0 {
		return &complaint{"workload.script", "an empty list: want at least one operation, or leave the key out"}
	}
	workload, err := workloads.Find(w.Name)
	if err != nil {
		return &complaint{"workload.name", err.Error()}
	}
	for i, step := range w.Script {
		path := fmt.Sprintf("workload.script[%d]", i)
		clients := w.Concurrency.Of(s.Nodes)
		switch {
		case step.At < 0 || step.At >= s.TimeLimit:
			return &complaint{path + ".at", fmt.Sprintf("%v: want 0s or later, before %v, the time-limit", step.At, s.TimeLimit)}
		case step.Worker < 0 || step.Worker >= clients:
			return &complaint{path + ".worker", fmt.Sprintf("%d: want 0 to %d, with %d clients", step.Worker, clients-1, clients)}
		case step.Key == "":
			return &complaint{path + ".key", "no key: want one such as k0.0"}
		}
		if c := oneOf(path+".f", step.F, workload.Operations); c != nil {
			return c
		}
		if key, err := workload.Step(step); err != nil {
			return &complaint{path + "." + key, err.Error()}
		}
	}
	return nil
}
