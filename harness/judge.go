package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"partita/harness/checker"
	"partita/harness/cluster"
	"partita/harness/history"
	"partita/harness/report"
	"partita/harness/scenario"
	"partita/harness/store"
	"partita/harness/trace"
	"partita/nemesis/wire"
)

// judgement is all that is known of a run once it is judged.
type judgement struct {
	scenario *scenario.Scenario
	results  store.Results
	events   []history.Event
	ops      []history.Operation
	faults   []cluster.Fault
	states   []wire.State
	logs     map[string][]wire.LogLine
	failures []*checker.Failure
	inside   *store.Simulation // what a simulator knows of the cluster's inside, or nil
	trace    []trace.Step      // and what happened there, if it was kept
	counted  checker.Tally     // by the nodes, or nil
	torn     bool              // the history's last line was half written
	unread   error             // what of the record beside the history cannot be read
}

// judgeFolder judges a recorded run by what is in its folder alone.
func judgeFolder(ctx context.Context, run *store.Run) (judgement, error) {
	results, err := run.ReadResults()
	if err != nil {
		return judgement{}, err
	}
	s, err := scenario.Load(run.Path(store.ScenarioFile))
	if err != nil {
		return judgement{}, err
	}
	if results.Finished.IsZero() && results.Incomplete == "" {
		results.Incomplete = wasKilled
	}
	began := time.Now()
	j, err := judgeRun(ctx, run, s, results)
	if err != nil {
		return judgement{}, err
	}
	j.results.Durations.Check = time.Since(began).Seconds()
	return j, nil
}

// judgeRun reads what a run recorded and lets every checker judge it. What it
// says of the run itself (seed, versions ...) is taken from results.
func judgeRun(ctx context.Context, run *store.Run, s *scenario.Scenario, results store.Results) (judgement, error) {
	j := judgement{scenario: s, results: results}
	record, err := run.ReadHistory()
	if err != nil {
		return j, err
	}
	j.events, j.torn = record.Events, len(record.Torn) > 0
	if j.ops, err = history.Pair(j.events); err != nil {
		return j, fmt.Errorf("%s: %w", run.Path(store.HistoryFile), err)
	}
	// The history alone may hold a violation: a record of the rest that a full
	// disk cut short does not hide it.
	j.faults, err = run.ReadFaults()
	j.unread = err
	j.states, j.logs, err = run.ReadNodes()
	j.unread = errors.Join(j.unread, err)
	j.inside, err = run.ReadSimulation()
	j.unread = errors.Join(j.unread, err, j.ofThisHistory(run))
	j.trace, err = run.ReadTrace()
	j.unread = errors.Join(j.unread, err)
	j.counted, err = run.ReadMetrics()
	j.unread = errors.Join(j.unread, err)
	return j, j.check(ctx)
}

// check fills in checks, counts and verdict.
func (j *judgement) check(ctx context.Context) error {
	run, err := j.scenario.ToJudge()
	if err != nil {
		return err
	}
	run.Operations, run.Events, run.Faults = j.ops, j.events, j.faults
	run.Records, run.StartNS = scenario.Records(j.states, j.logs), j.results.MonotonicStartNS
	run.Tally = j.counted
	if j.inside != nil {
		run.Tally = j.inside.Coverage
	}
	j.results.Checks, j.failures = checker.Judge(ctx, run)
	j.results.Checks["record"] = j.incomplete()
	if j.inside != nil {
		j.results.Checks["invariants"] = invariants(j.inside.Violation)
	}
	j.results.Verdict, j.results.Reason = checker.Compose(j.results.Checks)
	j.results.Operations = countOperations(j.ops)
	j.results.Faults = countFaults(j.faults)
	return nil
}

// ofThisHistory says that what the simulator knows of the inside belongs to
// another history than the one that is there.
func (j *judgement) ofThisHistory(run *store.Run) error {
	if j.inside == nil {
		return nil
	}
	text, err := os.ReadFile(run.Path(store.HistoryFile))
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != j.inside.HistorySHA256 {
		return fmt.Errorf("%s was written for another %s: its SHA-256 is another", store.SimulationFile, store.HistoryFile)
	}
	return nil
}

// invariants says what a simulator's watch over the cluster's inside found.
func invariants(broken *store.Violation) checker.Result {
	if broken != nil {
		return checker.Result{Verdict: checker.Invalid, Reason: broken.String()}
	}
	return checker.Result{Verdict: checker.Valid}
}

func countOperations(ops []history.Operation) store.Operations {
	o := store.Operations{By: map[string]store.Counts{}}
	for _, op := range ops {
		by := o.By[op.Invoke.F]
		o.Total++
		switch op.Complete.Type {
		case history.OK:
			o.OK++
			by.OK++
		case history.Fail:
			o.Fail++
			by.Fail++
		default:
			o.Info++
			by.Info++
		}
		o.By[op.Invoke.F] = by
	}
	return o
}

func countFaults(faults []cluster.Fault) map[string]store.FaultCount {
	counts := map[string]store.FaultCount{}
	for _, f := range faults {
		kind := counts[f.Nemesis]
		kind = counted(kind, f.Evident)
		if f.Shape != "" {
			if kind.Shapes == nil {
				kind.Shapes = map[string]store.FaultCount{}
			}
			kind.Shapes[f.Shape] = counted(kind.Shapes[f.Shape], f.Evident)
		}
		counts[f.Nemesis] = kind
	}
	return counts
}

func counted(c store.FaultCount, evident bool) store.FaultCount {
	c.Asked++
	if evident {
		c.Evident++
	}
	return c
}

// writeReport writes the run's report.html, for every verdict.
func writeReport(ctx context.Context, run *store.Run, j judgement) error {
	var out bytes.Buffer
	in := report.Input{
		Results: j.results, Folder: typed(run.Dir), Events: j.events, Operations: j.ops, Faults: j.faults,
		States: j.states, Logs: j.logs, Failures: j.failures, Torn: j.torn,
		Simulation: j.inside, Trace: j.trace,
	}
	if j.scenario != nil {
		in.Nodes = j.scenario.NodeNames()
	}
	if err := report.Write(ctx, &out, in); err != nil {
		return err
	}
	return run.WriteFile(store.ReportFile, out.Bytes())
}

// typed is a folder as a person here would type it.
func typed(dir string) string {
	here, err := os.Getwd()
	if err != nil {
		return dir
	}
	if below, err := filepath.Rel(here, dir); err == nil && filepath.IsLocal(below) {
		return below
	}
	return dir
}
