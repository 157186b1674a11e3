package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"partita/harness/scenario"
	"partita/harness/store"
	"partita/nemesis/wire"
	"partita/sim/invariant"
	"partita/sim/play"
)

// keptSteps is how many steps of the account are kept: the last ones, which
// lead to what was found.
const keptSteps = 4000

func runCommand(stdout io.Writer) *cobra.Command {
	var account bool
	cmd := &cobra.Command{
		Use:   "run FOLDER",
		Short: "run the scenario in a run's folder and leave its record there",
		Long:  "Reads FOLDER/scenario.yaml and writes history.jsonl, faults.jsonl, nodes/ and sim.json beside it, as a run on containers leaves them. The harness judges.",
		Args:  usage(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			folder := &store.Run{Dir: args[0]} // whoever calls holds its lock
			s, err := scenario.Load(folder.Path(store.ScenarioFile))
			if err != nil {
				return usageError{err}
			}
			if account {
				return writeAccount(folder, s)
			}
			return record(stdout, folder, s)
		},
	}
	cmd.Flags().BoolVar(&account, "account", false, "run again what was recorded, and write only trace.jsonl")
	return cmd
}

// record runs a scenario and writes what it leaves.
func record(stdout io.Writer, folder *store.Run, s *scenario.Scenario) error {
	setup, err := play.FromScenario(s)
	if err != nil {
		return err
	}
	history, err := os.OpenFile(folder.Path(store.HistoryFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s has the record of a run already, which is not overwritten: %w", folder.Dir, err)
	}
	if err != nil {
		return err
	}
	defer history.Close()
	setup.History, setup.Hash, setup.Machines.Logs = history, true, true
	o, runErr := play.Run(setup)
	err = errors.Join(runErr, writeFaults(folder, o), writeNodes(folder, o), folder.WriteSimulation(store.Simulation{
		StartNS: o.Start, Steps: o.Steps, Seconds: o.Lasted.Seconds(), HistorySHA256: o.SHA256,
		Coverage: o.Coverage, Violation: violationOf(o.Violation),
	}))
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%d steps in %.1f simulated seconds, history %s\n", o.Steps, o.Lasted.Seconds(), o.SHA256)
	return nil
}

func violationOf(v *invariant.Violation) *store.Violation {
	if v == nil {
		return nil
	}
	return &store.Violation{Name: string(v.Name), Nodes: v.Nodes, Step: v.Step, Text: v.Text}
}

func writeFaults(folder *store.Run, o play.Outcome) error {
	lines, err := folder.AppendLines(store.FaultsFile)
	if err != nil {
		return err
	}
	for _, f := range o.Faults {
		err = errors.Join(err, lines.Append(f))
	}
	return errors.Join(err, lines.Close())
}

func writeNodes(folder *store.Run, o play.Outcome) error {
	var failed error
	for _, state := range o.States {
		text, err := logText(o.Logs[state.Node])
		failed = errors.Join(failed, err, folder.WriteNode(state, text))
	}
	return failed
}

// logText is a node's log as its agent keeps it.
func logText(lines []wire.LogLine) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	for _, l := range lines {
		if err := enc.Encode(l); err != nil {
			return nil, err
		}
	}
	return text.Bytes(), nil
}

// writeAccount runs the scenario again, up to the first rule that is broken,
// and writes what happened step by step.
func writeAccount(folder *store.Run, s *scenario.Scenario) error {
	setup, err := play.FromScenario(s)
	if err != nil {
		return err
	}
	setup.Machines.Trace, setup.StopAtViolation = true, true
	o, err := play.Run(setup)
	if err != nil {
		return err
	}
	steps := o.Trace[max(0, len(o.Trace)-keptSteps):]
	return folder.WriteTrace(steps)
}
