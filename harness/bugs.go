package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"partita/harness/catalogue"
	"partita/harness/checker"
	"partita/harness/store"
)

// trial is one run of a scenario, with a bug or without.
type trial struct {
	bug      *catalogue.Bug // nil: the unbroken build
	scenario string
	set      []string
	within   time.Duration
}

// outcome is what one run of a trial said.
type outcome struct {
	seed    int64
	results store.Results
	took    time.Duration
	caught  bool
	how     string
}

// enough is the share of seeds in which a bug has to be caught.
const enough = 0.8

// runBugs runs every bug under its scenario for some seeds, and the unbroken
// build once per distinct scenario, and prints the table. Its last line is the
// score.
func runBugs(ctx context.Context, out io.Writer, bugs []catalogue.Bug, seeds int, firstSeed int64, results string) error {
	exe, err := os.Executable()
	if err != nil {
		return broke(fmt.Errorf("finding this program: %w", err))
	}
	fmt.Fprintf(out, "%-30s %-20s %-8s %-10s %s\n", "bug", "scenario", "caught", "median", "how")
	caught, alarms := 0, 0
	for i := range bugs {
		t := trial{&bugs[i], bugs[i].Scenario, bugs[i].Set, bugs[i].Within}
		var all []outcome
		for seed := firstSeed; seed < firstSeed+int64(seeds); seed++ {
			o, err := t.run(ctx, exe, seed, results)
			if err != nil {
				return err
			}
			all = append(all, o)
		}
		n, median, how := summary(all)
		fmt.Fprintf(out, "%-30s %-20s %-8s %-10s %s\n", bugs[i].Slug, t.scenario, fmt.Sprintf("%d/%d", n, seeds), median.Round(time.Second), how)
		if float64(n) >= enough*float64(seeds) {
			caught++
		}
	}
	for _, t := range unbroken(bugs) {
		o, err := t.run(ctx, exe, firstSeed, results)
		if err != nil {
			return err
		}
		verdict := string(o.results.Verdict)
		if o.results.Verdict == checker.Invalid {
			alarms++
			verdict = "FALSE ALARM: " + o.results.Reason
		}
		fmt.Fprintf(out, "%-30s %-20s %-8s %-10s %s\n", "(none)", t.scenario, "-", o.took.Round(time.Second), verdict)
	}
	fmt.Fprintf(out, "%d of %d bugs caught in at least %.0f %% of %d seeds, %d false alarms\n", caught, len(bugs), 100*enough, seeds, alarms)
	if caught < len(bugs) || alarms > 0 {
		return &exitError{code: exitInvalid}
	}
	return nil
}

// unbroken lists each distinct scenario with its settings once.
func unbroken(bugs []catalogue.Bug) []trial {
	var all []trial
	seen := map[string]bool{}
	for _, b := range bugs {
		name := b.Scenario + " " + strings.Join(b.Set, " ")
		if !seen[name] {
			seen[name] = true
			all = append(all, trial{nil, b.Scenario, b.Set, b.Within})
		}
	}
	return all
}

// run executes one run as a child process, so that what breaks it breaks
// nothing else, and reads what it left.
func (t trial) run(ctx context.Context, exe string, seed int64, results string) (outcome, error) {
	name := "unbroken"
	if t.bug != nil {
		name = t.bug.Slug
	}
	dir := filepath.Join(results, name, t.scenario+"-"+strconv.FormatInt(seed, 10))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return outcome{}, broke(err)
	}
	args := []string{"run", t.scenario, "--seed", strconv.FormatInt(seed, 10), "--results", dir}
	if t.bug != nil {
		args = append(args, "--bug", t.bug.Slug, "--stop-at-first-invalid")
	}
	for _, s := range t.set {
		args = append(args, "--set", s)
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, t.within+30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	output, runErr := cmd.CombinedOutput()
	took := time.Since(began)
	text, err := os.ReadFile(filepath.Join(dir, "latest", "results.json"))
	if err != nil {
		return outcome{}, broke(fmt.Errorf("%s, seed %d: no results (%w): %w\n%s", name, seed, runErr, err, output))
	}
	o := outcome{seed: seed, took: took}
	if err := json.Unmarshal(text, &o.results); err != nil {
		return outcome{}, broke(fmt.Errorf("%s, seed %d: results.json: %w", name, seed, err))
	}
	if t.bug != nil {
		o.caught, o.how = caughtBy(*t.bug, o.results)
		o.caught = o.caught && took <= t.within
	}
	return o, nil
}

// caughtBy says whether the check that the bug's header names failed, or a
// node's own panic named the header's invariant.
func caughtBy(bug catalogue.Bug, r store.Results) (bool, string) {
	if c := r.Checks[bug.Check]; c.Verdict == checker.Invalid {
		return true, bug.Check
	}
	if c := r.Checks["crashes"]; bug.Invariant != "" && c.Verdict == checker.Invalid && strings.Contains(c.Reason, bug.Invariant) {
		return true, "panic: " + bug.Invariant
	}
	return false, string(r.Verdict) + ": " + r.Reason
}

// summary counts the catches and gives the median time to one, and the ways.
func summary(all []outcome) (n int, median time.Duration, how string) {
	var times []time.Duration
	ways := map[string]int{}
	for _, o := range all {
		if o.caught {
			n++
			times = append(times, o.took)
		}
		ways[o.how]++
	}
	if n > 0 {
		slices.Sort(times)
		median = times[n/2]
	}
	var parts []string
	for way, count := range ways {
		parts = append(parts, fmt.Sprintf("%s (%d)", way, count))
	}
	slices.Sort(parts)
	return n, median, strings.Join(parts, "; ")
}
