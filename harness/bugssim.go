package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"partita/harness/catalogue"
	"partita/harness/store"
)

// enoughSimulated is the share of the bugs that the simulator has to catch.
const enoughSimulated = 0.95

// The limits of one search for a bug. Searches run side by side, each on one
// core.
const (
	searchTime   = time.Minute
	seedsApart   = 1_000_000 // between the first seeds of two searches for a bug
	unbrokenTime = time.Minute
	stormTime    = 10 * time.Second // of the unbroken build under what one header asks for
)

// hunt is the searches for one bug.
type hunt struct {
	bug     catalogue.Bug
	catches []store.FoundSeed // one a search that caught it
	other   string            // what failed instead, if anything
	err     error
}

// runBugsSim searches for every bug in the simulator, from several first seeds
// each, then runs the unbroken build, and prints the table. Its last line is the
// score.
func runBugsSim(ctx context.Context, out io.Writer, bugs []catalogue.Bug, searches int, firstSeed int64, table string) error {
	depths, err := readDepths(table)
	if err != nil {
		return broke(err)
	}
	temp, done, err := tempFolder()
	if err != nil {
		return broke(err)
	}
	defer done()
	fmt.Fprintf(out, "%-30s %-8s %-22s %-20s %-12s %s\n", "bug", "caught", "seeds (median, worst)", "s (median, worst)", "exhaustive", "by")
	caught, missed := 0, []string(nil)
	var medians []float64
	for _, h := range huntAll(ctx, bugs, searches, firstSeed, temp, func(h *hunt) {
		fmt.Fprintln(out, h.row(searches, depths))
	}) {
		if h.err != nil {
			return broke(fmt.Errorf("%s: %w", h.bug.Slug, h.err))
		}
		medians = append(medians, median(h.seconds(searches)))
		if len(h.catches) == searches {
			caught++
		} else {
			missed = append(missed, h.bug.Slug)
		}
	}
	alarms, err := unbrokenSearches(ctx, out, bugs, firstSeed, temp)
	if err != nil {
		return broke(err)
	}
	if len(missed) > 0 {
		fmt.Fprintf(out, "not caught in every search: %s\n", strings.Join(missed, ", "))
	}
	fmt.Fprintf(out, "%d of %d bugs caught in each of %d searches, median %.1f s on one core, %d false alarms\n", caught, len(bugs), searches, median(medians), alarms)
	if float64(caught) < enoughSimulated*float64(len(bugs)) || alarms > 0 {
		return &exitError{code: exitInvalid}
	}
	return nil
}

// huntAll searches for every bug, as many at once as there are cores. Done is
// told in the order of the bugs.
func huntAll(ctx context.Context, bugs []catalogue.Bug, searches int, firstSeed int64, temp string, done func(*hunt)) []*hunt {
	all := make([]*hunt, len(bugs))
	ready := make([]chan struct{}, len(bugs))
	for i := range bugs {
		all[i], ready[i] = &hunt{bug: bugs[i]}, make(chan struct{})
	}
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				all[i].err = all[i].run(ctx, searches, firstSeed, temp)
				close(ready[i])
			}
		})
	}
	workers.Go(func() {
		defer close(next)
		for i := range bugs {
			next <- i
		}
	})
	for i, h := range all {
		<-ready[i]
		if h.err == nil {
			done(h)
		}
	}
	workers.Wait()
	return all
}

// run builds the simulator with the bug and searches.
func (h *hunt) run(ctx context.Context, searches int, firstSeed int64, temp string) error {
	folder := filepath.Join(temp, h.bug.Slug)
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if len(h.bug.Simulated) == 0 {
		return nil // nothing that failed would be a catch
	}
	sim, err := findSimulator(ctx, h.bug.Slug, folder)
	if err != nil {
		return err
	}
	for i := range searches {
		one, err := search(ctx, sim, folder, firstSeed+int64(i)*seedsApart, searchTime, searchFlags(h.bug)...)
		if err != nil {
			return err
		}
		if len(one.Failures) == 0 {
			continue
		}
		h.catches = append(h.catches, one.Failures[0])
	}
	if len(h.catches) < searches {
		one, err := search(ctx, sim, folder, firstSeed, searchTime/6, searchFlags(h.bug)[2:]...)
		if err != nil {
			return err
		}
		if len(one.Failures) > 0 {
			h.other = one.Failures[0].Check
		}
	}
	return nil
}

// searchFlags are what the bug's header asks for.
func searchFlags(b catalogue.Bug) []string {
	flags := []string{"--checks", strings.Join(b.Simulated, ",")}
	for _, e := range b.Explore {
		if kinds, ok := strings.CutPrefix(e, "faults="); ok {
			flags = append(flags, "--faults", kinds)
		} else {
			flags = append(flags, "--set", e)
		}
	}
	return flags
}

// search runs one search on one core, until a seed fails or the time is over.
func search(ctx context.Context, sim simulator, folder string, firstSeed int64, limit time.Duration, flags ...string) (store.Search, error) {
	var one store.Search
	file := filepath.Join(folder, "found.json")
	var said bytes.Buffer
	args := append([]string{"explore", "--out", file, "--seed", strconv.FormatInt(firstSeed, 10), "--seeds", "0", "--time", limit.String(), "--workers", "1"}, flags...)
	code, err := sim.run(ctx, &said, args...)
	if err == nil && code > exitUnknown {
		err = fmt.Errorf("the simulator ended with exit status %d", code)
	}
	if err != nil {
		return one, fmt.Errorf("%w\n%s", err, said.Bytes())
	}
	return one, readFound(file, &one)
}

// unbrokenSearches searches in the unbroken build, as a search without a bug
// does and then under everything that a header asks for, and counts the alarms.
func unbrokenSearches(ctx context.Context, out io.Writer, bugs []catalogue.Bug, firstSeed int64, temp string) (int, error) {
	sim, err := findSimulator(ctx, "", temp)
	if err != nil {
		return 0, err
	}
	alarms, asked := 0, map[string]bool{}
	for _, b := range append([]catalogue.Bug{{}}, bugs...) {
		what, limit := strings.Join(b.Explore, " "), stormTime
		if asked[what] {
			continue
		}
		if asked[what] = true; what == "" {
			limit = unbrokenTime
		}
		flags := append([]string{"--failures", "0", "--workers", strconv.Itoa(runtime.GOMAXPROCS(0))}, searchFlags(b)[2:]...)
		one, err := search(ctx, sim, temp, firstSeed, limit, flags...)
		if err != nil {
			return 0, err
		}
		fmt.Fprintf(out, "%-30s %-8s %d seeds in %.0f s, %d undecided\n", "(no bug) "+of(b), "-", one.Seeds, one.Seconds, len(one.Undecided))
		for _, f := range one.Failures {
			fmt.Fprintf(out, "FALSE ALARM: seed %d: %s: %s\n", f.Seed, f.Check, f.Reason)
		}
		alarms += len(one.Failures)
	}
	return alarms, nil
}

// of says whose settings a search without a bug has.
func of(b catalogue.Bug) string {
	if b.Slug == "" {
		return ""
	}
	return "as for " + b.Slug
}

// row is a bug's line of the table.
func (h *hunt) row(searches int, depths map[string]string) string {
	seeds, seconds := []float64(nil), h.seconds(searches)
	by := []string(nil)
	for _, c := range h.catches {
		seeds = append(seeds, float64(c.Seeds))
		if !slices.Contains(by, c.Check) {
			by = append(by, c.Check)
		}
	}
	slices.Sort(by)
	how := strings.Join(by, ", ")
	if len(h.catches) < searches {
		switch {
		case len(h.bug.Simulated) == 0:
			how = "the simulator cannot: see its story"
		case h.other != "":
			how += " (MISSED; failed instead: " + h.other + ")"
		default:
			how += " (MISSED)"
		}
	}
	n, t := "-", "-"
	if len(h.catches) > 0 {
		n = fmt.Sprintf("%.0f, %.0f", median(seeds), slices.Max(seeds))
		t = fmt.Sprintf("%.1f, %.1f", median(seconds), slices.Max(seconds))
	}
	depth := depths[h.bug.Slug]
	if depth == "" {
		depth = "-"
	}
	return fmt.Sprintf("%-30s %-8s %-22s %-20s %-12s %s", h.bug.Slug, fmt.Sprintf("%d/%d", len(h.catches), searches), n, t, depth, how)
}

// seconds are the times to a catch; a search that caught nothing took all it
// was given.
func (h *hunt) seconds(searches int) []float64 {
	var all []float64
	for _, c := range h.catches {
		all = append(all, c.Seconds)
	}
	for len(all) < searches {
		all = append(all, searchTime.Seconds())
	}
	return all
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// readDepths reads the table that the exhaustive search leaves: how deep it
// found which bug. A table that is not there says nothing.
func readDepths(path string) (map[string]string, error) {
	depths := map[string]string{}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return depths, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		if slug, depth, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && !strings.HasPrefix(slug, "#") {
			depths[slug], _, _ = strings.Cut(depth, "\t")
		}
	}
	return depths, nil
}
