package machines

import (
	"hash/fnv"
	"math/rand/v2"
	"time"

	"partita/harness/trace"
	"partita/node/kv"
	"partita/raft/core"
	"partita/sim/engine"
	"partita/sim/invariant"
)

// Config says what the machines run and how they are connected.
type Config struct {
	Names []string // of the nodes, in order; the first has ID 1
	// Members is how many of them, the first, are the voters that the cluster
	// begins with. The others wait to be added. 0: all.
	Members int
	Seed    uint64
	// Core is what all members share; ID, Voters and Seed are filled in.
	Core core.Config
	// Drift is by which part a machine's monotonic clock may run fast or slow from
	// the start: each draws its own rate.
	Drift float64
	// LeaseReads makes nodes ask for a lease where a client does not say.
	LeaseReads       bool
	SnapshotEvery    core.Index
	Sessions         kv.Limits
	SegmentBytes     int64
	OperationTimeout time.Duration // after which a node gives a request up
	PeerSilence      time.Duration // after which a connection that carries nothing is given up
	Turn             time.Duration // how long requests wait for the owner at most
	Disk             Latency       // of a sync
	Network          Latency       // of a message between nodes
	Logs             bool          // keep the nodes' logs
	Trace            bool          // keep an account of every step
}

// Latency is how long something takes: Least to Most, and Slow in one of
// hundred cases.
type Latency struct{ Least, Most, Slow time.Duration }

// draw draws a span of time.
func (l Latency) draw(rng *rand.Rand) time.Duration {
	r := rng.Uint64()
	if r%100 == 0 {
		return l.Slow
	}
	return l.Least + time.Duration((r>>8)%uint64(l.Most-l.Least+1))
}

// Cluster is machines and the links between them.
type Cluster struct {
	cfg      Config
	engine   *engine.Engine
	watch    *invariant.Watch
	machines []*machine
	links    [][]*link // [from][to], in order of ID
	coverage [numCounters]int
	counted  core.Index // up to here, what became of sessions is counted
	trace    []trace.Step
	began    time.Duration // when the run began, for the trace
	messages int           // sent so far
	landed   []*flight     // to be used again
}

// New makes machines that are switched off.
func New(e *engine.Engine, cfg Config) *Cluster {
	if cfg.Members == 0 {
		cfg.Members = len(cfg.Names)
	}
	c := &Cluster{cfg: cfg, engine: e}
	c.watch = invariant.New(cfg.Names, cfg.Members, e.Ran)
	voters := make([]core.NodeID, cfg.Members)
	for i := range voters {
		voters[i] = core.NodeID(i + 1)
	}
	for i, name := range cfg.Names {
		c.machines = append(c.machines, newMachine(c, name, core.NodeID(i+1), voters))
	}
	for i, from := range c.machines {
		row := make([]*link, len(c.machines))
		for j, to := range c.machines {
			if i != j {
				row[j] = newLink(c, from, to)
			}
		}
		c.links = append(c.links, row)
	}
	return c
}

// source is the random source of one part of the cluster, so that what
// happens to one part does not shift what is drawn for another.
func (c *Cluster) source(part string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(part))
	return rand.New(rand.NewPCG(c.cfg.Seed, h.Sum64()))
}

// Names lists the nodes.
func (c *Cluster) Names() []string { return c.cfg.Names }

// Watch is the watch over the rules.
func (c *Cluster) Watch() *invariant.Watch { return c.watch }

// Boot switches all machines on.
func (c *Cluster) Boot() {
	for _, m := range c.machines {
		m.start()
	}
}

// Leads says whether some node believes that it leads.
func (c *Cluster) Leads() bool {
	for _, m := range c.machines {
		if m.process != nil && m.process.role == core.Leader {
			return true
		}
	}
	return false
}

// machine finds a machine by name, nil if there is none.
func (c *Cluster) machine(name string) *machine {
	for _, m := range c.machines {
		if m.name == name {
			return m
		}
	}
	return nil
}

// name gives a node's name, empty for nobody.
func (c *Cluster) name(id core.NodeID) string {
	if id == core.None || int(id) > len(c.cfg.Names) {
		return ""
	}
	return c.cfg.Names[id-1]
}
