package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"partita/harness/scenario"
	"partita/harness/store"
)

// exploreFlags are the flags of harness explore that are not the simulator's.
type exploreFlags struct {
	bug     string
	results string
	keep    int
	plain   bool // neither faults nor keys were given
}

func exploreCommand(stdout io.Writer) *cobra.Command {
	var f exploreFlags
	var seed int64
	var seeds, failures, workers int
	var limit time.Duration
	var faults, set []string
	var coverage bool
	var x exhaustiveFlags
	cmd := &cobra.Command{
		Use:   "explore",
		Short: "run simulated tests drawn from seeds, on all cores, until one fails",
		Long: "Each seed draws a whole test: cluster size, settings, workload and faults. It runs in the simulator, which also watches the rules of Raft inside the cluster. " +
			"A seed that fails is run again into a folder of results, with a report, and can be shrunk. With --exhaustive nothing is left to chance.\n\nExit status: 0 no seed failed, 1 one did, 2 none did and not everything that was asked for was seen (a key undecided, something never reached, bounds not exhausted), 254 bad arguments, 255 it broke.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if x.on || x.all {
				for _, name := range []string{"seed", "seeds", "failures", "faults", "set", "coverage", "keep"} {
					if cmd.Flags().Changed(name) {
						return usage(fmt.Errorf("--%s: an exhaustive search draws nothing and has no use for it", name))
					}
				}
				if x.all && f.bug != "" {
					return usage(fmt.Errorf("--bug %s: --exhaustive-bugs takes every bug; --exhaustive takes one", f.bug))
				}
				x.bug, x.results, x.limit, x.workers = f.bug, f.results, limit, workers
				return x.run(cmd.Context(), stdout)
			}
			if len(x.bounds) > 0 {
				return usage(errors.New("--bounds: it belongs to --exhaustive"))
			}
			if f.keep < 0 || workers < 0 {
				return usage(fmt.Errorf("--keep %d --workers %d: neither may be negative", f.keep, workers))
			}
			if cmd.Flags().Changed("time") && !cmd.Flags().Changed("seeds") {
				seeds = 0
			}
			f.plain = len(faults)+len(set) == 0
			args := []string{
				"--seed", strconv.FormatInt(seed, 10), "--seeds", strconv.Itoa(seeds), "--time", limit.String(), "--failures", strconv.Itoa(failures),
			}
			if workers > 0 {
				args = append(args, "--workers", strconv.Itoa(workers))
			}
			for _, fault := range faults {
				args = append(args, "--faults", fault)
			}
			for _, s := range set {
				args = append(args, "--set", s)
			}
			if coverage {
				args = append(args, "--coverage")
			}
			return explore(cmd.Context(), stdout, f, args)
		},
	}
	flags := cmd.Flags()
	flags.Int64Var(&seed, "seed", 1, "the first seed; the others follow it")
	flags.IntVar(&seeds, "seeds", 1000, "how many seeds; 0, and the default where --time is given: until the time is over")
	flags.DurationVar(&limit, "time", 0, "end after this time; 0: when the seeds are done")
	flags.IntVar(&failures, "failures", 1, "end after so many failing seeds; 0: go on and collect them")
	flags.IntVar(&workers, "workers", 0, "seeds at once; 0: one a core")
	flags.StringSliceVar(&faults, "faults", nil, "only these kinds of faults, and each of them in every test")
	flags.StringArrayVar(&set, "set", nil, "path.to.key=value: a key of the scenario that is not drawn; may be repeated")
	flags.BoolVar(&coverage, "coverage", false, "print what was reached, and fail if anything never was")
	flags.StringVar(&f.bug, "bug", "", "put a bug of bugs/ back into the nodes")
	flags.StringVar(&f.results, "results", "results", "the folder that gets a folder for each failing seed")
	flags.BoolVar(&x.on, "exhaustive", false, "no chance: visit every state of three nodes within bounds, breadth first (with --bug, --bounds, --time for each, --workers)")
	flags.StringSliceVar(&x.bounds, "bounds", nil, "of an exhaustive search: these bounds alone; bin/sim exhaustive --list shows them")
	flags.BoolVar(&x.all, "exhaustive-bugs", false, "an exhaustive search, and then one for each bug whose header asks for it; writes the table that bugs --cluster sim prints")
	flags.IntVar(&f.keep, "keep", 10, "how many failing seeds are run again into a folder")
	return cmd
}

// explore lets the simulator search, and runs what failed again as any
// scenario is run.
func explore(ctx context.Context, out io.Writer, f exploreFlags, args []string) error {
	if f.bug != "" {
		_, bug, err := findBug(f.bug)
		if err != nil {
			return usage(fmt.Errorf("--bug: %w", err))
		}
		if f.plain && len(bug.Explore) > 0 {
			fmt.Fprintf(out, "drawn as bugs/%s.patch asks for: %s\n", f.bug, strings.Join(bug.Explore, ", "))
			args = append(args, searchFlags(bug)[2:]...)
		}
	}
	temp, done, err := tempFolder()
	if err != nil {
		return broke(err)
	}
	defer done()
	sim, err := findSimulator(ctx, f.bug, temp)
	if err != nil {
		return broke(err)
	}
	defer sim.done()
	file := filepath.Join(temp, "found.json")
	code, err := sim.run(ctx, out, append([]string{"explore", "--out", file}, args...)...)
	if code == exitUsage {
		return &exitError{code: exitUsage}
	}
	if err != nil && code != exitInvalid {
		return broke(err)
	}
	var all store.Search
	if err := readFound(file, &all); err != nil {
		return broke(err)
	}
	// What was found before an interruption is not lost by it.
	ctx = context.WithoutCancel(ctx)
	for i, one := range all.Failures {
		if i == f.keep {
			fmt.Fprintf(out, "%d more failing seeds are not run again (--keep)\n", len(all.Failures)-i)
			break
		}
		if err := runAgain(ctx, out, f, one); err != nil {
			return err
		}
	}
	if code != 0 {
		return &exitError{code: code}
	}
	return nil
}

func readFound(path string, into *store.Search) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// runAgain runs a failing seed into a folder of results. Its scenario stays in
// that folder.
func runAgain(ctx context.Context, out io.Writer, f exploreFlags, one store.FoundSeed) error {
	name := "seed-" + strconv.FormatInt(one.Seed, 10)
	s, err := scenario.Parse(name+".yaml", []byte(one.Scenario))
	if err != nil {
		return broke(fmt.Errorf("the scenario of %s: %w", name, err))
	}
	fmt.Fprintf(out, "\n%s again, into a folder:\n", name)
	flags := runFlags{cluster: simCluster, results: f.results, bug: f.bug}
	err = execute(ctx, out, flags, s)
	var e *exitError
	switch {
	case errors.As(err, &e) && e.code == exitInvalid:
		fmt.Fprintf(out, "make it small: bin/harness shrink %s\n", filepath.Join(typed(f.results), "latest"))
		return nil
	case errors.As(err, &e) && e.code == exitBroke:
		return err
	}
	return broke(fmt.Errorf("%s failed by %q and does not when it is run again: the simulator does not repeat itself", name, one.Check))
}
