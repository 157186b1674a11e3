package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"partita/harness/report"
	"partita/harness/store"
	"partita/harness/trace"
	"partita/sim/exhaustive"
)

// exitOpen is the exit status of a search that ended before it had seen all
// that was asked for: every state within its bounds, or everything counted.
const exitOpen = 2

// errOpen says so; it has been told.
var errOpen = errors.New("not all was seen")

// exhaustiveFlags are the flags of sim exhaustive.
type exhaustiveFlags struct {
	bounds  []string
	list    bool
	workers int
	limit   time.Duration
	states  int
	folder  string
	title   string
	command string
}

func exhaustiveCommand(stdout io.Writer) *cobra.Command {
	var f exhaustiveFlags
	cmd := &cobra.Command{
		Use:   "exhaustive",
		Short: "visit every state of three nodes within bounds, breadth first",
		Args:  arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.list {
				listBounds(stdout)
				return nil
			}
			presets, err := f.presets()
			if err != nil {
				return usageError{err}
			}
			return exhaust(cmd, stdout, f, presets)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.bounds, "bounds", nil, "only within these bounds")
	flags.BoolVar(&f.list, "list", false, "list the bounds there are")
	flags.IntVar(&f.workers, "workers", 0, "how many share the search; 0: one a core")
	flags.DurationVar(&f.limit, "time", 0, "end a search after this time; 0: as its bounds say")
	flags.IntVar(&f.states, "states", 0, "end a search after so many distinct states; 0: as its bounds say")
	flags.StringVar(&f.folder, "out", "", "write what was found, and the path to a violation, into this folder")
	flags.StringVar(&f.title, "title", "the shipped core", "what is searched, for the page")
	flags.StringVar(&f.command, "command", "", "what finds it again, for the page")
	return cmd
}

func listBounds(w io.Writer) {
	for _, p := range exhaustive.Presets() {
		fmt.Fprintf(w, "%-12s %s\n%-12s %s\n", p.Name, p.Why, "", p.Options)
	}
}

func (f *exhaustiveFlags) presets() ([]exhaustive.Preset, error) {
	presets := exhaustive.Presets()
	if len(f.bounds) > 0 {
		presets = nil
		for _, name := range f.bounds {
			p, err := exhaustive.FindPreset(name)
			if err != nil {
				return nil, fmt.Errorf("--bounds: %w", err)
			}
			presets = append(presets, p)
		}
	}
	if f.limit < 0 || f.states < 0 || f.workers < 0 {
		return nil, fmt.Errorf("--time %v --states %d --workers %d: none may be negative", f.limit, f.states, f.workers)
	}
	for i := range presets {
		o := &presets[i].Options
		o.Workers = f.workers
		if f.limit > 0 {
			o.Time = f.limit
		}
		if f.states > 0 {
			o.States = f.states
		}
		if err := o.Validate(); err != nil {
			return nil, err
		}
	}
	return presets, nil
}

// exhaust searches within one set of bounds after the other, until a rule is
// broken.
func exhaust(cmd *cobra.Command, out io.Writer, f exhaustiveFlags, presets []exhaustive.Preset) error {
	var all []store.Exhausted
	open := false
	for _, p := range presets {
		fmt.Fprintf(out, "\n%s: %s\n", p.Name, p.Why)
		r, err := exhaustive.Run(cmd.Context(), p.Options, out)
		if err != nil {
			return err
		}
		one := store.Exhausted{Bounds: p.Name, Stop: string(r.Stop), Depth: r.Depth(), Distinct: r.Distinct, States: r.States, Seconds: r.Elapsed.Seconds()}
		if r.Violation != nil {
			one.Violation, one.Actions = string(r.Violation.Name), r.Actions
		}
		all = append(all, one)
		if err := f.keep(all, p, r); err != nil {
			return err
		}
		switch r.Stop {
		case exhaustive.Violated:
			return errFound
		case exhaustive.Exhausted, exhaustive.AtDepth:
		default:
			open = true
		}
		if err := cmd.Context().Err(); err != nil {
			return err
		}
	}
	distinct, seconds := 0, 0.0
	for _, s := range all {
		distinct, seconds = distinct+s.Distinct, seconds+s.Seconds
	}
	fmt.Fprintf(out, "\n%d sets of bounds, no violation: %d distinct states in %.0f s, %.0f distinct/s\n", len(all), distinct, seconds, float64(distinct)/seconds)
	if open {
		return errOpen
	}
	return nil
}

// keep writes what was found so far, and the path to a violation.
func (f *exhaustiveFlags) keep(all []store.Exhausted, p exhaustive.Preset, r exhaustive.Result) error {
	if f.folder == "" {
		return nil
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(f.folder, "searches.json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	if r.Violation == nil {
		return nil
	}
	return errors.Join(
		f.create("trace.jsonl", func(w io.Writer) error { return trace.Write(w, r.Path) }),
		f.create("path.html", func(w io.Writer) error {
			return report.WritePath(w, report.Path{
				Title: fmt.Sprintf("%s, bounds %s", f.title, p.Name),
				Words: []string{
					strings.ToUpper(string(r.Violation.Name[:1])) + string(r.Violation.Name[1:]) + " is broken: " + r.Violation.Text + ".",
					fmt.Sprintf("No shorter way leads there: every state that fewer than %d actions reach was visited (%d distinct ones). Within these bounds: %s.", r.Actions, r.Distinct, p.Options),
				},
				Command: f.command, Steps: r.Path,
			})
		}))
}

// create writes one file of the folder.
func (f *exhaustiveFlags) create(name string, write func(io.Writer) error) error {
	file, err := os.Create(filepath.Join(f.folder, name))
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}
