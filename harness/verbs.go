package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"partita/docker"
	"partita/harness/catalogue"
	"partita/harness/checker"
	"partita/harness/scenario"
	"partita/harness/scenarios"
	"partita/harness/store"
	"partita/nemesis"
	"partita/workloads"
)

func checkCommand(stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "check RUN",
		Short: "judge a recorded run again, without Docker",
		Long:  "Judges the folder of a recorded run (results/latest, say) again, also one whose harness was killed, and writes results.json and report.html anew.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			run, err := store.Open(args[0])
			if err != nil {
				return usage(err)
			}
			defer run.Close()
			j, err := judgeFolder(cmd.Context(), run)
			if err != nil {
				return broke(errors.Join(err, distrust(run, err)))
			}
			if err := run.WriteResults(j.results); err != nil {
				return broke(err)
			}
			if err := writeReport(cmd.Context(), run, j); err != nil {
				return broke(err)
			}
			tell(stdout, run, j.results)
			if code := exitOf(j.results.Verdict); code != exitValid {
				return &exitError{code: code}
			}
			return nil
		},
	}
}

// distrust takes back the verdict of a record that cannot be read any more:
// who looks at results.json alone must not find the old one.
func distrust(run *store.Run, why error) error {
	results, err := run.ReadResults()
	if err != nil {
		return nil // there is no verdict to take back
	}
	results.Verdict, results.Reason = checker.Unknown, "the record cannot be judged: "+firstLine(why)
	return run.WriteResults(results)
}

func reportCommand(stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "report RUN",
		Short: "write a recorded run's report.html again",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			run, err := store.Open(args[0])
			if err != nil {
				return usage(err)
			}
			defer run.Close()
			j, err := judgeFolder(cmd.Context(), run)
			if err != nil {
				return broke(err)
			}
			if err := writeReport(cmd.Context(), run, j); err != nil {
				return broke(err)
			}
			fmt.Fprintln(stdout, run.Path(store.ReportFile))
			return nil
		},
	}
}

func listCommand(stdout io.Writer) *cobra.Command {
	var results string
	cmd := &cobra.Command{
		Use:       "list [runs|scenarios|nemeses|workloads|bugs]",
		Short:     "list recorded runs, or what ships",
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"runs", "scenarios", "nemeses", "workloads", "bugs"},
		RunE: func(_ *cobra.Command, args []string) error {
			what := "runs"
			if len(args) == 1 {
				what = args[0]
			}
			switch what {
			case "scenarios":
				return listScenarios(stdout)
			case "nemeses":
				for _, k := range nemesis.Kinds() {
					only := ""
					if k.Simulated {
						only = " (--cluster sim)"
					}
					fmt.Fprintf(stdout, "%-12s %s%s\n", k.Name, k.Description, only)
				}
			case "workloads":
				for _, w := range workloads.All() {
					fmt.Fprintf(stdout, "%-12s %s\n", w.Name, w.Description)
				}
			case "bugs":
				return listBugs(stdout)
			default:
				return listRuns(stdout, results)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&results, "results", "results", "the folder of the runs")
	return cmd
}

func listScenarios(out io.Writer) error {
	for _, name := range scenarios.Names() {
		s, err := scenario.Load(name)
		if err != nil {
			return broke(err)
		}
		fmt.Fprintf(out, "%-22s %s\n", name, s.Description)
	}
	return nil
}

func listBugs(out io.Writer) error {
	_, bugs, err := loadBugs()
	if err != nil {
		return broke(err)
	}
	for _, b := range bugs {
		fmt.Fprintf(out, "%-30s %-20s %s\n", b.Slug, cmp.Or(b.Scenario, "-"), b.Breaks)
		if len(b.Simulated) > 0 {
			fmt.Fprintf(out, "%-30s %-20s simulated: %s\n", "", "", strings.Join(b.Simulated, ", "))
		}
	}
	return nil
}

func listRuns(out io.Writer, results string) error {
	all, err := store.List(results)
	if err != nil {
		return broke(err)
	}
	if len(all) == 0 {
		fmt.Fprintf(out, "no runs in %s (choose another folder with --results)\n", results)
	}
	for _, r := range all {
		verdict := string(r.Results.Verdict)
		if r.Live {
			verdict = "running"
		}
		name := r.Results.Scenario
		if r.Results.Bug != "" {
			name += " --bug " + r.Results.Bug
		}
		fmt.Fprintf(out, "%-9s %-32s %8d ops  %s\n", verdict, name, r.Results.Operations.Total, r.Dir)
	}
	return nil
}

// loadBugs reads the catalogue of the sources.
func loadBugs() (root string, bugs []catalogue.Bug, err error) {
	if root, err = sources(); err != nil {
		return "", nil, err
	}
	bugs, err = catalogue.Load(filepath.Join(root, "bugs"))
	return root, bugs, err
}

func findBug(slug string) (string, catalogue.Bug, error) {
	root, bugs, err := loadBugs()
	if err != nil {
		return "", catalogue.Bug{}, err
	}
	bug, err := catalogue.Find(bugs, slug)
	return root, bug, err
}

func bugsCommand(stdout io.Writer) *cobra.Command {
	var slugs, results, where, table string
	var seeds int
	var first int64
	cmd := &cobra.Command{
		Use:   "bugs",
		Short: "see whether every bug of the catalogue is caught, and the unbroken build raises no alarm",
		Long: "On docker, every bug that has a scenario runs under it for some seeds. In the simulator (--cluster sim) every bug is searched for, on one core, from several first seeds; " +
			"it is caught when a check or a rule that its header names fails.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, bugs, err := loadBugs()
			if err != nil {
				return broke(err)
			}
			if seeds < 1 || first < 1 {
				return usage(fmt.Errorf("--seeds %d --first-seed %d: both must be at least 1", seeds, first))
			}
			switch where {
			case dockerCluster:
				if bugs, err = chosen(bugs, slugs, catalogue.Bug.OnDocker); err != nil {
					return usage(err)
				}
				return runBugs(cmd.Context(), stdout, bugs, seeds, first, results)
			case simCluster:
				if bugs, err = chosen(bugs, slugs, func(catalogue.Bug) bool { return true }); err != nil {
					return usage(err)
				}
				return runBugsSim(cmd.Context(), stdout, bugs, seeds, first, table)
			}
			return usage(fmt.Errorf("--cluster %s: allowed are docker and sim", where))
		},
	}
	cmd.Flags().StringVar(&where, "cluster", dockerCluster, "where they have to be caught: docker, or sim")
	cmd.Flags().StringVar(&slugs, "bugs", "", "only these, as in a,b")
	cmd.Flags().IntVar(&seeds, "seeds", 5, "how many seeds each; in the simulator, how many searches")
	cmd.Flags().Int64Var(&first, "first-seed", 1, "the first seed; the others follow it")
	cmd.Flags().StringVar(&results, "results", filepath.Join("results", "bugs"), "the folder that gets the runs on docker")
	cmd.Flags().StringVar(&table, "depths", filepath.Join("results", "exhaustive", depthsFile), "what make explore-exhaustive found, for the table")
	return cmd
}

// chosen picks the bugs that a cluster has to catch: all of them, or those that
// are named, as in a,b.
func chosen(bugs []catalogue.Bug, slugs string, wanted func(catalogue.Bug) bool) ([]catalogue.Bug, error) {
	if slugs == "" {
		return slices.DeleteFunc(bugs, func(b catalogue.Bug) bool { return !wanted(b) }), nil
	}
	var picked []catalogue.Bug
	for slug := range strings.SplitSeq(slugs, ",") {
		b, err := catalogue.Find(bugs, slug)
		if err != nil {
			return nil, fmt.Errorf("--bugs: %w", err)
		}
		if !wanted(b) {
			return nil, fmt.Errorf("--bugs: no scenario has to catch %s: it is for the simulator alone", slug)
		}
		if slices.ContainsFunc(picked, func(p catalogue.Bug) bool { return p.Slug == slug }) {
			return nil, fmt.Errorf("--bugs: %s is named twice", slug)
		}
		picked = append(picked, b)
	}
	return picked, nil
}

func doctorCommand(stdout io.Writer) *cobra.Command {
	var build, printImage bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "say what this machine lacks for runs, and how to get it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if build {
				if _, err := docker.EnsureImage(cmd.Context(), stdout); err != nil {
					return broke(err)
				}
			}
			if printImage {
				fmt.Fprintln(stdout, docker.ImageRef())
				return nil
			}
			lacking := 0
			for _, f := range docker.Doctor(cmd.Context()) {
				mark := "ok"
				if !f.OK {
					mark = "LACKS"
					lacking++
				}
				fmt.Fprintf(stdout, "%-6s %-10s %s\n", mark, f.Name, f.Detail)
				if !f.OK {
					fmt.Fprintf(stdout, "       %-10s remedy: %s\n", "", f.Remedy)
				}
			}
			if lacking > 0 {
				return &exitError{code: exitBroke}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&build, "build-image", false, "make the base image first if it is missing")
	cmd.Flags().BoolVar(&printImage, "print-image", false, "print the base image's name and nothing else")
	return cmd
}

func cleanCommand(stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "clean",
		Short: "remove the containers, networks, volumes and builds that dead runs left; live runs are spared",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			builds, err := sweepTemp()
			if err != nil {
				return broke(err)
			}
			for _, dir := range builds {
				fmt.Fprintf(stdout, "removed %s\n", dir)
			}
			swept, err := docker.Sweep(cmd.Context())
			for _, id := range swept {
				fmt.Fprintf(stdout, "removed what run %s left\n", id)
			}
			if err != nil {
				return broke(err)
			}
			if len(swept)+len(builds) == 0 {
				fmt.Fprintln(stdout, "nothing to remove")
			}
			return nil
		},
	}
}

// tell says what came of a run.
func tell(out io.Writer, run *store.Run, r store.Results) {
	o := r.Operations
	fmt.Fprintf(out, "%d operations: %d ok, %d fail, %d info\n", o.Total, o.OK, o.Fail, o.Info)
	if s := r.Checks["exactly-once"].Sessions; s != nil {
		fmt.Fprintf(out, "sessions: %s\n", s)
	}
	for _, kind := range sortedKeys(r.Faults) {
		f := r.Faults[kind]
		shapes := ""
		if len(f.Shapes) > 0 {
			shapes = " (" + strings.Join(sortedKeys(f.Shapes), ", ") + ")"
		}
		fmt.Fprintf(out, "%s: %d asked, %d evident%s\n", kind, f.Asked, f.Evident, shapes)
	}
	for _, name := range sortedKeys(r.Checks) {
		c := r.Checks[name]
		fmt.Fprintf(out, "  %-14s %-8s %s\n", name, c.Verdict, c.Reason)
	}
	fmt.Fprintf(out, "setup %.1f s, run %.1f s, check %.1f s, teardown %.1f s\n", r.Durations.Setup, r.Durations.Run, r.Durations.Check, r.Durations.Teardown)
	fmt.Fprintf(out, "seed %d  verdict %s", r.Seed, strings.ToUpper(string(r.Verdict)))
	if r.Reason != "" {
		fmt.Fprintf(out, ": %s", r.Reason)
	}
	fmt.Fprintf(out, "\nreport %s\n", typed(run.Path(store.ReportFile)))
}
