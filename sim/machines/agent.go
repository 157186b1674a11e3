package machines

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"partita/harness/trace"
	"partita/nemesis/wire"
	"partita/sim/engine"
)

// epoch is what the shared clock says when the machines are switched on, and
// wall the real time then: neither is zero on a real machine.
const (
	epoch = int64(time.Hour)
	wall  = int64(1_700_000_000_000_000_000)
)

// obey carries out one command of the harness. The task may wait in it.
func (m *machine) obey(t *engine.Task, path string, body, into any) error {
	began := m.engine.Now()
	path, arguments, _ := strings.Cut(path, "?")
	if text := describeCommand(path, body); text != "" && m.cluster.cfg.Trace {
		m.note(trace.Step{Kind: trace.Fault, Text: "its agent " + text})
	}
	switch path {
	case wire.PathState:
		return answer(into, m.state())
	case wire.PathProbes:
		probes, err := m.probes(arguments)
		if err != nil {
			return err
		}
		return answer(into, probes)
	case wire.PathStart:
		m.start()
	case wire.PathStop, wire.PathKill:
		m.kill(path)
	case wire.PathPause:
		m.pause(true)
	case wire.PathResume:
		m.pause(false)
	case wire.PathDrop:
		m.drop(body.(wire.Drop))
	case wire.PathPackets:
		m.disturb(body.(wire.Packets))
	case wire.PathClock:
		if err := m.skew(body.(wire.Clock)); err != nil {
			return err
		}
	case wire.PathDisk:
		d := body.(wire.Disk)
		m.trouble, m.failing = d, diskCountdown{d.FailSync, d.FailWrite, m.failing.asked + 1}
	case wire.PathPower:
		if err := m.losePower(t, body.(wire.Power)); err != nil {
			return err
		}
	case wire.PathHeal:
		m.heal()
	default:
		return fmt.Errorf("the agent of %s knows no %s", m.name, path)
	}
	return answer(into, wire.Done{Began: shared(began), Ended: shared(m.engine.Now()), PID: m.pid()})
}

// shared is an instant on the clock that all machines and the harness share.
func shared(at time.Duration) int64 { return epoch + int64(at) }

// answer puts a command's answer where it is wanted.
func answer[T any](into any, value T) error {
	switch into := into.(type) {
	case nil:
	case *T:
		*into = value
	default:
		return fmt.Errorf("the answer is a %T, and a %T is wanted", value, into)
	}
	return nil
}

// kill ends the process as SIGKILL does, or SIGTERM: the difference is the
// log's last line.
func (m *machine) kill(path string) {
	if m.pid() == 0 {
		return
	}
	if path == wire.PathStop {
		m.end(wire.Exit{Code: 0, Asked: true})
		return
	}
	m.cluster.count(kills)
	m.end(wire.Exit{Code: -1, Signal: "killed", Asked: true})
}

// drop makes the incoming links of a machine be cut exactly as the rules say.
func (m *machine) drop(d wire.Drop) {
	for _, row := range m.cluster.links {
		l := row[m.id-1]
		if l == nil {
			continue
		}
		var rule *wire.Rule
		for i := range d.Rules {
			if d.Rules[i].From == l.from.name {
				rule = &d.Rules[i]
			}
		}
		l.setRule(rule)
	}
}

// disturb makes the incoming links be disturbed exactly as the rules say.
func (m *machine) disturb(p wire.Packets) {
	for _, row := range m.cluster.links {
		l := row[m.id-1]
		if l == nil {
			continue
		}
		l.packets = nil
		for i := range p.Rules {
			if p.Rules[i].From == l.from.name {
				l.packets = &p.Rules[i]
			}
		}
	}
}

// skew sets the clocks. Deadlines stay what they are on the clock that moved.
func (m *machine) skew(c wire.Clock) error {
	now := m.engine.Now()
	for _, s := range []*wire.Skew{c.Realtime, c.Monotonic} {
		if s != nil && !(s.Rate > 0) {
			return fmt.Errorf("a clock of %s at rate %v: the rate must be above zero", m.name, s.Rate)
		}
	}
	if s := c.Monotonic; s != nil && now+time.Duration(s.Offset) < m.mono.at(now) {
		return fmt.Errorf("the monotonic clock of %s is %v ahead and cannot go back to %v", m.name, m.mono.at(now)-now, time.Duration(s.Offset))
	}
	m.cluster.count(clockChanges)
	if c.Realtime != nil {
		m.realtime = clock{since: now, offset: time.Duration(c.Realtime.Offset), rate: c.Realtime.Rate}
	}
	if c.Monotonic != nil {
		m.mono = clock{since: now, offset: time.Duration(c.Monotonic.Offset), rate: c.Monotonic.Rate}
		if m.process != nil {
			m.process.clockChanged()
		}
	}
	return nil
}

// losePower arms the loss of power and waits for it.
func (m *machine) losePower(t *engine.Task, p wire.Power) error {
	if m.power.off || m.power.calls > 0 {
		return fmt.Errorf("the power of %s is off already", m.name)
	}
	if p.Calls < 1 || p.Within <= 0 {
		return fmt.Errorf("power off at call %d within %d ns: both must be above zero", p.Calls, p.Within)
	}
	off := false
	number := m.power.asked + 1
	m.power = powerCut{calls: p.Calls, torn: p.Torn, asked: number, done: func() { off = true; t.Wake() }}
	m.engine.After(time.Duration(p.Within), func() {
		if m.power.asked == number && m.power.calls > 0 {
			m.disk.Crash(m.powerFails())
		}
	})
	for !off {
		t.Park()
	}
	return nil
}

// heal ends every fault but that of a process that does not run.
func (m *machine) heal() {
	m.drop(wire.Drop{})
	m.disturb(wire.Packets{})
	m.trouble, m.failing = wire.Disk{}, diskCountdown{asked: m.failing.asked + 1}
	now := m.engine.Now()
	m.realtime = clock{since: now, rate: 1}
	m.mono = clock{since: now, offset: m.mono.at(now) - now, rate: 1}
	if m.process != nil {
		m.process.clockChanged()
	}
	m.pause(false)
}

// state is what the agent knows of its machine.
func (m *machine) state() wire.State {
	now := m.engine.Now()
	s := wire.State{
		Node: m.name, Now: shared(now), PID: m.pid(), Stopped: m.paused, Boots: m.boots,
		Exits: append([]wire.Exit(nil), m.exits...), Rules: []wire.RuleCount{},
		Realtime: wall + int64(now), Monotonic: shared(now),
		DiskTrouble: wire.Disk{Slow: m.trouble.Slow, FailSync: m.failing.sync, FailWrite: m.failing.write},
		Packets:     m.packets, Power: m.losses, Disk: m.diskDid,
		Clock: wire.Clock{
			Realtime:  &wire.Skew{Offset: int64(m.realtime.at(now) - now), Rate: m.realtime.rate},
			Monotonic: &wire.Skew{Offset: int64(m.mono.at(now) - now), Rate: m.mono.rate},
		},
	}
	for i := range s.Exits {
		s.Exits[i].At = shared(time.Duration(s.Exits[i].At))
	}
	for _, row := range m.cluster.links {
		l := row[m.id-1]
		if l == nil {
			continue
		}
		s.Dropped += l.dropped
		if l.rule != nil {
			s.Rules = append(s.Rules, wire.RuleCount{Rule: *l.rule, Node: l.dropped})
		}
		if l.packets != nil {
			s.PacketRules = append(s.PacketRules, *l.packets)
		}
	}
	return s
}

// The probes that agents send each other: every 50 ms one, which takes as
// long as a message does. They need no events: what would have arrived follows
// from when the links were cut.
const (
	probeEvery  = 50 * time.Millisecond
	probeFlight = time.Millisecond
)

// probes lists what this machine sent and received of the probes sent in an
// interval.
func (m *machine) probes(arguments string) (wire.Probes, error) {
	query, err := url.ParseQuery(arguments)
	if err != nil {
		return wire.Probes{}, err
	}
	since, err := strconv.ParseInt(query.Get("since"), 10, 64)
	if err != nil {
		return wire.Probes{}, fmt.Errorf("since: %w", err)
	}
	until, err := strconv.ParseInt(query.Get("until"), 10, 64)
	if err != nil {
		return wire.Probes{}, fmt.Errorf("until: %w", err)
	}
	now := m.engine.Now()
	p := wire.Probes{Node: m.name, Now: shared(now), Received: map[string][]wire.Probe{}}
	for n := max(0, (since-epoch)/int64(probeEvery)); ; n++ {
		at := time.Duration(n) * probeEvery
		if shared(at) >= until || at > now {
			return p, nil
		}
		if shared(at) < since {
			continue
		}
		probe := wire.Probe{Number: uint64(n + 1), At: shared(at)}
		p.Sent = append(p.Sent, probe)
		for _, row := range m.cluster.links {
			if l := row[m.id-1]; l != nil && at+probeFlight <= now && !l.cutAt(at+probeFlight) {
				p.Received[l.from.name] = append(p.Received[l.from.name], probe)
			}
		}
	}
}
