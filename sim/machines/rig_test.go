package machines

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"partita/harness/cluster"
	"partita/harness/trace"
	"partita/nemesis/wire"
	"partita/node/kv"
	"partita/raft/core"
	"partita/sim/engine"
)

// rig is a cluster under a test's hands.
type rig struct {
	*Cluster
	t *testing.T
	e *engine.Engine
	w *World // of the task that runs
}

// busy is a cluster that elects a leader and works.
func busy(nodes int) Config {
	return Config{
		Names: cluster.NodeNames(nodes), Seed: 7,
		Core: core.Config{
			ElectionTimeout: core.Duration(300 * time.Millisecond), ElectionJitter: core.Duration(150 * time.Millisecond),
			Heartbeat: core.Duration(50 * time.Millisecond), MaxBatch: 8, MaxBatchBytes: 1 << 20, MaxInflight: 8,
			MaxInflightBytes: 1 << 20, MaxUncommittedBytes: 1 << 20, SnapshotChunk: 200,
		},
		SnapshotEvery: 50, Sessions: kv.DefaultLimits(), SegmentBytes: 4 << 10, OperationTimeout: 4 * time.Second, PeerSilence: time.Second,
		Disk:    Latency{Least: time.Millisecond, Most: 4 * time.Millisecond, Slow: 20 * time.Millisecond},
		Network: Latency{Least: 100 * time.Microsecond, Most: time.Millisecond, Slow: 10 * time.Millisecond},
		Logs:    true, Trace: true,
	}
}

// quiet is a cluster whose nodes say nothing for days: what happens is the
// test's doing.
func quiet(nodes int) Config {
	c := busy(nodes)
	c.Core.ElectionTimeout, c.Core.ElectionJitter = core.Duration(1000*time.Hour), core.Duration(10000*time.Hour)
	return c
}

// newRig switches a cluster on.
func newRig(t *testing.T, cfg Config) *rig {
	t.Helper()
	r := &rig{t: t, e: engine.New()}
	r.Cluster = New(r.e, cfg)
	t.Cleanup(r.e.Stop)
	r.Boot()
	if time.Duration(cfg.Core.ElectionTimeout) > time.Hour {
		r.sleep(200 * time.Millisecond)
		return r
	}
	r.until("somebody leads", r.Leads)
	return r
}

// until runs the cluster until something is so.
func (r *rig) until(what string, so func() bool) {
	r.t.Helper()
	for limit := r.e.Now() + time.Minute; !so(); {
		if !r.e.Step() || r.e.Now() > limit {
			r.t.Fatalf("it never came that %s", what)
		}
	}
}

// sleep runs the cluster for a span of time.
func (r *rig) sleep(d time.Duration) {
	r.t.Helper()
	over := false
	r.e.After(d, func() { over = true })
	r.until("time passed", func() bool { return over })
}

// do runs code as a task, with a world, to its end.
func (r *rig) do(run func(*engine.Task)) {
	r.t.Helper()
	ended := false
	r.e.Go(func(t *engine.Task) {
		r.w = r.World(t, "test", 0, func() bool { return false })
		run(t)
		ended = true
	})
	r.until("the task ended", func() bool { return ended })
}

// ask gives a command to an agent.
func (r *rig) ask(node, path string, body, into any) error {
	r.t.Helper()
	var answers []cluster.Answer
	r.do(func(*engine.Task) {
		answers = r.w.Agents([]cluster.Command{{Node: node, Path: path, Body: body, Into: into}}, 30*time.Second)
	})
	return answers[0].Err
}

// must gives a command that has to be obeyed.
func (r *rig) must(node, path string, body any) wire.Done {
	r.t.Helper()
	var done wire.Done
	if err := r.ask(node, path, body, &done); err != nil {
		r.t.Fatal(err)
	}
	return done
}

func (r *rig) state(node string) wire.State {
	r.t.Helper()
	var s wire.State
	if err := r.ask(node, wire.PathState, nil, &s); err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *rig) link(from, to int) *link { return r.links[from-1][to-1] }

// say sends a message that no core heeds, and gives its number.
func (r *rig) say(from, to int) int {
	r.link(from, to).send(core.Envelope{From: core.None, To: core.NodeID(to), Message: core.Heartbeat{}})
	return r.messages
}

// arrival is a message that was delivered.
type arrival struct {
	number int
	at     time.Duration
}

// arrivals lists what a node was given of what another sent.
func (r *rig) arrivals(from, to string) []arrival {
	var all []arrival
	for _, s := range r.trace {
		if s.Kind == trace.Deliver && s.Node == to && s.Peer == from {
			all = append(all, arrival{s.Message, s.At})
		}
	}
	return all
}

// drops counts why messages were lost.
func (r *rig) drops() map[string]int {
	all := map[string]int{}
	for _, s := range r.trace {
		if s.Kind == trace.Drop {
			all[s.Text]++
		}
	}
	return all
}

// steps lists the kinds of a node's steps after an instant.
func (r *rig) steps(node string, after time.Duration, kinds ...trace.Kind) []string {
	var all []string
	for _, s := range r.trace {
		if s.Node == node && s.At >= after && slices.Contains(kinds, s.Kind) {
			all = append(all, fmt.Sprint(s.Kind))
		}
	}
	return all
}

func numbers(all []arrival) []int {
	var n []int
	for _, a := range all {
		n = append(n, a.number)
	}
	return n
}
