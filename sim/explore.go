package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"partita/harness/scenario"
	"partita/harness/store"
	"partita/nemesis"
	"partita/sim/explore"
	"partita/sim/invariant"
	"partita/sim/machines"
)

// exploreFlags are the flags of sim explore.
type exploreFlags struct {
	explore.Search
	set      []string
	out      string
	coverage bool
	checks   []string
}

func exploreCommand(stdout io.Writer) *cobra.Command {
	var f exploreFlags
	cmd := &cobra.Command{
		Use:   "explore",
		Short: "run seeds, each a test drawn at random, until one fails",
		Args:  arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.resolve(); err != nil {
				return usageError{err}
			}
			return search(cmd, stdout, f)
		},
	}
	flags := cmd.Flags()
	flags.Int64Var(&f.First, "seed", 1, "the first seed")
	flags.IntVar(&f.Seeds, "seeds", 1000, "how many seeds; 0: until the time is over")
	flags.DurationVar(&f.Time, "time", 0, "end after this time; 0: when the seeds are done")
	flags.IntVar(&f.Workers, "workers", runtime.GOMAXPROCS(0), "seeds at once")
	flags.IntVar(&f.Failures, "failures", 1, "end after so many failing seeds; 0: never")
	flags.StringSliceVar(&f.Faults, "faults", nil, "draw from these kinds of faults alone, and each of them")
	flags.StringSliceVar(&f.checks, "checks", nil, "only these checks and rules make a seed fail")
	flags.StringArrayVar(&f.set, "set", nil, "path.to.key=value: a key of the scenario that is not drawn; may be repeated")
	flags.StringVar(&f.out, "out", "", "write what was found to this file, as JSON")
	flags.BoolVar(&f.coverage, "coverage", false, "print what was reached, and fail if anything never was")
	return cmd
}

// The limits of a search: seeds are counted up from the first.
const (
	maxWorkers = 1024
	maxSeed    = 1 << 62
)

// resolve checks what was asked for.
func (f *exploreFlags) resolve() error {
	if f.Seeds < 0 || f.Time < 0 || f.Seeds == 0 && f.Time == 0 {
		return fmt.Errorf("--seeds %d, --time %v: give a number of seeds, a time, or both", f.Seeds, f.Time)
	}
	if f.Workers < 1 || f.Workers > maxWorkers || f.Failures < 0 || f.First < 0 || f.First > maxSeed {
		return fmt.Errorf("--workers %d --failures %d --seed %d: allowed are 1 to %d, 0 or more, and 0 to %d", f.Workers, f.Failures, f.First, maxWorkers, int64(maxSeed))
	}
	for _, kind := range f.Faults {
		if _, err := nemesis.KindOf(kind); err != nil {
			return fmt.Errorf("--faults: %w", err)
		}
	}
	for _, set := range f.set {
		o, err := scenario.ParseSet(set)
		if err != nil {
			return err
		}
		f.Overrides = append(f.Overrides, o)
	}
	for _, check := range f.checks {
		if known := append(explore.Checks(), rules()...); !slices.Contains(known, check) {
			return fmt.Errorf("--checks: unknown check %q: allowed are %s", check, strings.Join(known, ", "))
		}
	}
	if _, err := explore.Draw(f.First, f.Options); err != nil {
		return err
	}
	f.Counts = func(v explore.Verdict) bool { return len(f.checks) == 0 || slices.Contains(f.checks, v.Check) }
	return nil
}

// rules lists the rules that are watched inside the cluster.
func rules() []string {
	var all []string
	for _, name := range invariant.Names() {
		all = append(all, string(name))
	}
	return all
}

// search runs the search and tells what it found.
func search(cmd *cobra.Command, stdout io.Writer, f exploreFlags) error {
	fmt.Fprintf(stdout, "seeds from %d, %d at once\n", f.First, f.Workers)
	show, done := ticker(stdout)
	found, err := explore.Run(cmd.Context(), f.Search, func(now *explore.Found) { show(line(now)) })
	done()
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, line(found))
	for _, failure := range found.Failures {
		fmt.Fprintf(stdout, "seed %d: %s: %s\n", failure.Seed, failure.Check, failure.Reason)
	}
	if len(found.Undecided) > 0 {
		fmt.Fprintf(stdout, "undecided: seeds %v\n", found.Undecided)
	}
	missed := []string(nil)
	if f.coverage {
		missed = cover(stdout, found)
	}
	if f.out != "" {
		if err := write(f.out, found); err != nil {
			return err
		}
	}
	switch {
	case len(found.Failures) > 0:
		return errFound
	case cmd.Context().Err() != nil:
		return fmt.Errorf("interrupted after %d seeds", found.Seeds)
	case len(missed) > 0 || len(found.Undecided) > 0:
		return errOpen
	}
	return nil
}

// line says how far a search is.
func line(f *explore.Found) string {
	text := fmt.Sprintf("%d seeds, %d failing, %d operations, %.0f simulated seconds in %.1f s", f.Seeds, len(f.Failures), f.Operations, f.Simulated.Seconds(), f.Took.Seconds())
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) == nil {
		cpu := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
		text += fmt.Sprintf(": %.0f for each second of a core", f.Simulated.Seconds()/max(cpu.Seconds(), 0.001))
	}
	return text
}

// cover prints what was reached and gives what never was.
func cover(w io.Writer, f *explore.Found) (missed []string) {
	for _, name := range machines.Counters() {
		fmt.Fprintf(w, "  %-32s %d\n", name, f.Coverage[name])
		if f.Coverage[name] == 0 {
			missed = append(missed, name)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(f.Asked)) {
		fmt.Fprintf(w, "  %-32s %d of %d evident\n", "fault "+kind, f.Evident[kind], f.Asked[kind])
		if f.Evident[kind] == 0 {
			missed = append(missed, "fault "+kind)
		}
	}
	if len(missed) > 0 {
		fmt.Fprintf(w, "never reached: %s\n", strings.Join(missed, ", "))
	}
	return missed
}

// write writes what --out holds.
func write(path string, found *explore.Found) error {
	r := store.Search{Seeds: found.Seeds, Seconds: found.Took.Seconds(), Failures: []store.FoundSeed{}, Undecided: found.Undecided}
	for _, f := range found.Failures {
		text, err := f.Scenario.YAML()
		if err != nil {
			return err
		}
		r.Failures = append(r.Failures, store.FoundSeed{
			Seed: f.Seed, Check: f.Check, Reason: f.Reason, Seeds: f.Seeds, Seconds: f.After.Seconds(), Scenario: string(text),
		})
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
