package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"partita/harness/scenario"
	"partita/harness/store"
	"partita/sim/shrink"
)

// defaultAttempts is how many runs a reduction may take: most take a fifth of
// it.
const defaultAttempts = 12_000

// shrinkCommand makes a failing scenario small. Its contract with harness
// shrink: the argument is the folder of a run, of which only scenario.yaml is
// read, or a scenario; the scenario is run as this build runs it. Lines of
// progress go to the standard output, and at the end the size, and the check or
// rule that the scenario written to --out still breaks in this build. The same
// input and --attempts give the same file on every machine.
//
// Exit status: 0 the file was written, 2 the input does not fail, so that none
// was, 254 bad arguments, 255 it broke itself.
func shrinkCommand(stdout io.Writer) *cobra.Command {
	var out string
	var o shrink.Options
	cmd := &cobra.Command{
		Use:   "shrink FOLDER-OR-SCENARIO --out FILE.yaml",
		Short: "make a failing scenario small, as far as it still fails",
		Args:  arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" || o.Attempts < 1 {
				return usageError{fmt.Errorf("--out %q --attempts %d: give a file to write, and at least one attempt", out, o.Attempts)}
			}
			s, err := loadFailing(args[0])
			if err != nil {
				return usageError{err}
			}
			return shrinkTo(cmd, stdout, s, o, out)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&out, "out", "", "the scenario file to write")
	flags.IntVar(&o.Attempts, "attempts", defaultAttempts, "how many runs it may take")
	flags.IntVar(&o.Workers, "workers", runtime.GOMAXPROCS(0), "runs at once")
	return cmd
}

// loadFailing reads the scenario of a run's folder, a file, or one that ships.
func loadFailing(arg string) (*scenario.Scenario, error) {
	if info, err := os.Stat(arg); err == nil && info.IsDir() {
		arg = filepath.Join(arg, store.ScenarioFile)
	}
	return scenario.Load(arg)
}

// shrinkTo makes the scenario small and writes it.
func shrinkTo(cmd *cobra.Command, stdout io.Writer, s *scenario.Scenario, o shrink.Options, out string) error {
	show, done := ticker(stdout)
	result, err := shrink.Run(cmd.Context(), s, o, func(p shrink.Progress) { show(p.String()) })
	done()
	if errors.Is(err, shrink.ErrPasses) {
		return passes{fmt.Errorf("%s: %w", s.Name, err)}
	}
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, result.Text, 0o644); err != nil {
		return fmt.Errorf("write the small scenario: %w", err)
	}
	fmt.Fprintln(stdout, result.Progress)
	fmt.Fprintf(stdout, "%s breaks %s: %s\n", out, result.Verdict.Check, result.Verdict.Reason)
	return nil
}
