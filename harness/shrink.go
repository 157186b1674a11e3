package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"partita/harness/scenario"
	"partita/harness/store"
)

func shrinkCommand(stdout io.Writer) *cobra.Command {
	var bug, results string
	var attempts int
	cmd := &cobra.Command{
		Use:   "shrink RUN",
		Short: "make a failing simulated run small, and tell it message by message",
		Long: "Reduces the scenario of a failing run (its folder, or a scenario file) to fewer faults, fewer operations, fewer nodes and less time, as far as the same check or rule still fails, " +
			"and runs the result into a folder of its own, whose report tells and draws every message.\n\nExit status: 1 it still fails, as it should; 2 the run does not fail in the simulator; 254 bad arguments; 255 it broke.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return shrink(cmd.Context(), stdout, args[0], bug, results, attempts, cmd.Flags().Changed("bug"))
		},
	}
	cmd.Flags().StringVar(&bug, "bug", "", "put a bug of bugs/ back into the nodes; the default is the run's own")
	cmd.Flags().StringVar(&results, "results", "results", "the folder that gets a folder for the small run")
	cmd.Flags().IntVar(&attempts, "attempts", 0, "how many runs it may take; 0: many")
	return cmd
}

// shrink lets the simulator make a run small, and runs what is left of it.
func shrink(ctx context.Context, out io.Writer, what, bug, results string, attempts int, bugGiven bool) error {
	if info, err := os.Stat(what); err == nil && info.IsDir() && !bugGiven {
		run := &store.Run{Dir: what} // only read, also while somebody judges it
		r, err := run.ReadResults()
		if err != nil {
			return usage(fmt.Errorf("%w (a run's folder is wanted, or a scenario)", err))
		}
		if r.Cluster != simCluster {
			return usage(fmt.Errorf("%s ran on %s, which does not repeat a run: only what failed in the simulator can be made small", what, r.Cluster))
		}
		bug = r.Bug
	}
	if bug != "" {
		if _, _, err := findBug(bug); err != nil {
			return usage(fmt.Errorf("--bug: %w", err))
		}
	}
	temp, done, err := tempFolder()
	if err != nil {
		return broke(err)
	}
	defer done()
	sim, err := findSimulator(ctx, bug, temp)
	if err != nil {
		return broke(err)
	}
	defer sim.done()
	file := filepath.Join(temp, "small.yaml")
	args := []string{"shrink", what, "--out", file}
	if attempts > 0 {
		args = append(args, "--attempts", fmt.Sprint(attempts))
	}
	code, err := sim.run(ctx, out, args...)
	if err != nil {
		return broke(err)
	}
	if code != 0 {
		return &exitError{code: code}
	}
	s, err := scenario.Load(file)
	if err != nil {
		return broke(fmt.Errorf("the small scenario: %w", err))
	}
	fmt.Fprintln(out, "\nthe small run, into a folder:")
	err = execute(ctx, out, runFlags{cluster: simCluster, results: results, bug: bug}, s)
	var e *exitError
	if errors.As(err, &e) {
		fmt.Fprintln(out, "scenario", filepath.Join(typed(results), "latest", store.ScenarioFile))
		return err
	}
	if err == nil {
		err = errors.New("the small run is valid")
	}
	return broke(err)
}
