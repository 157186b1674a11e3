package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"partita/harness/scenario"
	"partita/nemesis"
)

// Where nodes run.
const (
	dockerCluster = "docker"
	simCluster    = "sim"
)

// runFlags are the flags of harness run.
type runFlags struct {
	scenario  string // a name or a file; empty: that in the run's own folder
	seed      int64
	timeLimit time.Duration
	nodes     int
	bug       string
	cluster   string
	results   string
	set       []string
	stopFirst bool
}

func runCommand(stdout io.Writer) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run SCENARIO",
		Short: "run a scenario (a shipped name or a file) and judge it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.scenario = args[0]
			s, err := f.resolve(cmd)
			if err != nil {
				return usage(err)
			}
			return execute(cmd.Context(), stdout, f, s)
		},
	}
	flags := cmd.Flags()
	flags.Int64Var(&f.seed, "seed", 0, "repeats the schedule of faults and each worker's stream of operations; 0 chooses one")
	flags.DurationVar(&f.timeLimit, "time-limit", 0, "how long the clients run, the recovery at the end included")
	flags.IntVar(&f.nodes, "nodes", 0, "how many nodes, 1 to 9")
	flags.StringVar(&f.bug, "bug", "", "put a bug of bugs/ back into the nodes")
	flags.StringVar(&f.cluster, "cluster", dockerCluster, "where the nodes run: docker, or sim, a simulation that needs no Docker and repeats everything")
	flags.StringVar(&f.results, "results", "results", "the folder that gets a folder for the run")
	flags.StringArrayVar(&f.set, "set", nil, "path.to.key=value: any other key of the scenario; may be repeated")
	flags.BoolVar(&f.stopFirst, "stop-at-first-invalid", false, "end the run as soon as a key is found that no order explains")
	return cmd
}

// resolve loads the scenario with what the flags say instead, and chooses a
// seed if none was given.
func (f *runFlags) resolve(cmd *cobra.Command) (*scenario.Scenario, error) {
	if f.cluster != dockerCluster && f.cluster != simCluster {
		return nil, fmt.Errorf("--cluster %s: allowed are docker and sim", f.cluster)
	}
	if cmd.Flags().Changed("bug") {
		if _, _, err := findBug(f.bug); err != nil {
			return nil, fmt.Errorf("--bug: %w", err)
		}
	}
	var overrides []scenario.Override
	given := func(flag, path, value string) {
		if cmd.Flags().Changed(flag) {
			overrides = append(overrides, scenario.Override{Flag: "--" + flag + " " + value, Path: path, Value: value})
		}
	}
	given("seed", "seed", fmt.Sprint(f.seed))
	given("time-limit", "time-limit", f.timeLimit.String())
	given("nodes", "nodes", fmt.Sprint(f.nodes))
	given("stop-at-first-invalid", "stop-at-first-invalid", fmt.Sprint(f.stopFirst))
	for _, s := range f.set {
		o, err := scenario.ParseSet(s)
		if err != nil {
			return nil, err
		}
		overrides = append(overrides, o)
	}
	s, err := scenario.Load(f.scenario, overrides...)
	if err != nil {
		return nil, err
	}
	if err := f.canInject(s); err != nil {
		return nil, err
	}
	for s.Seed == 0 {
		s.Seed = rand.Int64N(1_000_000_000)
	}
	return s, nil
}

// canInject refuses a fault that the cluster cannot inject.
func (f *runFlags) canInject(s *scenario.Scenario) error {
	if f.cluster == simCluster {
		return nil
	}
	for _, name := range s.Kinds() {
		if k, err := nemesis.KindOf(name); err == nil && k.Simulated {
			return fmt.Errorf("%s: nemesis.%s: only the simulator can inject it yet: run it with --cluster sim", f.scenario, name)
		}
	}
	return nil
}

// again is the command that repeats the run.
func (f *runFlags) again(s *scenario.Scenario) string {
	words := []string{"bin/harness", "run", f.scenario, "--seed", fmt.Sprint(s.Seed)}
	if f.cluster == simCluster {
		words = append(words, "--cluster", f.cluster)
	}
	if f.bug != "" {
		words = append(words, "--bug", f.bug)
	}
	if f.timeLimit != 0 {
		words = append(words, "--time-limit", f.timeLimit.String())
	}
	if f.nodes != 0 {
		words = append(words, "--nodes", fmt.Sprint(f.nodes))
	}
	if f.stopFirst {
		words = append(words, "--stop-at-first-invalid")
	}
	for _, set := range f.set {
		words = append(words, "--set", quote(set))
	}
	return strings.Join(words, " ")
}

// quote makes a word safe to paste into a shell.
func quote(word string) string {
	if !strings.ContainsAny(word, " \t\n'\"\\$`*?[]{}()<>|&;#~!") {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
