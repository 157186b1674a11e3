package machines

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"partita/harness/trace"
	"partita/nemesis/wire"
	"partita/raft/core"
	"partita/raft/wal/memfs"
	"partita/sim/engine"
)

// machine is one of the cluster's. What a process leaves behind when it ends
// is here.
type machine struct {
	cluster *Cluster
	engine  *engine.Engine
	name    string
	id      core.NodeID
	core    core.Config

	process *process // nil when none runs
	booting bool
	paused  bool
	waiting []func() // what came while it was paused, in order

	disk    *memfs.Disk
	diskRNG *rand.Rand
	trouble wire.Disk
	failing diskCountdown
	power   powerCut

	realtime clock
	mono     clock

	boots   int
	exits   []wire.Exit
	packets wire.PacketCount
	losses  wire.PowerCount
	diskDid wire.DiskCount
	log     []wire.LogLine
	started time.Duration // the latest process, on its monotonic clock
}

func newMachine(c *Cluster, name string, id core.NodeID, voters []core.NodeID) *machine {
	m := &machine{cluster: c, engine: c.engine, name: name, id: id, core: c.cfg.Core}
	m.core.ID = id
	if int(id) <= len(voters) {
		m.core.Voters = voters
	}
	m.disk = memfs.New(c.source("disk " + name).Uint64())
	m.diskRNG = c.source("latency " + name)
	m.disk.SetHook(m.call)
	m.realtime, m.mono = clock{rate: 1}, clock{rate: 1}
	if d := c.cfg.Drift; d > 0 {
		m.mono.rate = 1 + d*(2*c.source("drift "+name).Float64()-1)
	}
	return m
}

// pid is that of the running process: each has one of its own.
func (m *machine) pid() int {
	if m.process == nil && !m.booting {
		return 0
	}
	return 100 + m.boots
}

// start starts a process, if none runs.
func (m *machine) start() {
	if m.process != nil || m.booting {
		return
	}
	m.boots++
	m.cluster.count(boots)
	m.power.off = false
	m.booting, m.started = true, m.mono.at(m.engine.Now())
	cfg := m.core
	cfg.Seed = m.cluster.cfg.Seed<<8 + uint64(m.id)
	boot := m.boots
	m.engine.Go(func(t *engine.Task) { m.boot(t, cfg, boot) })
}

// end ends the process in the middle of whatever it does. What it wrote is
// with the operating system.
func (m *machine) end(exit wire.Exit) {
	if m.pid() == 0 {
		return
	}
	exit.At, exit.PID = int64(m.engine.Now()), m.pid()
	m.exits = append(m.exits, exit)
	if m.cluster.cfg.Trace {
		how := exit.Signal
		if how == "" {
			how = fmt.Sprintf("exit code %d", exit.Code)
		}
		m.note(trace.Step{Kind: trace.Crash, Text: "the node ends: " + how})
	}
	p, waiting := m.process, m.waiting
	m.process, m.booting, m.paused, m.waiting = nil, false, false, nil
	for _, do := range waiting { // each finds that its process has ended
		m.engine.After(0, do)
	}
	m.disk.Kill()
	if p != nil {
		p.end()
	}
	for _, l := range m.cluster.links[m.id-1] {
		if l != nil {
			l.senderEnded(exit.Signal == wire.SignalPower)
		}
	}
	for _, row := range m.cluster.links {
		if l := row[m.id-1]; l != nil {
			l.receiverEnded()
		}
	}
}

// pause stops the process where it is, or lets it go on: messages that came
// meanwhile go before timers that ran out.
func (m *machine) pause(stop bool) {
	if m.pid() == 0 || m.paused == stop {
		return
	}
	m.paused = stop
	if stop {
		m.cluster.count(pauses)
		return
	}
	waiting := m.waiting
	m.waiting = nil
	for _, do := range waiting {
		m.engine.After(0, do)
	}
	if p := m.process; p != nil {
		m.engine.After(0, p.timersAfterPause)
	}
}

// whenRunning does something now, or when the process is no longer paused,
// be it that it has ended.
func (m *machine) whenRunning(do func()) {
	if m.paused {
		m.waiting = append(m.waiting, func() { m.whenRunning(do) })
		return
	}
	do()
}

// take takes a message from the network. A machine without a process refuses
// the connection.
func (m *machine) take(p parcel, from *machine) {
	pr := m.process
	if pr == nil {
		m.cluster.links[from.id-1][m.id-1].lose(p, "nobody listens")
		return
	}
	if m.paused {
		m.whenRunning(func() { m.receive(pr, p, from) })
		return
	}
	m.receive(pr, p, from)
}

// receive hands a message to the process that it came for.
func (m *machine) receive(pr *process, p parcel, from *machine) {
	if pr.ended {
		return
	}
	if m.cluster.cfg.Trace {
		m.cluster.note(trace.Step{Kind: trace.Deliver, Node: m.name, Peer: from.name, Message: p.number, Text: m.cluster.describe(p.envelope)})
	}
	pr.step(core.Received{Envelope: p.envelope, Now: m.now()})
	m.stateNote(pr)
}

// now is the instant that the core is told: on the machine's monotonic clock,
// and never zero.
func (m *machine) now() core.Instant { return core.Instant(1 + m.mono.at(m.engine.Now())) }

// guard runs the present process's code. A panic of it ends the process, as
// it would end a real one, and is a broken rule.
func (m *machine) guard(run func()) {
	boots := m.boots
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if _, ok := r.(string); !ok {
			if err, isErr := r.(error); isErr {
				r = err.Error()
			} else {
				panic(r) // a task that is being stopped
			}
		}
		text := fmt.Sprint(r)
		if strings.HasPrefix(text, "machines: ") {
			panic(r) // a rule of the simulator's own: no node broke it
		}
		m.cluster.watch.Panicked(m.id, text)
		m.say("panic: " + text)
		if m.boots == boots {
			m.end(wire.Exit{Code: 2})
		}
	}()
	run()
}

// say writes a line to the node's log.
func (m *machine) say(line string) {
	if m.cluster.cfg.Logs {
		m.log = append(m.log, wire.LogLine{At: int64(m.engine.Now()), Line: line})
	}
}

// logged is a structured line of the node's log.
func (m *machine) logged(level, msg string, attrs map[string]any) {
	if !m.cluster.cfg.Logs {
		return
	}
	line := map[string]any{"level": level, "msg": msg}
	for k, v := range attrs {
		line[k] = v
	}
	text, err := json.Marshal(line)
	if err != nil {
		panic("machines: every log line has a JSON form: " + err.Error())
	}
	m.say(string(text))
}

// clock is a skewed clock: offset and rate since an instant.
type clock struct {
	since  time.Duration
	offset time.Duration // ahead of the true clock at since
	rate   float64
}

// at is how far the clock has come when the true one says now.
func (c clock) at(now time.Duration) time.Duration {
	if c.rate == 1 {
		return now + c.offset
	}
	return c.since + c.offset + time.Duration(float64(now-c.since)*c.rate)
}

// until is how long the true clock takes for this one to advance by d.
func (c clock) until(d time.Duration) time.Duration {
	if c.rate == 1 {
		return d
	}
	return time.Duration(float64(d)/c.rate) + 1
}
