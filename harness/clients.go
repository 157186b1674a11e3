package main

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"partita/harness/checker"
	"partita/harness/cluster"
	"partita/harness/history"
	"partita/harness/interpreter"
	"partita/harness/store"
	"partita/nemesis"
	"partita/nemesis/wire"
	"partita/node/api"
)

// test lets the clients and the nemesis loose.
func (x *execution) test(ctx context.Context) error {
	s := x.scenario
	clients, err := s.NewClients()
	if err != nil {
		return err
	}
	historyFile, err := os.OpenFile(x.run.Path(store.HistoryFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer historyFile.Close()
	faults, err := x.run.AppendLines(store.FaultsFile)
	if err != nil {
		return err
	}
	defer faults.Close()
	if x.start, err = cluster.Begin(); err != nil {
		return err
	}
	x.results.MonotonicStartNS = x.start.MonotonicNS
	if err := x.run.WriteResults(x.results); err != nil {
		return err
	}
	var worlds []*cluster.HTTP
	for range clients.Workers {
		worlds = append(worlds, cluster.NewHTTP(x.cluster, x.start, s.TimeLimit+grace))
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	live := newLive(x.out, s, x.start.Since)
	var beside sync.WaitGroup
	beside.Go(func() { live.show(ctx, cluster.NewMachines(ctx, x.cluster, x.start)) })
	if s.StopAtFirstInvalid {
		beside.Go(func() { x.judgeMeanwhile(ctx, clients.Workload.Model, stop) })
	}
	err = interpreter.Run(ctx, interpreter.Test{
		Workers:   clients.Workers,
		Generator: clients.Generator,
		Pace:      clients.Pace,
		Clients:   clients.Clients,
		Env:       func(i int) cluster.Env { return worlds[i] },
		Renew:     func(i int) { worlds[i].Close() },
		Plans:     s.Plans(),
		World:     func(ctx context.Context) cluster.World { return cluster.NewMachines(ctx, x.cluster, x.start) },
		TimeLimit: s.TimeLimit, Grace: grace,
		Now:    x.start.Since,
		Record: history.NewWriter(historyFile).Append,
		Fault: func(f cluster.Fault) error {
			live.fault(f)
			return faults.Append(f)
		},
		Watch: func(e history.Event) {
			live.watch(e)
			x.mu.Lock()
			x.events = append(x.events, e)
			x.mu.Unlock()
		},
	})
	stop()
	beside.Wait()
	for _, w := range worlds {
		w.Close()
	}
	return err
}

// judgeMeanwhile ends the run as soon as what was recorded so far cannot be
// explained, or a node has ended on its own.
func (x *execution) judgeMeanwhile(ctx context.Context, model checker.Model, stop func()) {
	prefix := checker.NewPrefix(model, checker.Options{Budget: x.scenario.Checks.Linearizable.Budget, Timeout: judgeEvery, Parallel: 1})
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(judgeEvery):
		}
		x.mu.Lock()
		events := append([]history.Event(nil), x.events...)
		x.mu.Unlock()
		ops, err := history.Pair(events)
		if err != nil {
			x.log.Error("judging the history so far", "error", err.Error())
			return
		}
		if prefix.Check(ctx, ops).Verdict == checker.Invalid {
			x.log.Info("a key cannot be explained: the run ends here")
			stop()
			return
		}
		if name := x.crashed(ctx); name != "" {
			x.log.Info("a node ended on its own: the run ends here", "node", name)
			stop()
			return
		}
	}
}

// crashed names a node that ended on its own, or gives an empty string. One that
// says that its disk has failed may have an excuse, which the record of a disk
// fault gives once the fault is over: with disk faults such a run goes on.
func (x *execution) crashed(ctx context.Context) string {
	states := make([]wire.State, x.scenario.Nodes)
	var all []cluster.Command
	for i, name := range x.scenario.NodeNames() {
		all = append(all, cluster.Command{Node: name, Path: wire.PathState, Into: &states[i]})
	}
	cluster.NewMachines(ctx, x.cluster, x.start).Agents(all, agentTimeout)
	for _, s := range states {
		for _, e := range s.Exits {
			excused := e.Code == api.ExitStorage && slices.Contains(x.scenario.Kinds(), nemesis.Disk)
			if !e.Asked && !excused {
				return s.Node
			}
		}
	}
	return ""
}
