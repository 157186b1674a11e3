package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"partita/harness/scenario"
	"partita/harness/store"
	"partita/harness/trace"
	"partita/nemesis/wire"
	"partita/sim/explore"
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
		Args:  arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			folder := &store.Run{Dir: args[0]} // whoever calls holds its lock
			s, err := scenario.Load(folder.Path(store.ScenarioFile))
			if err != nil {
				return usageError{err}
			}
			if account {
				return writeAccount(cmd.Context(), folder, s)
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

// writeAccount runs the scenario again, up to what is wrong in it, and writes
// what happened step by step.
func writeAccount(ctx context.Context, folder *store.Run, s *scenario.Scenario) error {
	setup, err := play.FromScenario(s)
	if err != nil {
		return err
	}
	setup.Machines.Trace, setup.StopAtViolation = true, true
	o, err := play.Run(setup)
	if err != nil {
		return err
	}
	steps := o.Trace
	if o.Violation == nil {
		verdict, err := explore.Judge(ctx, s, o)
		if err != nil {
			return err
		}
		steps = judged(steps, verdict)
	}
	return folder.WriteTrace(steps[max(0, len(steps)-keptSteps):])
}

// judged ends an account with what a checker says of the history: after the
// last operation that it speaks of, if it speaks of operations.
func judged(steps []trace.Step, v explore.Verdict) []trace.Step {
	if v.Check == "" || len(steps) == 0 {
		return steps
	}
	if f := v.Failure; f != nil {
		after, _ := slices.BinarySearchFunc(steps, f.To, func(s trace.Step, to time.Duration) int { return cmp.Compare(s.At, to+1) })
		steps = steps[:after]
	}
	last := steps[len(steps)-1]
	return append(steps, trace.Step{Number: last.Number + 1, At: last.At, Kind: trace.Violation, Text: v.Check + ": " + v.Reason})
}
