package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"partita/docker"
	"partita/harness/checker"
	"partita/harness/cluster"
	"partita/harness/history"
	"partita/harness/scenario"
	"partita/harness/store"
)

// How long things may take.
const (
	grace         = 2 * time.Second // operations under way at the time limit
	leaderTimeout = 30 * time.Second
	agentTimeout  = 10 * time.Second
	logTimeout    = 30 * time.Second
	judgeEvery    = 3 * time.Second // with stop-at-first-invalid

	metricsTimeout = 2 * time.Second
)

// maxMetrics bounds what is kept of a node's metrics, in bytes.
const maxMetrics = 4 << 20

// execution is one run under way.
type execution struct {
	flags    runFlags
	scenario *scenario.Scenario
	out      io.Writer
	run      *store.Run
	log      *slog.Logger
	results  store.Results
	cluster  *docker.Cluster // of a run on containers
	start    cluster.Start
	// simulator is that of a simulated run; done removes what was built for it.
	simulator *simulator
	done      func()

	mu     sync.Mutex // guards events
	events []history.Event
}

// execute runs a scenario from an empty folder to a verdict. Whatever happens
// after the folder exists, what was recorded is judged and what was made is
// removed.
func execute(ctx context.Context, out io.Writer, flags runFlags, s *scenario.Scenario) error {
	fmt.Fprintf(out, "seed %d\n", s.Seed)
	x := &execution{flags: flags, scenario: s, out: out}
	if err := x.open(ctx); err != nil {
		return broke(err)
	}
	defer x.run.Close()
	logFile, err := os.Create(x.run.Path(store.LogFile))
	if err != nil {
		return broke(fmt.Errorf("harness log: %w", err))
	}
	defer logFile.Close()
	x.log = slog.New(slog.NewJSONHandler(logFile, nil))

	drive := x.drive
	if x.flags.cluster == simCluster {
		drive = x.simulate
	}
	runErr := drive(ctx)
	if x.done != nil {
		defer x.done()
	}
	if runErr != nil {
		x.log.Error("the run broke", "error", runErr.Error())
	}
	x.results.Incomplete = whyIncomplete(ctx, runErr)
	return x.conclude(context.WithoutCancel(ctx), runErr)
}

// open makes the run's folder, unfinished.
func (x *execution) open(ctx context.Context) error {
	s := x.scenario
	run, err := store.Create(x.flags.results, s.Name, s.Seed, time.Now())
	if err != nil {
		return err
	}
	x.run = run
	if x.flags.scenario == "" {
		x.flags.scenario = typed(run.Path(store.ScenarioFile))
	}
	x.results = store.Results{
		Verdict: checker.Unknown, Reason: store.NotFinished,
		Scenario: s.Name, Workload: s.Workload.Name, Cluster: x.flags.cluster, Nodes: s.Nodes, Seed: s.Seed, Bug: x.flags.bug,
		Command: x.flags.again(s), Started: time.Now().UTC(),
		Checks: map[string]checker.Result{}, Faults: map[string]store.FaultCount{},
		Versions: versions(ctx, x.flags.cluster),
	}
	x.results.Commit, x.results.Dirty = commit(ctx)
	text, err := s.YAML()
	if err != nil {
		return err
	}
	return errors.Join(x.run.WriteResults(x.results), x.run.WriteFile(store.ScenarioFile, text))
}

// drive brings the cluster up, runs the test and collects what the nodes left.
func (x *execution) drive(ctx context.Context) error {
	if swept, err := docker.Sweep(ctx); err != nil {
		return err
	} else if len(swept) > 0 {
		fmt.Fprintf(x.out, "removed what dead runs left: %s\n", strings.Join(swept, ", "))
	}
	began := time.Now()
	image, err := docker.EnsureImage(ctx, x.out)
	if err != nil {
		return err
	}
	node, agent, done, err := x.binaries(ctx)
	if err != nil {
		return err
	}
	defer done()
	x.results.Durations.Images = time.Since(began).Seconds()

	began = time.Now()
	if err := x.bringUp(ctx, image, node, agent); err != nil {
		if x.cluster != nil {
			err = errors.Join(err, x.collect(context.WithoutCancel(ctx)))
		}
		return err
	}
	x.results.Durations.Setup = time.Since(began).Seconds()
	fmt.Fprintf(x.out, "%d nodes up with a leader in %.1f s\n", x.scenario.Nodes, x.results.Durations.Setup)

	began = time.Now()
	testErr := x.test(ctx)
	x.results.Durations.Run = time.Since(began).Seconds()
	return errors.Join(testErr, x.collect(context.WithoutCancel(ctx)))
}

// conclude judges, keeps the nodes' data of an invalid run, removes the
// cluster and says the verdict.
func (x *execution) conclude(ctx context.Context, runErr error) error {
	began := time.Now()
	j, err := judgeRun(ctx, x.run, x.scenario, x.results)
	if err != nil {
		j = judgement{results: x.results}
		runErr = errors.Join(runErr, err)
	}
	j.results.Durations.Check = time.Since(began).Seconds()
	if runErr != nil && j.results.Verdict != checker.Invalid {
		j.results.Verdict, j.results.Reason = checker.Unknown, cmp.Or(x.results.Incomplete, "the run broke: "+firstLine(runErr))
	}
	if x.simulator != nil && j.results.Verdict == checker.Invalid {
		if err := x.account(ctx); err != nil {
			runErr = errors.Join(runErr, err)
		} else {
			j.trace, err = x.run.ReadTrace()
			runErr = errors.Join(runErr, err)
		}
	}
	if x.cluster != nil {
		if j.results.Verdict == checker.Invalid {
			runErr = errors.Join(runErr, x.keepData(ctx))
		}
		began = time.Now()
		runErr = errors.Join(runErr, x.cluster.Close(ctx))
		j.results.Durations.Teardown = time.Since(began).Seconds()
	}
	j.results.Finished = time.Now().UTC()
	runErr = errors.Join(runErr, x.run.WriteResults(j.results), writeReport(ctx, x.run, j))
	tell(x.out, x.run, j.results)
	if runErr != nil && j.results.Verdict != checker.Invalid {
		return broke(runErr)
	}
	if runErr != nil {
		fmt.Fprintln(x.out, "the run also broke:", runErr)
	}
	if code := exitOf(j.results.Verdict); code != exitValid {
		return &exitError{code: code}
	}
	return nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
