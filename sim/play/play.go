package play

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"partita/harness/cluster"
	"partita/harness/history"
	"partita/harness/interpreter"
	"partita/harness/scenario"
	"partita/harness/trace"
	"partita/nemesis/wire"
	"partita/sim/engine"
	"partita/sim/invariant"
	"partita/sim/machines"
)

// Setup is what is to be run.
type Setup struct {
	Machines machines.Config
	Clients  scenario.Clients
	Plans    []cluster.Plan
	// Rate is about how many operations a second there will be.
	Rate float64
	// TimeLimit ends the invocations; Grace after it those that are under way.
	TimeLimit time.Duration
	Grace     time.Duration
	// History, if not nil, gets the history's lines as they happen.
	History io.Writer
	// Hash asks for the hash of those lines.
	Hash bool
	// StopAtViolation ends the run at the first rule that is broken.
	StopAtViolation bool
	// Stop, if not nil, is asked now and then whether to give the run up.
	Stop func() bool
}

// Outcome is what a run left.
type Outcome struct {
	Events    []history.Event
	Faults    []cluster.Fault
	States    []wire.State
	Logs      map[string][]wire.LogLine
	Coverage  map[string]int
	Violation *invariant.Violation
	Trace     []trace.Step
	// SHA256 is of the history's lines, in hexadecimal.
	SHA256 string
	Steps  int
	// Start is when the run began on the clock that machines and harness share,
	// in nanoseconds; Lasted how long it was in simulated time, since the
	// machines were switched on.
	Start  int64
	Lasted time.Duration
}

// The limits of a run beyond its own: until somebody leads, and until plans
// have healed.
const (
	leaderWithin = 30 * time.Second
	healWithin   = 5 * time.Minute
)

// Run runs a test to its end. An error is the caller's, such as a history that
// cannot be written, or a fault that could not be healed: what the cluster did
// wrong is in the Outcome.
func Run(s Setup) (Outcome, error) {
	p := newPlayer(s)
	defer p.engine.Stop()
	return p.run()
}

// expected is about how many events the history will have.
func (s *Setup) expected() int { return int(2.2 * s.Rate * s.TimeLimit.Seconds()) }

// player is one run under way.
type player struct {
	setup    Setup
	engine   *engine.Engine
	cluster  *machines.Cluster
	schedule *interpreter.Schedule
	start    time.Duration
	owner    *engine.Task
	workers  []*worker
	plans    []*engine.Task
	planning int // plans that have not ended
	writer   *history.Writer
	sum      hash.Hash

	events   []history.Event
	faults   []cluster.Fault
	late     bool // invocations are over
	finished bool
	failed   error
}

func newPlayer(s Setup) *player {
	e := engine.New()
	return &player{setup: s, engine: e, cluster: machines.New(e, s.Machines)}
}

// run runs the test.
func (p *player) run() (Outcome, error) {
	p.cluster.Boot()
	err := p.bringUp()
	if err == nil && !p.broken() {
		p.begin()
		err = p.toTheEnd()
	}
	if v := p.cluster.Watch().Broken(); v != nil {
		p.note(trace.Step{Kind: trace.Violation, Node: v.Nodes[0], Text: string(v.Name) + ": " + v.Text})
	}
	return p.outcome(), err
}

func (p *player) broken() bool {
	return p.setup.StopAtViolation && p.cluster.Watch().Broken() != nil
}

func (p *player) now() time.Duration { return p.engine.Now() - p.start }

// ErrStopped says that the run was given up, as Stop asked for.
var ErrStopped = errors.New("the run was given up")

// stopEvery is after how many steps Stop is asked.
const stopEvery = 1 << 14

// ErrNoLeader says that no fault was in force and nobody came to lead.
var ErrNoLeader = errors.New("no node leads")

// bringUp lets the machines run until one of them leads.
func (p *player) bringUp() error {
	for !p.cluster.Leads() && !p.broken() {
		if p.engine.Now() > leaderWithin || !p.engine.Step() {
			return fmt.Errorf("%w %v after the machines were switched on", ErrNoLeader, leaderWithin)
		}
	}
	return nil
}

// begin starts the clients, the plans and the owner of the schedule.
func (p *player) begin() {
	s := p.setup
	p.start = p.engine.Now()
	p.events = make([]history.Event, 0, s.expected())
	p.cluster.SetBegan(p.start)
	p.schedule = interpreter.NewSchedule(s.Clients.Generator, s.Clients.Pace, len(s.Clients.Workers), s.TimeLimit)
	out := s.History
	if s.Hash {
		p.sum = sha256.New()
		out = p.sum
		if s.History != nil {
			out = io.MultiWriter(s.History, p.sum)
		}
	}
	if out != nil {
		p.writer = history.NewWriter(out)
	}
	for i := range s.Clients.Workers {
		p.workers = append(p.workers, p.newWorker(i))
	}
	for i, plan := range s.Plans {
		p.planning++
		p.plans = append(p.plans, p.engine.Go(func(t *engine.Task) {
			world := p.cluster.World(t, fmt.Sprint(i, plan.Kind()), p.start, func() bool { return p.late })
			if err := plan.Run(world, (*faults)(p)); err != nil {
				p.fail(err)
			}
			p.planning--
			p.owner.Wake()
		}))
	}
	p.owner = p.engine.Go(p.own)
}

// toTheEnd runs until the owner has ended.
func (p *player) toTheEnd() error {
	limit := p.start + p.setup.TimeLimit + p.setup.Grace + healWithin
	for !p.finished && !p.broken() && p.failed == nil {
		if !p.engine.Step() || p.engine.Now() > limit {
			return errors.New("the run did not end: a plan waits for something that never comes")
		}
		if p.setup.Stop != nil && p.engine.Ran()%stopEvery == 0 && p.setup.Stop() {
			return ErrStopped
		}
	}
	return p.failed
}

// own decides at each instant what is to be invoked, as the interpreter does.
func (p *player) own(t *engine.Task) {
	s := p.setup
	for {
		now := p.now()
		if !p.late && now >= s.TimeLimit {
			p.late = true
			for _, plan := range p.plans {
				plan.Wake()
			}
		}
		if p.late {
			if p.planning == 0 && (len(p.schedule.Pending()) == 0 || now >= s.TimeLimit+s.Grace) {
				p.giveUp()
				p.finished = true
				return
			}
			t.SleepOrWake(max(s.TimeLimit+s.Grace-now, time.Second))
			continue
		}
		p.invoke(now)
		t.SleepOrWake(p.schedule.Wake(now) - now)
	}
}

// invoke hands out what is due.
func (p *player) invoke(now time.Duration) {
	due, _ := p.schedule.Invoke(now)
	for i := range due {
		w := p.workers[due[i].Worker]
		w.node = p.setup.Clients.Clients[w.id].Node()
		due[i].Node = w.node
	}
	p.record(due...)
	for _, op := range due {
		p.tell(trace.Invoke, op)
		p.workers[op.Worker].take(op)
	}
}

// complete takes in what a worker's client says of its operation.
func (p *player) complete(e history.Event) {
	p.schedule.Complete(p.now(), e)
	p.record(e)
	p.tell(trace.Complete, e)
	p.owner.Wake()
}

// giveUp records what is still under way as info.
func (p *player) giveUp() {
	var events []history.Event
	for _, e := range p.schedule.Pending() {
		e.Type, e.Node, e.Error = history.Info, p.workers[e.Worker].node, "the run ended first"
		events = append(events, e)
	}
	p.record(events...)
}

// record numbers events and gives them their time.
func (p *player) record(events ...history.Event) {
	now := p.now()
	for i := range events {
		events[i].Index, events[i].Time = len(p.events)+i, now
	}
	p.events = append(p.events, events...)
	if p.writer != nil && len(events) > 0 {
		if err := p.writer.Append(events...); err != nil {
			p.fail(err)
		}
	}
}

// tell adds an event of a client to the account, if there is one.
func (p *player) tell(kind trace.Kind, e history.Event) {
	if p.setup.Machines.Trace {
		p.cluster.Note(trace.Step{Kind: kind, Node: e.Node, Text: describe(e)})
	}
}

// note adds a step to the account, if there is one.
func (p *player) note(s trace.Step) {
	if p.setup.Machines.Trace {
		p.cluster.Note(s)
	}
}

func (p *player) fail(err error) {
	if p.failed == nil {
		p.failed = err
	}
}

func (p *player) outcome() Outcome {
	o := Outcome{
		Events: p.events, Faults: p.faults, Coverage: p.cluster.Coverage(), Violation: p.cluster.Watch().Broken(),
		Trace: p.cluster.Trace(), Steps: p.engine.Ran(), Start: machines.Shared(p.start), Lasted: p.engine.Now(),
	}
	o.States, o.Logs = p.cluster.States()
	if p.sum != nil {
		o.SHA256 = hex.EncodeToString(p.sum.Sum(nil))
	}
	return o
}

// faults takes what plans tell.
type faults player

// Began records that a fault is in force.
func (f *faults) Began(kind, what string) { f.tell(history.Began(kind, what), kind+" begins: "+what) }

// Healed records that it is healed.
func (f *faults) Healed(kind, what string) { f.tell(history.Healed(kind, what), kind+" ends: "+what) }

// Record keeps a fault with its evidence.
func (f *faults) Record(fault cluster.Fault) { f.faults = append(f.faults, fault) }

func (f *faults) tell(e history.Event, text string) {
	p := (*player)(f)
	p.record(e)
	p.note(trace.Step{Kind: trace.Fault, Text: text})
}
