package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"partita/harness/store"
)

// exhaustiveFlags are those of explore that ask for an exhaustive search.
type exhaustiveFlags struct {
	on, all bool
	bug     string
	bounds  []string
	results string
	limit   time.Duration // of each search
	workers int
}

// run searches the shipped core, or the one with the bug; or the shipped one
// and then each bug that a search has to find.
func (x exhaustiveFlags) run(ctx context.Context, out io.Writer) error {
	if !x.all {
		_, code, err := x.search(ctx, out, x.bug)
		if err != nil {
			return err
		}
		if code != 0 {
			return &exitError{code: code}
		}
		return nil
	}
	if _, code, err := x.search(ctx, out, ""); err != nil || code != 0 {
		if err == nil {
			err = &exitError{code: code}
		}
		return err
	}
	return x.everyBug(ctx, out)
}

// search runs one search into a folder of results.
func (x exhaustiveFlags) search(ctx context.Context, out io.Writer, slug string) ([]store.Exhausted, int, error) {
	name, title, bounds := "unbroken", "the shipped core", x.bounds
	command := "bin/harness explore --exhaustive"
	if slug != "" {
		_, bug, err := findBug(slug)
		if err != nil {
			return nil, 0, usage(fmt.Errorf("--bug: %w", err))
		}
		name, title, command = slug, "the core with "+slug, command+" --bug "+slug
		if len(bounds) == 0 && bug.Exhaustive != "" {
			bounds = []string{bug.Exhaustive}
		}
	}
	folder := filepath.Join(x.results, "exhaustive", name, time.Now().UTC().Format("20060102T150405.000Z"))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, 0, broke(err)
	}
	sim, err := findSimulator(ctx, slug, folder)
	if err != nil {
		return nil, 0, broke(err)
	}
	defer sim.done()
	args := []string{"exhaustive", "--out", folder, "--title", title, "--command", command, "--time", x.limit.String(), "--workers", strconv.Itoa(x.workers)}
	if len(bounds) > 0 {
		args = append(args, "--bounds", strings.Join(bounds, ","))
	}
	code, err := sim.run(ctx, out, args...)
	if err != nil {
		return nil, 0, broke(err)
	}
	if code == exitUsage {
		return nil, 0, &exitError{code: exitUsage}
	}
	var all []store.Exhausted
	text, err := os.ReadFile(filepath.Join(folder, "searches.json"))
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return nil, 0, broke(err)
	}
	if code == exitInvalid {
		fmt.Fprintf(out, "drawn: %s\n", filepath.Join(folder, "path.html"))
	}
	return all, code, nil
}

// everyBug searches for each bug whose header says within which bounds it is
// to be found, and writes the table of depths.
func (x exhaustiveFlags) everyBug(ctx context.Context, out io.Writer) error {
	_, bugs, err := loadBugs()
	if err != nil {
		return broke(err)
	}
	var table strings.Builder
	hash, dirty := commit(ctx)
	fmt.Fprintf(&table, "# of commit %s, with changes: %v\n", hash, dirty)
	table.WriteString("# bug\tactions\trule\tbounds\tdistinct states\tseconds\n")
	var missed []string
	looked := 0
	for _, b := range bugs {
		if b.Exhaustive == "" {
			continue
		}
		looked++
		all, _, err := x.search(ctx, io.Discard, b.Slug)
		if err != nil {
			return err
		}
		last := all[len(all)-1]
		if !slices.Contains(b.Simulated, last.Violation) {
			missed = append(missed, b.Slug)
			fmt.Fprintf(out, "%-30s NOT FOUND within %s: %s %s\n", b.Slug, last.Bounds, last.Stop, last.Violation)
			continue
		}
		fmt.Fprintf(out, "%-30s %2d actions  %-26s within %-12s %9d distinct states, %.1f s\n", b.Slug, last.Actions, last.Violation, last.Bounds, last.Distinct, last.Seconds)
		fmt.Fprintf(&table, "%s\t%d\t%s\t%s\t%d\t%.1f\n", b.Slug, last.Actions, last.Violation, last.Bounds, last.Distinct, last.Seconds)
	}
	path := filepath.Join(x.results, "exhaustive", depthsFile)
	if err := os.WriteFile(path, []byte(table.String()), 0o644); err != nil {
		return broke(err)
	}
	fmt.Fprintf(out, "%d of %d bugs found, table in %s\n", looked-len(missed), looked, path)
	if len(missed) > 0 {
		return &exitError{code: exitInvalid}
	}
	return nil
}

// depthsFile is the table of how deep the exhaustive search found which bug.
const depthsFile = "depths.tsv"
