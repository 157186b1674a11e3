package machines

import (
	"slices"
	"strings"
	"testing"
	"time"

	"partita/harness/trace"
	"partita/nemesis/wire"
	"partita/raft/core"
	"partita/sim/engine"
	"partita/sim/invariant"
)

// lead is a message that makes its receiver follow n1, write its term down and
// set its election timer anew.
func lead(term core.Term) core.Envelope {
	return core.Envelope{From: 1, To: 2, Term: term, Message: core.Heartbeat{}}
}

func TestPause(t *testing.T) {
	r := newRig(t, quiet(3))
	m := r.machine("n2")
	m.process.set(core.ElectionTimer, 100*ms)
	m.process.set(core.HeartbeatTimer, 150*ms)
	r.must("n2", wire.PathPause, nil)
	if s := r.state("n2"); !s.Stopped || s.PID == 0 {
		t.Errorf("state %+v, want a process that is stopped", s)
	}
	paused := r.e.Now()
	r.say(1, 2)
	r.sleep(time.Second)
	r.say(1, 2)
	r.sleep(time.Second)
	if got := r.steps("n2", paused, trace.Deliver, trace.Timer); len(got) > 0 {
		t.Errorf("a paused process did %v", got)
	}
	r.must("n2", wire.PathResume, nil)
	r.sleep(100 * ms)
	want := []string{"deliver", "deliver", "timer", "timer"}
	if got := r.steps("n2", paused, trace.Deliver, trace.Timer); len(got) < 4 || !slices.Equal(got[:4], want) {
		t.Errorf("after the pause: %v, want first %v", got, want)
	}
	if s := r.state("n2"); s.Stopped {
		t.Error("it is stopped still")
	}
}

func TestAMessageBeforeAPausedTimerCallsItOff(t *testing.T) {
	r := newRig(t, quiet(3))
	m := r.machine("n2")
	m.process.set(core.ElectionTimer, 100*ms)
	r.must("n2", wire.PathPause, nil)
	r.link(1, 2).send(lead(1))
	r.sleep(time.Second)
	r.must("n2", wire.PathResume, nil)
	r.sleep(time.Second)
	if got := r.steps("n2", 0, trace.Deliver, trace.Timer); !slices.Equal(got, []string{"deliver"}) {
		t.Errorf("it did %v, want the message alone", got)
	}
}

func TestPauseAndResumeAtOneInstant(t *testing.T) {
	r := newRig(t, quiet(3))
	m := r.machine("n2")
	m.process.set(core.ElectionTimer, 100*ms)
	m.pause(true)
	r.sleep(time.Second)
	m.pause(false)
	m.pause(true) // before anything that waited could run
	r.sleep(time.Second)
	if got := r.steps("n2", 0, trace.Timer); len(got) > 0 {
		t.Error("a timer of a paused process ran out")
	}
	m.pause(false)
	r.sleep(ms)
	if got := r.steps("n2", 0, trace.Timer); len(got) != 1 {
		t.Errorf("%d timers ran out, want one", len(got))
	}
}

// TestAPauseInTheMiddleOfASync: what is durable by then is known after it.
func TestAPauseInTheMiddleOfASync(t *testing.T) {
	cfg := quiet(3)
	cfg.Disk = Latency{Least: 10 * ms, Most: 10 * ms, Slow: 10 * ms}
	r := newRig(t, cfg)
	m := r.machine("n2")
	began := r.e.Now()
	m.process.step(core.Received{Envelope: lead(1)})
	r.sleep(5 * ms)
	m.pause(true)
	r.sleep(time.Second)
	if got := r.steps("n2", began, trace.Durable); len(got) > 0 || m.process.core.Status().Term != 1 {
		t.Errorf("steps %v at term %d, want none, at term 1", got, m.process.core.Status().Term)
	}
	m.pause(false)
	r.sleep(50 * ms)
	if got := r.steps("n2", began, trace.Durable); len(got) != 1 {
		t.Errorf("%d writes are durable after the pause, want one", len(got))
	}
}

// TestKillAtAnyInstant kills a node at every millisecond of its boot and its
// first writes: whatever is cut off, it comes back, and breaks no rule.
func TestKillAtAnyInstant(t *testing.T) {
	for at := range 60 * time.Duration(1) {
		cfg := busy(3)
		cfg.Disk = Latency{Least: 5 * ms, Most: 9 * ms, Slow: 20 * ms}
		r := newRig(t, cfg)
		m := r.machine("n2")
		r.must("n2", wire.PathKill, nil)
		m.start()
		r.sleep(at * ms)
		m.kill(wire.PathKill)
		if m.pid() != 0 {
			t.Fatal("it was killed and runs")
		}
		m.start()
		r.sleep(2 * time.Second)
		if v := r.Watch().Broken(); v != nil {
			t.Fatalf("killed after %v ms: %v", int(at), v)
		}
		s := r.state("n2")
		if m.process == nil || s.Boots != 3 || len(s.Exits) != 2 {
			t.Fatalf("killed after %d ms: %d boots, exits %+v, want a process of the third boot", at, s.Boots, s.Exits)
		}
		for _, e := range s.Exits {
			if e.Code != -1 || e.Signal != "killed" || !e.Asked || e.PID == 0 || e.PID == s.PID {
				t.Errorf("exit %+v, PID now %d", e, s.PID)
			}
		}
		if got := m.process.core.Status(); got.Term == 0 || got.Leader == core.None {
			t.Errorf("killed after %d ms: it follows nobody: %+v", at, got)
		}
	}
}

func TestKillBeforeTheFirstInstantOfABoot(t *testing.T) {
	r := newRig(t, quiet(1))
	m := r.machine("n1")
	m.kill(wire.PathKill)
	calls := m.disk.Calls()
	m.start()
	m.kill(wire.PathKill)
	r.sleep(time.Second)
	if got := m.disk.Calls(); got != calls || m.process != nil {
		t.Errorf("a process that never ran made %d calls of its disk", got-calls)
	}
}

func TestAPanicEndsTheNode(t *testing.T) {
	r := newRig(t, busy(3))
	m := r.machine("n2")
	m.process.step(core.Started{}) // a second one breaks a rule of the core
	s := r.state("n2")
	if s.PID != 0 || len(s.Exits) != 1 || s.Exits[0].Code != 2 || s.Exits[0].Asked {
		t.Errorf("PID %d, exits %+v, want one by itself with code 2", s.PID, s.Exits)
	}
	if v := r.Watch().Broken(); v == nil || v.Name != invariant.Panic || !slices.Equal(v.Nodes, []string{"n2"}) || !strings.Contains(v.Text, "Started is the first event") {
		t.Errorf("the violation is %v", v)
	}
	_, logs := r.States()
	lines := logs["n2"]
	if last := lines[len(lines)-1]; !strings.HasPrefix(last.Line, "panic: core: invariant broken") || last.At != s.Exits[0].At {
		t.Errorf("the last line is %+v", last)
	}
	r.must("n2", wire.PathStart, nil)
	r.sleep(time.Second)
	if r.state("n2").PID == 0 {
		t.Error("it does not start again")
	}
}

func TestWhatATaskPanicsWith(t *testing.T) {
	r := newRig(t, quiet(1))
	m := r.machine("n1")
	m.guard(func() { var none []int; _ = none[m.boots] })
	if v := r.Watch().Broken(); v == nil || !strings.Contains(v.Text, "index out of range") {
		t.Errorf("the violation is %v", v)
	}
	defer func() {
		if got := recover(); got != 5 {
			t.Errorf("%v came through, want what is not the process's own", got)
		}
	}()
	m.guard(func() { panic(5) })
}

// TestAPanicOfADeadProcess does not end the one that runs now.
func TestAPanicOfADeadProcess(t *testing.T) {
	r := newRig(t, quiet(1))
	m := r.machine("n1")
	m.guard(func() {
		m.kill(wire.PathKill)
		m.start()
		panic("late")
	})
	r.sleep(time.Second)
	if m.process == nil || len(m.exits) != 1 {
		t.Errorf("exits %+v, want the kill alone", m.exits)
	}
}

// TestTasksOfADeadProcessEnd, one that a pause has parked too.
func TestTasksOfADeadProcessEnd(t *testing.T) {
	cfg := quiet(1)
	cfg.Disk = Latency{Least: 10 * ms, Most: 10 * ms, Slow: 10 * ms}
	r := newRig(t, cfg)
	m := r.machine("n1")
	m.kill(wire.PathKill)
	m.boots++
	m.booting = true
	ended := false
	r.e.Go(func(t *engine.Task) { m.boot(t, m.core, m.boots); ended = true })
	r.sleep(ms)
	m.pause(true)
	r.sleep(time.Second)
	if m.process != nil || ended {
		t.Fatal("the boot is over, and was to be caught by the pause")
	}
	m.kill(wire.PathKill)
	r.sleep(time.Second)
	if !ended {
		t.Error("the boot that was killed in a pause is still there")
	}
}

func TestCoverageNamesEverything(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range Counters() {
		if name == "" || seen[name] {
			t.Errorf("the counter %q has no name of its own", name)
		}
		seen[name] = true
	}
	r := newRig(t, busy(3))
	c := r.Coverage()
	if len(c) != int(numCounters) || c["boots"] != 3 || c["leaders elected"] != 1 {
		t.Errorf("counted %v", c)
	}
}
