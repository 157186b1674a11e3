package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"partita/harness/mutant"
	"partita/harness/store"
)

// mutateFlags are the flags of harness mutate.
type mutateFlags struct {
	pkg     string
	tests   []string // folders of the packages whose tests are to notice
	file    string
	limit   int
	seed    uint64
	explore time.Duration
	workers int
	results string
	fresh   bool
	list    bool
}

func mutateCommand(stdout io.Writer) *cobra.Command {
	var f mutateFlags
	cmd := &cobra.Command{
		Use:   "mutate",
		Short: "change one condition of the Raft at a time, and see whether anything notices",
		Long: "Negates conditions, shifts comparisons, puts \"or\" for \"and\" and leaves out added ones, one at a time, in copies of the sources. " +
			"Each such mutant that compiles has to make the package's tests fail, or else a search of the simulator. What became of each goes to a file of --results as soon as it is known; " +
			"called again, with the same sources, the command goes on from there. Mutants that the package lists in " + mutant.EquivalentFile + " are left out.\n\n" +
			"Exit status: 0 every mutant was noticed, 1 some were not, 254 bad arguments, 255 it broke.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.limit < 0 || f.workers < 1 || f.explore < 0 {
				return usage(fmt.Errorf("--limit %d --workers %d --explore %v: at least 0, 1 and 0 are allowed", f.limit, f.workers, f.explore))
			}
			f.pkg = filepath.ToSlash(filepath.Clean(f.pkg))
			if len(f.tests) == 0 {
				f.tests = []string{f.pkg}
			}
			return mutate(cmd.Context(), stdout, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.pkg, "package", "raft/core", "the folder of the package that is changed")
	flags.StringSliceVar(&f.tests, "tests", nil, "the folders of the packages whose tests are run, in this order (default: the package's own)")
	flags.StringVar(&f.file, "file", "", "only mutants of this file, as in log.go")
	flags.IntVar(&f.limit, "limit", 0, "only so many mutants; 0: all")
	flags.Uint64Var(&f.seed, "seed", 0, "draw those of --limit at random from this seed; 0: take the first")
	flags.DurationVar(&f.explore, "explore", time.Minute, "how long the simulator searches, on one core, for a mutant that the tests did not notice; 0: not at all")
	flags.IntVar(&f.workers, "workers", runtime.GOMAXPROCS(0), "mutants at once")
	flags.StringVar(&f.results, "results", filepath.Join("results", "mutate"), "the folder of what became of them")
	flags.BoolVar(&f.fresh, "fresh", false, "begin anew, whatever is known")
	flags.BoolVar(&f.list, "list", false, "list the mutants and end")
	return cmd
}

// mutate tries the mutants that were asked for, and reports.
func mutate(ctx context.Context, out io.Writer, f mutateFlags) error {
	root, err := sources()
	if err != nil {
		return broke(err)
	}
	every, err := mutant.Find(root, f.pkg)
	if err != nil {
		return usage(fmt.Errorf("--package: %w", err))
	}
	equivalent, err := mutant.Equivalent(root, f.pkg, every)
	if err != nil {
		return broke(err)
	}
	chosen, err := f.choose(every, equivalent)
	if err != nil {
		return usage(err)
	}
	if f.list {
		for _, m := range chosen {
			fmt.Fprintf(out, "%s:%d:%d\t%s\t%s\n", m.File, m.Line, m.Column, m.Kind, m.Name())
		}
		return nil
	}
	path, err := f.record(root)
	if err != nil {
		return broke(err)
	}
	known, lines, err := store.OpenMutations(path)
	if err != nil {
		return broke(err)
	}
	defer lines.Close()
	if err := try(ctx, out, f, root, chosen, known, lines); err != nil {
		return broke(err)
	}
	fmt.Fprintf(out, "\n%s\n", typed(path))
	if tellMutants(out, f.pkg, chosen, known, len(equivalent)) > 0 {
		return &exitError{code: exitInvalid}
	}
	return nil
}

// choose picks the mutants that were asked for, in order.
func (f mutateFlags) choose(every []mutant.Mutant, equivalent map[string]string) ([]mutant.Mutant, error) {
	chosen := slices.DeleteFunc(slices.Clone(every), func(m mutant.Mutant) bool {
		return equivalent[m.Name()] != "" || f.file != "" && filepath.Base(m.File) != f.file
	})
	if len(chosen) == 0 {
		return nil, fmt.Errorf("--file %s: %s has no such file with anything to change", f.file, f.pkg)
	}
	if f.limit == 0 || f.limit >= len(chosen) {
		return chosen, nil
	}
	picked := make([]int, len(chosen))
	for i := range picked {
		picked[i] = i
	}
	if f.seed != 0 {
		rand.New(rand.NewPCG(f.seed, 0)).Shuffle(len(picked), func(i, j int) { picked[i], picked[j] = picked[j], picked[i] })
	}
	picked = slices.Sorted(slices.Values(picked[:f.limit]))
	var some []mutant.Mutant
	for _, i := range picked {
		some = append(some, chosen[i])
	}
	return some, nil
}

// record names the file of what is known of these sources and these tests. What
// else the simulator is made of is not part of it: --fresh is for that.
func (f mutateFlags) record(root string) (string, error) {
	hash := sha256.New()
	for _, pkg := range slices.Compact(append([]string{f.pkg}, f.tests...)) {
		err := filepath.WalkDir(filepath.Join(root, pkg), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.ToSlash(path) == filepath.ToSlash(filepath.Join(root, f.pkg, mutant.EquivalentFile)) {
				return err
			}
			text, err := os.ReadFile(path)
			fmt.Fprintf(hash, "%s %d\n%s", path[len(root):], len(text), text)
			return err
		})
		if err != nil {
			return "", fmt.Errorf("the sources: %w", err)
		}
	}
	name := fmt.Sprintf("%s-%x.jsonl", strings.ReplaceAll(f.pkg, "/", "-"), hash.Sum(nil)[:4])
	path := filepath.Join(f.results, name)
	if f.fresh {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	return path, nil
}

// tellMutants prints the score and the survivors, and gives their number.
func tellMutants(out io.Writer, pkg string, chosen []mutant.Mutant, known map[string]store.Mutation, equivalent int) int {
	count, survivors := map[string]int{}, []mutant.Mutant(nil)
	for _, m := range chosen {
		outcome := known[m.Name()].Outcome
		if count[outcome]++; outcome == store.Unnoticed {
			survivors = append(survivors, m)
		}
	}
	for _, m := range survivors {
		fmt.Fprintf(out, "\nNOT NOTICED %s:%d:%d in %s (%s)\n  - %s\n  + %s\n", m.File, m.Line, m.Column, m.Function, m.Kind, m.Before, m.After)
	}
	compiled := len(chosen) - count[store.Uncompiled]
	fmt.Fprintf(out, "\n%s: %d mutants, and %d that do not compile; %d are known to be equivalent and left out\n", pkg, compiled, count[store.Uncompiled], equivalent)
	noticed := count[store.ByTests] + count[store.BySimulator]
	fmt.Fprintf(out, "noticed: %d of %d, %.1f %% (%d by tests, %d by the simulator)\n",
		noticed, compiled, 100*float64(noticed)/float64(max(1, compiled)), count[store.ByTests], count[store.BySimulator])
	return len(survivors)
}
