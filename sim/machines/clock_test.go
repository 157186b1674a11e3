package machines

import (
	"math"
	"testing"
	"time"

	"partita/harness/trace"
	"partita/nemesis/wire"
	"partita/node/api"
	"partita/raft/core"
	"partita/sim/engine"
)

const ms = time.Millisecond

// TestTimersFollowTheClock sets a timer of 100 ms, changes the clock after
// 50 ms, and sees when it runs out.
func TestTimersFollowTheClock(t *testing.T) {
	mono := func(offset time.Duration, rate float64) func(*rig, *machine) {
		return func(r *rig, m *machine) {
			if err := m.skew(wire.Clock{Monotonic: &wire.Skew{Offset: int64(offset), Rate: rate}}); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	cases := []struct {
		name   string
		change func(*rig, *machine)
		want   time.Duration
	}{
		{"true", func(*rig, *machine) {}, 100 * ms},
		{"twice as fast", mono(0, 2), 75 * ms},
		{"half as fast", mono(0, 0.5), 150 * ms},
		{"a jump", mono(30*ms, 1), 70 * ms},
		{"a jump beyond", mono(time.Hour, 1), 50 * ms},
		{"a jump, and slower", mono(40*ms, 0.5), 70 * ms},
		{"faster, then healed", func(r *rig, m *machine) {
			mono(0, 2)(r, m)
			r.sleep(10 * ms)
			m.heal()
		}, 90 * ms},
		{"slower, then healed", func(r *rig, m *machine) {
			mono(0, 0.1)(r, m)
			r.sleep(20 * ms)
			m.heal()
		}, 118 * ms},
		{"the real time does not matter", func(r *rig, m *machine) {
			if err := m.skew(wire.Clock{Realtime: &wire.Skew{Offset: int64(time.Hour), Rate: 3}}); err != nil {
				r.t.Fatal(err)
			}
		}, 100 * ms},
		{"set anew, shorter", func(_ *rig, m *machine) { m.process.set(core.ElectionTimer, 10*ms) }, 60 * ms},
		{"set anew, longer", func(_ *rig, m *machine) { m.process.set(core.ElectionTimer, 200*ms) }, 250 * ms},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, quiet(3))
			m := r.machine("n1")
			for _, other := range []string{"n2", "n3"} { // nobody votes for it
				r.machine(other).kill(wire.PathKill)
			}
			began := r.e.Now()
			m.process.set(core.ElectionTimer, 100*ms)
			r.sleep(50 * ms)
			c.change(r, m)
			r.sleep(time.Second)
			var ran []time.Duration
			for _, s := range r.trace {
				if s.Kind == trace.Timer && s.Node == "n1" {
					ran = append(ran, s.At-began)
				}
			}
			// A rate that is no power of two costs a few nanoseconds.
			if len(ran) != 1 || ran[0] < c.want || ran[0] > c.want+time.Microsecond {
				t.Errorf("it ran out at %v, want once, at %v", ran, c.want)
			}
		})
	}
}

func TestAStoppedTimerDoesNotRunOut(t *testing.T) {
	r := newRig(t, quiet(3))
	p := r.machine("n1").process
	p.set(core.ElectionTimer, 100*ms)
	p.execute(core.StopTimer{Timer: core.ElectionTimer})
	r.sleep(time.Second)
	if got := r.steps("n1", 0, trace.Timer); len(got) > 0 {
		t.Errorf("it ran out %d times", len(got))
	}
}

// clocks reads a node's clocks.
func (r *rig) clocks(node string) (c api.Clock) {
	r.t.Helper()
	r.do(func(*engine.Task) {
		var err error
		if c, err = r.w.Clock(node, time.Second); err != nil {
			r.t.Error(err)
		}
	})
	return c
}

func TestClocksAreReadBack(t *testing.T) {
	r := newRig(t, quiet(3))
	// advance is how far both clocks of n1 come in a true second.
	advance := func() (realtime, monotonic time.Duration) {
		before, at := r.clocks("n1"), r.e.Now()
		r.sleep(time.Second)
		after := r.clocks("n1")
		true := float64(r.e.Now() - at)
		return time.Duration(float64(after.Realtime-before.Realtime) / true * 1e9), time.Duration(float64(after.Monotonic-before.Monotonic) / true * 1e9)
	}
	near := func(got, want time.Duration) bool { return (got - want).Abs() < time.Microsecond }
	if realtime, monotonic := advance(); !near(realtime, time.Second) || !near(monotonic, time.Second) {
		t.Errorf("true clocks advance by %v and %v a second", realtime, monotonic)
	}
	r.must("n1", wire.PathClock, wire.Clock{Realtime: &wire.Skew{Offset: -int64(time.Hour), Rate: 1.5}, Monotonic: &wire.Skew{Offset: int64(time.Minute), Rate: 3}})
	s := r.state("n1")
	// The command took effect a hop ago.
	if ahead := time.Duration(s.Clock.Realtime.Offset) + time.Hour; ahead < 0 || ahead > 20*ms || s.Clock.Realtime.Rate != 1.5 {
		t.Errorf("the state says of the real time: %+v", *s.Clock.Realtime)
	}
	if ahead := time.Duration(s.Clock.Monotonic.Offset) - time.Minute; ahead < 0 || ahead > 50*ms || s.Clock.Monotonic.Rate != 3 {
		t.Errorf("the state says of the monotonic time: %+v", *s.Clock.Monotonic)
	}
	if ahead := time.Duration(r.clocks("n1").Realtime - wall - int64(r.e.Now())); ahead > -time.Hour+time.Second || ahead < -time.Hour {
		t.Errorf("the real time is %v ahead, want an hour behind", ahead)
	}
	if realtime, monotonic := advance(); !near(realtime, 1500*ms) || !near(monotonic, 3*time.Second) {
		t.Errorf("skewed clocks advance by %v and %v a second", realtime, monotonic)
	}
	before, at := r.clocks("n1").Monotonic, r.e.Now()
	r.must("n1", wire.PathHeal, nil)
	after := r.clocks("n1")
	if after.Monotonic < before+int64(r.e.Now()-at) {
		t.Errorf("the monotonic clock went back from %d to %d", before, after.Monotonic)
	}
	if after.Realtime != wall+int64(r.e.Now()) {
		t.Errorf("the real time is wrong by %d ns after the heal", after.Realtime-wall-int64(r.e.Now()))
	}
	if realtime, monotonic := advance(); !near(realtime, time.Second) || !near(monotonic, time.Second) {
		t.Errorf("healed clocks advance by %v and %v a second", realtime, monotonic)
	}
}

func TestMonotonicTimeCountsFromTheStart(t *testing.T) {
	r := newRig(t, quiet(3))
	r.must("n1", wire.PathClock, wire.Clock{Monotonic: &wire.Skew{Offset: int64(time.Hour), Rate: 1}})
	r.must("n1", wire.PathKill, nil)
	r.sleep(time.Minute)
	r.must("n1", wire.PathStart, nil)
	r.sleep(time.Second)
	if since := time.Duration(r.clocks("n1").Monotonic); since < time.Second || since > 2*time.Second {
		t.Errorf("a process that started a second ago says %v", since)
	}
}

func TestClocksThatCannotBeSet(t *testing.T) {
	cases := []struct {
		name string
		ask  wire.Clock
		ok   bool
	}{
		{"back", wire.Clock{Monotonic: &wire.Skew{Offset: int64(time.Second), Rate: 1}}, false},
		{"back to true", wire.Clock{Monotonic: &wire.Skew{Rate: 1}}, false},
		{"on", wire.Clock{Monotonic: &wire.Skew{Offset: int64(time.Minute), Rate: 1}}, true},
		{"real time back", wire.Clock{Realtime: &wire.Skew{Offset: -int64(time.Hour), Rate: 1}}, true},
		{"at a stand", wire.Clock{Monotonic: &wire.Skew{Offset: int64(time.Minute)}}, false},
		{"backwards", wire.Clock{Realtime: &wire.Skew{Rate: -1}}, false},
		{"at no rate", wire.Clock{Realtime: &wire.Skew{Rate: math.NaN()}}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, quiet(1))
			r.must("n1", wire.PathClock, wire.Clock{Monotonic: &wire.Skew{Offset: int64(10 * time.Second), Rate: 1}})
			before := r.state("n1").Clock
			err := r.ask("n1", wire.PathClock, c.ask, nil)
			if (err == nil) != c.ok {
				t.Errorf("it says %v", err)
			}
			if after := r.state("n1").Clock; !c.ok && (*after.Monotonic != *before.Monotonic || *after.Realtime != *before.Realtime) {
				t.Errorf("it was refused, and the clocks are %+v, %+v", *after.Monotonic, *after.Realtime)
			}
		})
	}
}
