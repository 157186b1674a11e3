package main

import (
	"bytes"
	"context"
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
	"partita/nemesis/wire"
	"partita/workloads"
)

// judgement is all that is known of a run once it is judged.
type judgement struct {
	scenario *scenario.Scenario
	workload workloads.Workload
	results  store.Results
	events   []history.Event
	ops      []history.Operation
	faults   []cluster.Fault
	states   []wire.State
	logs     map[string][]wire.LogLine
	failures []*checker.Failure
	torn     bool  // the history's last line was half written
	unread   error // what of the record of faults and nodes cannot be read
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
	var err error
	if j.workload, err = workloads.Find(s.Workload.Name); err != nil {
		return j, err
	}
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
	j.check(ctx)
	return j, nil
}

// check fills in checks, counts and verdict.
func (j *judgement) check(ctx context.Context) {
	s, limits := j.scenario, j.scenario.Checks
	linearizable := checker.Linearizable(ctx, j.ops, j.workload.Model,
		checker.Options{Budget: limits.Linearizable.Budget, Timeout: limits.Linearizable.Timeout})
	j.failures = linearizable.Failures
	var nodes []checker.NodeRecord
	for _, state := range j.states {
		nodes = append(nodes, checker.NodeRecord{Node: state.Node, Exits: state.Exits, Log: j.logs[state.Node]})
	}
	j.results.Checks = map[string]checker.Result{
		"linearizable": linearizable.Result,
		"stats":        checker.Stats(j.workload.Operations, j.ops),
		"faults":       checker.Faults(s.Kinds(), j.faults),
		"crashes":      checker.Crashes(nodes, j.faults, j.results.MonotonicStartNS),
		"record":       j.incomplete(),
		"availability": j.availability(),
	}
	j.results.Verdict, j.results.Reason = checker.Compose(j.results.Checks)
	j.results.Operations = countOperations(j.ops)
	j.results.Faults = countFaults(j.faults)
}

// availability asks whether the cluster came back. A script decides nothing
// here: it need not ask every node after a heal.
func (j *judgement) availability() checker.Result {
	if j.scenario.Workload.Script != nil {
		return checker.Result{Verdict: checker.Unknown, Reason: "a script asks only what it says, and of whom"}
	}
	return checker.Availability(checker.AvailabilityInput{
		Operations: j.ops, Faults: j.faults, Nodes: j.scenario.NodeNames(),
		RecoverWithin: j.scenario.Checks.Availability.RecoverWithin, End: j.end(), Lags: checker.Lags(j.events),
	})
}

// end is when the last operation was invoked: about the time limit, unless the
// run was ended early.
func (j *judgement) end() time.Duration {
	if len(j.ops) == 0 {
		return 0
	}
	last := j.ops[len(j.ops)-1].Invoke.Time
	if last > j.scenario.TimeLimit-time.Second {
		return j.scenario.TimeLimit
	}
	return last
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
