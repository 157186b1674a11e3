package nemesis

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"partita/harness/cluster"
	"partita/nemesis/wire"
	"partita/node/api"
)

// The fake world counts its shared clock from here.
const bootNS = int64(5_000_000_000_000)

var (
	errEnded = errors.New("the run is being ended")
	errAgent = errors.New("connection refused")
)

// world is a cluster in simulated time: Sleep moves the clock, every command
// takes latency, and probes pass where no rule stands.
type world struct {
	now      time.Duration
	latency  time.Duration
	endAt    time.Duration // Sleep fails past it
	leader   string
	machines []*machine
	fail     func(c cluster.Command) error // scripted failures of agents
	deafRule bool                          // rules are accepted but drop nothing
	stuck    bool                          // rules stay after a heal
	commands []string                      // what agents were told, in order
	members  members
}

// machine is a node and its agent.
type machine struct {
	name      string
	pid       int
	stopped   bool
	boots     int
	exits     []wire.Exit
	rules     []ruleChange
	dropped   uint64
	started   time.Duration
	realtime  line
	monotonic line
	stubborn  bool // it ignores commands, but for rules
	reckless  bool // it goes on after its disk has failed
	packets   []wire.PacketRule
	disk      wire.Disk
	since     time.Duration // up to when packets and disk are counted
	counts    struct {
		packets wire.PacketCount
		power   wire.PowerCount
		disk    wire.DiskCount
	}
}

// callEvery is how often a node sends a message to each other one, syncs and
// writes.
const callEvery = 10 * time.Millisecond

// pass lets the messages, syncs and writes happen that are due by now.
func (w *world) pass(m *machine) {
	calls := int((w.now - m.since) / callEvery)
	m.since += time.Duration(calls) * callEvery
	if m.pid == 0 || m.stopped {
		return
	}
	c := &m.counts.packets
	for _, r := range m.packets {
		n := func(chance float64) uint64 { return uint64(chance * float64(calls)) }
		c.Seen += uint64(calls)
		c.Lost, c.Duplicated, c.Reordered = c.Lost+n(r.Loss), c.Duplicated+n(r.Duplicate), c.Reordered+n(r.Reorder)
		if r.Delay > 0 {
			c.Delayed += uint64(calls)
		}
	}
	if m.disk.Slow > 0 {
		m.counts.disk.Slowed += calls
	}
	failed := m.fails(&m.disk.FailSync, &m.counts.disk.FailedSyncs, calls)
	failed = m.fails(&m.disk.FailWrite, &m.counts.disk.FailedWrites, calls) || failed
	if failed && !m.reckless {
		m.exits = append(m.exits, wire.Exit{At: w.shared(m.since), PID: m.pid, Code: api.ExitStorage})
		m.pid = 0
	}
}

// fails counts calls down to the one that fails.
func (m *machine) fails(left, failed *int, calls int) bool {
	if *left == 0 || *left > calls {
		*left = max(0, *left-calls)
		return false
	}
	*left, *failed = 0, *failed+1
	return true
}

// ruleChange is the set of rules since an instant.
type ruleChange struct {
	at    time.Duration
	rules []wire.Rule
}

// line is a clock: offset at base, rate from there on.
type line struct {
	base   time.Duration
	offset int64
	rate   float64
}

func (l line) at(now time.Duration) int64 {
	return l.offset + int64(float64(now-l.base)*(l.rate-1))
}

func newWorld(nodes int) *world {
	w := &world{latency: 2 * time.Millisecond, endAt: time.Hour, leader: "n1"}
	w.members = members{term: 7, now: api.Members{Voters: cluster.NodeNames(nodes)}, voters: nodes}
	for i := range nodes {
		w.machines = append(w.machines, &machine{
			name: fmt.Sprintf("n%d", i+1), pid: 100 + i, boots: 1,
			realtime: line{rate: 1}, monotonic: line{rate: 1}, started: -time.Second,
		})
	}
	return w
}

func (w *world) Now() time.Duration { return w.now }

func (w *world) Sleep(d time.Duration) error {
	if w.now+d > w.endAt {
		w.now = max(w.now, w.endAt)
		return errEnded
	}
	w.now += d
	return nil
}

func (w *world) Nodes() []string {
	var names []string
	for _, m := range w.machines {
		names = append(names, m.name)
	}
	return names
}

func (w *world) machine(name string) *machine {
	i := slices.IndexFunc(w.machines, func(m *machine) bool { return m.name == name })
	return w.machines[i]
}

func (w *world) Status(node string, timeout time.Duration) (api.Status, error) {
	if m := w.machine(node); m.pid == 0 || m.stopped {
		w.now += timeout
		return api.Status{}, &api.Error{Code: api.Unreachable, Definite: true}
	}
	w.now += time.Millisecond
	s := api.Status{Node: node, Role: "follower", Term: w.members.term, Members: w.members.seenBy(node)}
	if node == w.leader {
		s.Role = "leader"
	}
	return s, nil
}

func (w *world) Clock(node string, timeout time.Duration) (api.Clock, error) {
	m := w.machine(node)
	w.now += w.latency
	c := api.Clock{
		Realtime:  w.realtime() + m.realtime.at(w.now),
		Monotonic: int64(w.now-m.started) + m.monotonic.at(w.now),
	}
	w.now += w.latency
	return c, nil
}

func (w *world) realtime() int64 { return 1_700_000_000_000_000_000 + int64(w.now) }

func (w *world) Monotonic(ns int64) time.Duration { return time.Duration(ns - bootNS) }

func (w *world) shared(at time.Duration) int64 { return bootNS + int64(at) }

func (w *world) Agents(commands []cluster.Command, timeout time.Duration) []cluster.Answer {
	answers := make([]cluster.Answer, len(commands))
	start := w.now
	w.now += w.latency
	for i, c := range commands {
		answers[i].Node = c.Node
		path, query, _ := strings.Cut(c.Path, "?")
		if path != wire.PathState && path != wire.PathProbes {
			w.commands = append(w.commands, c.Node+" "+path)
		}
		if w.fail != nil {
			if err := w.fail(c); err != nil {
				answers[i].Err = err
				continue
			}
		}
		answers[i].Err = w.serve(w.machine(c.Node), path, query, c, start)
	}
	return answers
}

// serve is one agent.
func (w *world) serve(m *machine, path, query string, c cluster.Command, start time.Duration) error {
	w.pass(m)
	switch path {
	case wire.PathState:
		*c.Into.(*wire.State) = w.state(m)
		return nil
	case wire.PathProbes:
		return w.probes(m, query, c.Into.(*wire.Probes))
	case wire.PathDrop:
		rules := c.Body.(wire.Drop).Rules
		if !w.stuck || len(rules) > 0 {
			m.rules = append(m.rules, ruleChange{w.now, rules})
		}
		m.dropped += uint64(10 * len(rules))
	case wire.PathClock:
		if err := w.skew(m, c.Body.(wire.Clock)); err != nil {
			return err
		}
	case wire.PathPackets:
		if rules := c.Body.(wire.Packets).Rules; !m.stubborn && (!w.stuck || len(rules) > 0) {
			m.packets = rules
		}
	case wire.PathDisk:
		if !m.stubborn {
			m.disk = c.Body.(wire.Disk)
		}
	case wire.PathPower:
		if err := w.power(m, c.Body.(wire.Power), start); err != nil {
			return err
		}
	default:
		if err := w.process(m, path); err != nil {
			return err
		}
	}
	*c.Into.(*wire.Done) = wire.Done{Began: w.shared(start), Ended: w.shared(w.now), PID: m.pid}
	return nil
}

// power is lost after as many calls as were asked for, of all nodes meanwhile.
func (w *world) power(m *machine, p wire.Power, start time.Duration) error {
	switch {
	case m.stubborn:
		return nil
	case p.Calls < 1 || p.Within <= 0:
		return fmt.Errorf("in call %d, within %d ns", p.Calls, p.Within)
	}
	w.now = max(w.now, start+min(time.Duration(p.Calls)*callEvery, time.Duration(p.Within)))
	if m.pid != 0 {
		m.exits = append(m.exits, wire.Exit{At: w.shared(w.now), PID: m.pid, Code: -1, Signal: wire.SignalPower, Asked: true})
	}
	m.pid, m.stopped = 0, false
	m.counts.power.Losses++
	m.counts.power.Writes += p.Calls % 3
	return nil
}

func (w *world) process(m *machine, path string) error {
	switch {
	case m.stubborn:
	case path == wire.PathKill:
		if m.pid == 0 {
			return errors.New("the node does not run")
		}
		m.exits = append(m.exits, wire.Exit{At: w.shared(w.now), PID: m.pid, Code: -1, Signal: "killed", Asked: true})
		m.pid, m.stopped = 0, false
	case path == wire.PathStart:
		if m.pid == 0 {
			m.boots++
			m.pid, m.started = 1000*m.boots, w.now
		}
	case path == wire.PathPause:
		m.stopped = true
	case path == wire.PathResume:
		m.stopped = false
	default:
		return errors.New("unknown path " + path)
	}
	return nil
}

func (w *world) skew(m *machine, c wire.Clock) error {
	if m.stubborn {
		return nil
	}
	if c.Realtime != nil {
		m.realtime = line{w.now, c.Realtime.Offset, c.Realtime.Rate}
	}
	if c.Monotonic != nil {
		if c.Monotonic.Offset < m.monotonic.at(w.now) {
			return errors.New("a monotonic clock is never set back")
		}
		m.monotonic = line{w.now, c.Monotonic.Offset, c.Monotonic.Rate}
	}
	return nil
}

func (w *world) state(m *machine) wire.State {
	s := wire.State{
		Node: m.name, Now: w.shared(w.now), PID: m.pid, Stopped: m.stopped, Boots: m.boots,
		Exits: slices.Clone(m.exits), Dropped: m.dropped, Realtime: w.realtime(), Monotonic: w.shared(w.now),
		PacketRules: slices.Clone(m.packets), DiskTrouble: m.disk,
		Packets: m.counts.packets, Power: m.counts.power, Disk: m.counts.disk,
	}
	s.Clock.Realtime = &wire.Skew{Offset: m.realtime.at(w.now), Rate: m.realtime.rate}
	s.Clock.Monotonic = &wire.Skew{Offset: m.monotonic.at(w.now), Rate: m.monotonic.rate}
	for _, r := range m.at(w.now) {
		s.Rules = append(s.Rules, wire.RuleCount{Rule: r})
	}
	return s
}

// at is which rules stood at an instant.
func (m *machine) at(t time.Duration) []wire.Rule {
	var rules []wire.Rule
	for _, c := range m.rules {
		if c.at <= t {
			rules = c.rules
		}
	}
	return rules
}

// probes are sent by every node every 50 ms and arrive at once.
func (w *world) probes(m *machine, query string, into *wire.Probes) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return err
	}
	since, errSince := strconv.ParseInt(values.Get("since"), 10, 64)
	until, errUntil := strconv.ParseInt(values.Get("until"), 10, 64)
	if err := errors.Join(errSince, errUntil); err != nil {
		return err
	}
	*into = wire.Probes{Node: m.name, Now: w.shared(w.now), Received: map[string][]wire.Probe{}}
	for n := uint64(0); ; n++ {
		at := time.Duration(n) * 50 * time.Millisecond
		if at > w.now || w.shared(at) >= until {
			return nil
		}
		if w.shared(at) < since {
			continue
		}
		p := wire.Probe{Number: n, At: w.shared(at)}
		into.Sent = append(into.Sent, p)
		for _, from := range w.machines {
			dropped := slices.ContainsFunc(m.at(at), func(r wire.Rule) bool { return r.From == from.name })
			if from != m && (!dropped || w.deafRule) {
				into.Received[from.name] = append(into.Received[from.name], p)
			}
		}
	}
}

// record collects what a plan reports.
type record struct {
	events []string
	faults []cluster.Fault
}

func (r *record) Began(kind, what string)  { r.events = append(r.events, "began "+kind+" "+what) }
func (r *record) Healed(kind, what string) { r.events = append(r.events, "healed "+kind+" "+what) }
func (r *record) Record(f cluster.Fault)   { r.faults = append(r.faults, f) }

// whole fails the test unless nothing of any fault is left.
func (w *world) whole(t *testing.T) {
	t.Helper()
	for _, m := range w.machines {
		if len(m.at(w.now)) > 0 {
			t.Errorf("%s still has rules %v", m.name, m.at(w.now))
		}
		if m.pid == 0 || m.stopped {
			t.Errorf("%s: pid %d, stopped %v", m.name, m.pid, m.stopped)
		}
		if m.realtime.rate != 1 || m.realtime.offset != 0 || m.monotonic.rate != 1 {
			t.Errorf("%s still has skewed clocks: %+v %+v", m.name, m.realtime, m.monotonic)
		}
		if w.now < w.endAt && (len(w.members.now.Voters) != w.members.voters || len(w.members.now.Learners) > 0) {
			t.Errorf("the members are %+v, want %d voters and no learner", w.members.now, w.members.voters)
		}
		if len(m.packets) > 0 || m.disk != (wire.Disk{}) {
			t.Errorf("%s still has rules about packets %v or trouble with its disk %+v", m.name, m.packets, m.disk)
		}
	}
}

// options makes complete options of a kind, changed by the test.
func options[T Options](t *testing.T, kind string, nodes int, change func(T)) Options {
	t.Helper()
	k, err := KindOf(kind)
	if err != nil {
		t.Fatal(err)
	}
	o := k.Defaults()
	if change != nil {
		change(o.(T))
	}
	o.Complete(nodes)
	if err := o.Validate(nodes); err != nil {
		t.Fatal(err)
	}
	return o
}
