package machines

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"partita/harness/cluster"
	"partita/harness/trace"
	"partita/nemesis/wire"
	"partita/node/api"
	"partita/raft/core"
	"partita/sim/engine"
)

// writing has a client put values to a node for as long as the cluster runs.
func (r *rig) writing(node string) {
	r.e.Go(func(t *engine.Task) {
		c := r.Connect(t, 0, 0, time.Hour)
		for i := 0; ; i++ {
			c.Call(node, api.Request{Op: api.Put, Key: "k", Value: fmt.Sprint(i)}, time.Second)
			c.Sleep(ms)
		}
	})
}

func TestPowerFails(t *testing.T) {
	cases := []struct {
		name  string
		power wire.Power
		by    time.Duration // off at the latest
	}{
		{"at the next call", wire.Power{Calls: 1, Within: int64(time.Minute)}, time.Second},
		{"at the seventh call", wire.Power{Calls: 7, Within: int64(time.Minute)}, time.Second},
		{"at the seventh call, torn", wire.Power{Calls: 7, Within: int64(time.Minute), Torn: true}, time.Second},
		{"within a time", wire.Power{Calls: 1 << 30, Within: int64(3 * time.Second)}, 3100 * ms},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, busy(3))
			r.writing("n1")
			r.sleep(500 * ms)
			m := r.machine("n1")
			began, calls := r.e.Now(), m.disk.Calls()
			done := r.must("n1", wire.PathPower, c.power)
			if took := r.e.Now() - began; took > c.by || c.power.Calls == 1<<30 && took < time.Duration(c.power.Within) {
				t.Errorf("the power was off after %v, want %v", took, c.by)
			}
			if done.PID != 0 || done.Ended != shared(r.e.Now()) {
				t.Errorf("answered %+v", done)
			}
			// The command takes a while to come; calls before it do not count.
			if made := m.disk.Calls() - calls; made < c.power.Calls && c.power.Calls < 1<<30 {
				t.Errorf("the disk saw %d calls, want %d at least", made, c.power.Calls)
			}
			s := r.state("n1")
			torn := 0
			if c.power.Torn {
				torn = 1
			}
			if s.Power.Losses != 1 || s.Power.Torn != torn || len(s.Exits) != 1 || s.Exits[0].Signal != wire.SignalPower || !s.Exits[0].Asked {
				t.Errorf("power %+v, exits %+v", s.Power, s.Exits)
			}
			if err := r.ask("n1", wire.PathPower, c.power, nil); err == nil {
				t.Error("the power can be lost twice")
			}
			r.must("n1", wire.PathStart, nil)
			r.sleep(2 * time.Second)
			if m.process == nil || m.process.leader == core.None {
				t.Error("the node is not back")
			}
			r.must("n1", wire.PathPower, wire.Power{Calls: 1, Within: int64(time.Second)})
			if got := r.state("n1").Power.Losses; got != 2 {
				t.Errorf("%d losses, want 2", got)
			}
			if v := r.Watch().Broken(); v != nil {
				t.Error(v)
			}
		})
	}
}

// TestPowerFailsAtEachCall: wherever it falls while a node writes, what was
// promised is there afterwards; and writes and names are lost, torn or not.
func TestPowerFailsAtEachCall(t *testing.T) {
	for _, torn := range []bool{false, true} {
		writes, names := 0, 0
		for call := 1; call <= 80; call++ {
			cfg := busy(3)
			cfg.Seed = uint64(call) // decides what a torn disk keeps
			cfg.SegmentBytes, cfg.SnapshotEvery, cfg.Logs, cfg.Trace = 512, 10, false, false
			r := newRig(t, cfg)
			r.writing("n1")
			r.must("n1", wire.PathPower, wire.Power{Calls: call, Within: int64(time.Minute), Torn: torn})
			r.must("n1", wire.PathStart, nil)
			r.sleep(time.Second)
			if v := r.Watch().Broken(); v != nil {
				t.Fatalf("power off at call %d, torn %v: %v", call, torn, v)
			}
			s := r.state("n1")
			writes, names = writes+s.Power.Writes, names+s.Power.Names
			if s.PID == 0 {
				t.Fatalf("power off at call %d, torn %v: it does not run, exits %+v", call, torn, s.Exits)
			}
		}
		if writes == 0 || names == 0 {
			t.Errorf("torn %v: 80 losses of power took %d writes and %d names", torn, writes, names)
		}
	}
}

func TestPowerOfWhatDoesNotRun(t *testing.T) {
	r := newRig(t, quiet(1))
	r.must("n1", wire.PathKill, nil)
	r.must("n1", wire.PathPower, wire.Power{Calls: 1, Within: int64(time.Second)})
	if s := r.state("n1"); len(s.Exits) != 1 || s.Power.Losses != 1 {
		t.Errorf("exits %+v, power %+v: want the kill alone, and a loss", s.Exits, s.Power)
	}
	for _, p := range []wire.Power{{Calls: 0, Within: 1}, {Calls: 1}, {Calls: -1, Within: -1}} {
		r.must("n1", wire.PathStart, nil)
		if err := r.ask("n1", wire.PathPower, p, nil); err == nil {
			t.Errorf("%+v was taken", p)
		}
	}
}

func TestTwoLossesAskedForAtOnce(t *testing.T) {
	r := newRig(t, quiet(1))
	ask := cluster.Command{Node: "n1", Path: wire.PathPower, Body: wire.Power{Calls: 1, Within: int64(time.Second)}}
	var answers []cluster.Answer
	r.do(func(*engine.Task) { answers = r.w.Agents([]cluster.Command{ask, ask}, time.Minute) })
	if first, second := answers[0].Err == nil, answers[1].Err == nil; first == second {
		t.Errorf("answers %v: want one of two", answers)
	}
	if got := r.state("n1").Power.Losses; got != 1 {
		t.Errorf("%d losses, want 1", got)
	}
}

func TestDiskTrouble(t *testing.T) {
	cases := []struct {
		name    string
		trouble wire.Disk
		did     wire.DiskCount
	}{
		{"a sync fails", wire.Disk{FailSync: 1}, wire.DiskCount{FailedSyncs: 1}},
		{"a later sync fails", wire.Disk{FailSync: 5}, wire.DiskCount{FailedSyncs: 1}},
		{"a write fails", wire.Disk{FailWrite: 1}, wire.DiskCount{FailedWrites: 1}},
		{"a later write fails", wire.Disk{FailWrite: 5}, wire.DiskCount{FailedWrites: 1}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, busy(3))
			r.writing("n1")
			r.must("n1", wire.PathDisk, c.trouble)
			r.sleep(2 * time.Second)
			s := r.state("n1")
			if len(s.Exits) != 1 || s.Exits[0].Code != 3 || s.Exits[0].Asked || s.PID != 0 {
				t.Fatalf("PID %d, exits %+v: want one by itself, with code 3", s.PID, s.Exits)
			}
			if s.Disk != c.did || s.DiskTrouble != (wire.Disk{}) {
				t.Errorf("the disk did %+v and will %+v", s.Disk, s.DiskTrouble)
			}
			_, logs := r.States()
			if last := logs["n1"][len(logs["n1"])-1].Line; !strings.Contains(last, `"code":3`) || !strings.Contains(last, errDisk.Error()) {
				t.Errorf("the last line is %s", last)
			}
			r.must("n1", wire.PathStart, nil)
			r.sleep(time.Second)
			if r.machine("n1").process == nil {
				t.Error("it does not start again")
			}
			if v := r.Watch().Broken(); v != nil {
				t.Error(v)
			}
		})
	}
}

func TestASlowDisk(t *testing.T) {
	r := newRig(t, quiet(3))
	// took is how long n2 takes to write a new term down.
	took := func(term core.Term) time.Duration {
		began := r.e.Now()
		r.machine("n2").process.step(core.Received{Envelope: lead(term)})
		r.sleep(time.Second)
		for _, s := range r.trace {
			if s.Kind == trace.Durable && s.Node == "n2" && s.At >= began {
				return s.At - began
			}
		}
		t.Fatal("it was never written")
		return 0
	}
	if d := took(1); d > 20*ms {
		t.Errorf("a healthy disk took %v", d)
	}
	r.must("n2", wire.PathDisk, wire.Disk{Slow: int64(300 * ms)})
	if d := took(2); d < 300*ms || d > 320*ms {
		t.Errorf("a slow disk took %v, want 300 ms more", d)
	}
	if s := r.state("n2"); s.Disk.Slowed != 1 || s.DiskTrouble.Slow != int64(300*ms) {
		t.Errorf("slowed %d, trouble %+v", s.Disk.Slowed, s.DiskTrouble)
	}
	r.must("n2", wire.PathHeal, nil)
	if d := took(3); d > 20*ms {
		t.Errorf("a healed disk took %v", d)
	}
}

// TestASyncUnderWayDoesNotCount: the first call of a fault that is asked for
// begins after it.
func TestASyncUnderWayDoesNotCount(t *testing.T) {
	for _, c := range []struct {
		name string
		ask  func(*machine) error
	}{
		{"power", func(m *machine) error {
			m.power.asked++
			m.power.calls, m.power.done = 1, func() {}
			return nil
		}},
		{"a failing sync", func(m *machine) error { return m.obey(nil, wire.PathDisk, wire.Disk{FailSync: 1}, nil) }},
	} {
		cfg := quiet(3)
		cfg.Disk = Latency{Least: 10 * ms, Most: 10 * ms, Slow: 10 * ms}
		r := newRig(t, cfg)
		m := r.machine("n2")
		m.process.step(core.Received{Envelope: lead(1)})
		r.sleep(5 * ms)
		if err := c.ask(m); err != nil {
			t.Fatal(err)
		}
		r.sleep(time.Second)
		if m.process == nil {
			t.Errorf("%s: it came at the sync that was under way", c.name)
			continue
		}
		m.process.step(core.Received{Envelope: lead(2)})
		r.sleep(time.Second)
		if m.process != nil {
			t.Errorf("%s: it never came", c.name)
		}
	}
}
