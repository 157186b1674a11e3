package machines

import (
	"time"

	"partita/harness/trace"
	"partita/raft/core"
)

// set starts a timer. The engine's event that is under way serves it if it
// does not come too late.
func (p *process) set(which core.Timer, after time.Duration) {
	t := &p.timers[which]
	now := p.m.engine.Now()
	t.armed, t.ran, t.deadline = true, false, p.m.mono.at(now)+after
	if at := now + p.m.mono.until(after); t.awaited == 0 || at < t.awaited {
		p.await(which, at)
	}
}

// await asks the engine for an event at which the timer is looked at.
func (p *process) await(which core.Timer, at time.Duration) {
	t := &p.timers[which]
	t.number++
	number := t.number
	t.awaited = at
	p.m.engine.After(at-p.m.engine.Now(), func() {
		if t := &p.timers[which]; !p.ended && t.number == number {
			t.awaited = 0
			p.look(which)
		}
	})
}

// look fires a timer whose deadline has come, or waits on.
func (p *process) look(which core.Timer) {
	t := &p.timers[which]
	if !t.armed {
		return
	}
	now := p.m.engine.Now()
	if left := t.deadline - p.m.mono.at(now); left > 0 {
		p.await(which, now+p.m.mono.until(left))
		return
	}
	if p.m.paused {
		t.ran = true
		return
	}
	p.fire(which)
}

func (p *process) fire(which core.Timer) {
	p.timers[which].armed, p.timers[which].ran = false, false
	if p.m.cluster.cfg.Trace {
		p.m.note(trace.Step{Kind: trace.Timer, Text: timerNames[which] + " ran out"})
	}
	p.step(core.TimerFired{Timer: which, Now: p.m.now()})
	p.m.stateNote(p)
}

// timersAfterPause fires what ran out while the process was paused, unless a
// message that came before it has set it anew.
func (p *process) timersAfterPause() {
	for which := range p.timers {
		if !p.ended && !p.m.paused && p.timers[which].ran {
			p.fire(core.Timer(which))
		}
	}
}

// clockChanged looks at the timers again: their deadlines are on a clock that
// runs otherwise now.
func (p *process) clockChanged() {
	now := p.m.engine.Now()
	for which := range p.timers {
		if t := &p.timers[which]; t.armed && !t.ran {
			p.await(core.Timer(which), now+p.m.mono.until(max(0, t.deadline-p.m.mono.at(now))))
		}
	}
}
