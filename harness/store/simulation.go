package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"partita/harness/trace"
)

// Simulation is sim.json: what only a simulator knows of a run.
type Simulation struct {
	StartNS int64   `json:"start_ns"` // the shared clock when the run began
	Steps   int     `json:"steps"`    // taken by the whole cluster
	Seconds float64 `json:"seconds"`  // of the cluster's own time
	// HistorySHA256 is that of history.jsonl, in hexadecimal: the same for the
	// same seed, on every machine.
	HistorySHA256 string         `json:"history_sha256"`
	Coverage      map[string]int `json:"coverage"` // what was reached, and how often
	// Violation is the rule of the cluster's inside that was broken, or nil.
	Violation *Violation `json:"violation,omitempty"`
}

// Violation is a rule that was broken inside a cluster.
type Violation struct {
	Name  string   `json:"name"`            // of the rule: "election safety"
	Nodes []string `json:"nodes,omitempty"` // those concerned
	Step  int      `json:"step"`            // when, in steps of the run
	Text  string   `json:"text"`            // what was seen: "n1 and n3 lead in term 4"
}

// String says all of it but the nodes, which the text names.
func (v Violation) String() string { return fmt.Sprintf("%s: %s (step %d)", v.Name, v.Text, v.Step) }

// WriteSimulation writes sim.json in one step.
func (r *Run) WriteSimulation(s Simulation) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("store: simulation: %w", err)
	}
	return r.replace(SimulationFile, append(text, '\n'))
}

// ReadSimulation reads sim.json; a run that was not simulated has none, and
// that is no error.
func (r *Run) ReadSimulation() (*Simulation, error) {
	var s Simulation
	err := readJSON(r.Path(SimulationFile), &s)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &s, nil
}

// WriteTrace writes trace.jsonl in one step.
func (r *Run) WriteTrace(steps []trace.Step) error {
	var text bytes.Buffer
	if err := trace.Write(&text, steps); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return r.replace(TraceFile, text.Bytes())
}

// ReadTrace reads trace.jsonl, up to a line that cannot be read; a run without
// one has no steps.
func (r *Run) ReadTrace() ([]trace.Step, error) {
	file, err := os.Open(r.Path(TraceFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	defer file.Close()
	steps, err := trace.Read(file)
	if err != nil {
		return steps, fmt.Errorf("store: %s: %w", r.Path(TraceFile), err)
	}
	return steps, nil
}
