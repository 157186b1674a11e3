package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"partita/docker"
	"partita/harness/catalogue"
	"partita/harness/checker"
	"partita/harness/cluster"
	"partita/harness/generator"
	"partita/harness/history"
	"partita/harness/interpreter"
	"partita/harness/scenario"
	"partita/harness/store"
	"partita/nemesis/wire"
	"partita/node/api"
	"partita/workloads"
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
	cluster  *docker.Cluster
	start    cluster.Start

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

	runErr := x.drive(ctx)
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
	x.results = store.Results{
		Verdict: checker.Unknown, Reason: store.NotFinished,
		Scenario: s.Name, Workload: s.Workload.Name, Cluster: x.flags.cluster, Nodes: s.Nodes, Seed: s.Seed, Bug: x.flags.bug,
		Command: x.flags.again(s), Started: time.Now().UTC(),
		Checks: map[string]checker.Result{}, Faults: map[string]store.FaultCount{},
		Versions: versions(ctx),
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

// binaries finds the node and the agent beside this program, or builds the
// node with the bug.
func (x *execution) binaries(ctx context.Context) (node, agent string, done func(), err error) {
	exe, err := os.Executable()
	if err != nil {
		return "", "", nil, fmt.Errorf("finding this program: %w", err)
	}
	dir := filepath.Dir(exe)
	node, agent = filepath.Join(dir, "node"), filepath.Join(dir, "agent")
	for _, path := range []string{node, agent} {
		if _, err := os.Stat(path); err != nil {
			return "", "", nil, fmt.Errorf("%w (make build makes it)", err)
		}
	}
	if x.flags.bug == "" {
		return node, agent, func() {}, nil
	}
	root, bug, err := findBug(x.flags.bug)
	if err != nil {
		return "", "", nil, err
	}
	// In the run's folder, so that a killed harness leaves nothing elsewhere.
	node = x.run.Path("node-with-bug")
	done = func() { os.Remove(node) }
	if err := catalogue.Build(ctx, root, &bug, "./node", node); err != nil {
		done()
		return "", "", nil, err
	}
	return node, agent, done, nil
}

// bringUp starts the containers and their nodes and waits for a leader.
func (x *execution) bringUp(ctx context.Context, image, node, agent string) error {
	secret := make([]byte, 16)
	rand.Read(secret)
	s := x.scenario
	c, err := docker.Start(ctx, docker.Spec{
		RunID:  hex.EncodeToString(secret[:4]),
		Folder: x.run.Dir,
		Nodes:  s.Nodes, Image: image, AgentBinary: agent, NodeBinary: node,
		Command: func(name string, peers map[string]string) []string {
			return append(nodeCommand(name, peers, s.Seed), s.NodeFlags()...)
		},
		Token:  hex.EncodeToString(secret[4:]),
		Clocks: s.Clocks(), Capabilities: s.Capabilities(),
	})
	if err != nil {
		return err
	}
	x.cluster = c
	start, err := cluster.Begin()
	if err != nil {
		return err
	}
	w := cluster.NewMachines(ctx, c, start)
	var all []cluster.Command
	for _, name := range w.Nodes() {
		all = append(all, cluster.Command{Node: name, Path: wire.PathStart})
	}
	for _, a := range w.Agents(all, agentTimeout) {
		if a.Err != nil {
			return a.Err
		}
	}
	for w.Now() < leaderTimeout {
		if _, ok := leaderOf(w); ok {
			return nil
		}
		if err := w.Sleep(20 * time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("no node leads %v after the start; the nodes' logs are in %s", leaderTimeout, x.run.Path("nodes"))
}

// nodeCommand is the part of a node's command line that is not the scenario's.
func nodeCommand(name string, peers map[string]string, seed int64) []string {
	var list []string
	for i := range len(peers) {
		n := docker.NodeName(i + 1)
		list = append(list, n+"="+peers[n])
	}
	return []string{
		"--name", name, "--peers", strings.Join(list, ","), "--data", docker.DataDir, "--seed", fmt.Sprint(seed),
		"--listen-client", fmt.Sprintf(":%d", docker.ClientPort), "--listen-peer", fmt.Sprintf(":%d", docker.PeerPort),
	}
}

// leaderOf asks the nodes who leads.
func leaderOf(w cluster.World) (string, bool) {
	leader, term := "", uint64(0)
	for _, name := range w.Nodes() {
		if s, err := w.Status(name, 300*time.Millisecond); err == nil && s.Role == "leader" && s.Term >= term {
			leader, term = name, s.Term
		}
	}
	return leader, leader != ""
}

// test lets the clients and the nemesis loose.
func (x *execution) test(ctx context.Context) error {
	s := x.scenario
	workload, err := workloads.Find(s.Workload.Name)
	if err != nil {
		return err
	}
	workers, err := generator.Layout(s.NodeNames(), s.Workload.Concurrency.Of(s.Nodes))
	if err != nil {
		return err
	}
	pace, err := generator.NewPace(s.Seed, len(workers), s.Workload.Rate)
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
	var clients []interpreter.Client
	var worlds []*cluster.HTTP
	for _, w := range workers {
		clients = append(clients, workload.Client(w, s.NodeNames()))
		worlds = append(worlds, cluster.NewHTTP(x.cluster, x.start, s.TimeLimit+grace))
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	live := newLive(x.out, s, x.start.Since)
	var beside sync.WaitGroup
	beside.Go(func() { live.show(ctx, cluster.NewMachines(ctx, x.cluster, x.start)) })
	if s.StopAtFirstInvalid {
		beside.Go(func() { x.judgeMeanwhile(ctx, workload.Model, stop) })
	}
	err = interpreter.Run(ctx, interpreter.Test{
		Workers:   workers,
		Generator: workload.Generator(generator.Config{Seed: s.Seed, Workers: workers, Keys: s.Workload.Keys}),
		Pace:      pace,
		Clients:   clients,
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

// crashed names a node that ended on its own, or gives an empty string.
func (x *execution) crashed(ctx context.Context) string {
	states := make([]wire.State, x.scenario.Nodes)
	var all []cluster.Command
	for i, name := range x.scenario.NodeNames() {
		all = append(all, cluster.Command{Node: name, Path: wire.PathState, Into: &states[i]})
	}
	cluster.NewMachines(ctx, x.cluster, x.start).Agents(all, agentTimeout)
	for _, s := range states {
		for _, e := range s.Exits {
			if !e.Asked {
				return s.Node
			}
		}
	}
	return ""
}

// collect heals what may be left and takes the nodes' logs and their agents'
// states into the run's folder.
func (x *execution) collect(ctx context.Context) error {
	var all sync.WaitGroup
	failed := make([]error, x.scenario.Nodes)
	for i, name := range x.scenario.NodeNames() {
		all.Go(func() { failed[i] = x.collectNode(ctx, name) })
	}
	all.Wait()
	return errors.Join(failed...)
}

func (x *execution) collectNode(ctx context.Context, name string) error {
	var state wire.State
	var log []byte
	for _, c := range []cluster.Command{
		{Node: name, Path: wire.PathHeal},
		{Node: name, Path: wire.PathState, Into: &state},
		{Node: name, Path: wire.PathLog, Into: &log},
	} {
		ctx, cancel := context.WithTimeout(ctx, logTimeout)
		err := x.cluster.Agent(ctx, c)
		cancel()
		if err != nil {
			return fmt.Errorf("collecting: %w", err)
		}
	}
	if err := x.run.WriteNode(state, log); err != nil {
		return err
	}
	if err := x.keepMetrics(ctx, name); err != nil {
		x.log.Warn("metrics not kept", "node", name, "error", err.Error()) // a dead node has none
	}
	return nil
}

// keepMetrics writes a node's Prometheus metrics beside its log.
func (x *execution) keepMetrics(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, metricsTimeout)
	defer cancel()
	for _, n := range x.cluster.Nodes() {
		if n.Name != name {
			continue
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.Client+api.PathMetrics, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(io.LimitReader(resp.Body, maxMetrics))
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(x.run.NodeDir(name), "metrics.txt"), text, 0o644)
	}
	return nil
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

// keepData copies the data directories of the nodes.
func (x *execution) keepData(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	var all sync.WaitGroup
	failed := make([]error, x.scenario.Nodes)
	for i, name := range x.scenario.NodeNames() {
		all.Go(func() { failed[i] = x.cluster.FetchData(ctx, name, x.run.NodeDir(name)) })
	}
	all.Wait()
	return errors.Join(failed...)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
