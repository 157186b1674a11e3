package machines

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"partita/harness/cluster"
	"partita/nemesis/wire"
	"partita/node/api"
	"partita/sim/engine"
)

func TestAgentCommands(t *testing.T) {
	rules := wire.Drop{Rules: []wire.Rule{{From: "n2"}}}
	cases := []struct {
		name  string
		path  string
		body  any
		check func(wire.State) bool
	}{
		{"stop", wire.PathStop, nil, func(s wire.State) bool {
			return s.PID == 0 && len(s.Exits) == 1 && s.Exits[0].Code == 0 && s.Exits[0].Asked && s.Exits[0].Signal == ""
		}},
		{"kill", wire.PathKill, nil, func(s wire.State) bool {
			return s.PID == 0 && len(s.Exits) == 1 && s.Exits[0].Code == -1 && s.Exits[0].Signal == "killed"
		}},
		{"start what runs", wire.PathStart, nil, func(s wire.State) bool { return s.PID != 0 && s.Boots == 1 }},
		{"pause", wire.PathPause, nil, func(s wire.State) bool { return s.Stopped }},
		{"resume what runs", wire.PathResume, nil, func(s wire.State) bool { return !s.Stopped && s.PID != 0 }},
		{"drop", wire.PathDrop, rules, func(s wire.State) bool { return len(s.Rules) == 1 && s.Rules[0].Rule == rules.Rules[0] }},
		{"packets", wire.PathPackets, wire.Packets{Rules: []wire.PacketRule{{From: "n3", Loss: 1}}}, func(s wire.State) bool {
			return slices.Equal(s.PacketRules, []wire.PacketRule{{From: "n3", Loss: 1}})
		}},
		{"clock", wire.PathClock, wire.Clock{Realtime: &wire.Skew{Offset: 5e9, Rate: 1}}, func(s wire.State) bool {
			return s.Clock.Realtime.Offset == 5e9 && s.Clock.Monotonic.Offset == 0
		}},
		{"disk", wire.PathDisk, wire.Disk{Slow: 7, FailSync: 900, FailWrite: 800}, func(s wire.State) bool {
			return s.DiskTrouble == wire.Disk{Slow: 7, FailSync: 900, FailWrite: 800}
		}},
		{"heal", wire.PathHeal, nil, func(s wire.State) bool { return s.PID != 0 && s.Boots == 1 }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, quiet(3))
			began := r.e.Now()
			done := r.must("n1", c.path, c.body)
			s := r.state("n1")
			if !c.check(s) {
				t.Errorf("state %+v", s)
			}
			if done.Began <= shared(began) || done.Ended < done.Began || done.PID != s.PID {
				t.Errorf("answered %+v, with PID %d afterwards", done, s.PID)
			}
			if s.Node != "n1" || s.Monotonic != s.Now || s.Realtime != wall+s.Now-epoch {
				t.Errorf("clocks %d, %d, %d of %s", s.Now, s.Monotonic, s.Realtime, s.Node)
			}
		})
	}
}

func TestHealEndsEveryFault(t *testing.T) {
	r := newRig(t, quiet(3))
	r.must("n1", wire.PathDrop, wire.Drop{Rules: []wire.Rule{{From: "n2"}, {From: "n3", OneWay: true}}})
	r.must("n1", wire.PathPackets, wire.Packets{Rules: []wire.PacketRule{{From: "n3", Loss: 1}}})
	r.must("n1", wire.PathClock, wire.Clock{Realtime: &wire.Skew{Offset: 5e9, Rate: 2}, Monotonic: &wire.Skew{Offset: 1e9, Rate: 2}})
	r.must("n1", wire.PathDisk, wire.Disk{Slow: 7, FailSync: 900, FailWrite: 800})
	r.must("n1", wire.PathPause, nil)
	r.must("n1", wire.PathHeal, nil)
	s := r.state("n1")
	if s.Stopped || len(s.Rules) > 0 || len(s.PacketRules) > 0 || s.DiskTrouble != (wire.Disk{}) ||
		*s.Clock.Realtime != (wire.Skew{Rate: 1}) || s.Clock.Monotonic.Rate != 1 || s.Clock.Monotonic.Offset < 1e9 {
		t.Errorf("after the heal: %+v, clocks %+v %+v", s, *s.Clock.Realtime, *s.Clock.Monotonic)
	}
	r.must("n1", wire.PathKill, nil)
	r.must("n1", wire.PathHeal, nil)
	if s := r.state("n1"); s.PID != 0 {
		t.Error("the heal started a node")
	}
}

func TestWhatNoAgentKnows(t *testing.T) {
	r := newRig(t, quiet(3))
	var wrong wire.Probes
	cases := []struct {
		name, node, path string
		into             any
		says             string
	}{
		{"a command", "n1", "/v1/dance", nil, "the agent of n1 knows no /v1/dance"},
		{"a node", "n9", wire.PathHeal, nil, `no node "n9"`},
		{"an answer of another kind", "n1", wire.PathState, &wrong, "the answer is a wire.State"},
	}
	for _, c := range cases {
		if err := r.ask(c.node, c.path, nil, c.into); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
	}
}

// TestAgentsInTime: who has answered by the timeout has, and the others are
// said to be late.
func TestAgentsInTime(t *testing.T) {
	r := newRig(t, quiet(3))
	commands := []cluster.Command{
		{Node: "n1", Path: wire.PathPower, Body: wire.Power{Calls: 1 << 30, Within: int64(10 * time.Second)}},
		{Node: "n2", Path: wire.PathPause},
		{Node: "n9", Path: wire.PathPause},
	}
	var answers []cluster.Answer
	began := r.e.Now()
	r.do(func(*engine.Task) { answers = r.w.Agents(commands, time.Second) })
	if took := r.e.Now() - began; took != time.Second {
		t.Errorf("it took %v, want the timeout", took)
	}
	if err := answers[0].Err; err == nil || !strings.Contains(err.Error(), "the agent of n1 did not answer in time") {
		t.Errorf("n1: %v", err)
	}
	if answers[1].Err != nil || answers[2].Err == nil {
		t.Errorf("n2: %v, n9: %v", answers[1].Err, answers[2].Err)
	}
	for i, a := range answers {
		if a.Node != commands[i].Node {
			t.Errorf("answer %d is of %q", i, a.Node)
		}
	}
	r.sleep(10 * time.Second)
	if r.state("n1").PID != 0 {
		t.Error("a command that was late took no effect")
	}
}

func TestWorld(t *testing.T) {
	r := newRig(t, busy(3))
	r.sleep(time.Second)
	ending := false
	var task *engine.Task
	var slept time.Duration
	var err error
	r.do(func(t *engine.Task) {
		task = t
		w := r.World(t, "plan", r.e.Now(), func() bool { return ending })
		r.e.After(3*time.Second, func() { task.Wake() }) // a wake alone ends no sleep
		r.e.After(5*time.Second, func() { ending = true; task.Wake() })
		if err := w.Sleep(4 * time.Second); err != nil || w.Now() != 4*time.Second {
			r.t.Errorf("slept until %v: %v", w.Now(), err)
		}
		err = w.Sleep(time.Hour)
		slept = w.Now()
		if got := w.Monotonic(Shared(r.e.Now())); got != w.Now() {
			r.t.Errorf("the shared clock says %v, the world %v", got, w.Now())
		}
	})
	if !errors.Is(err, cluster.ErrEnding) || slept != 5*time.Second {
		t.Errorf("a sleep of an hour ended at %v: %v", slept, err)
	}
	leader := ""
	r.do(func(*engine.Task) {
		for _, node := range r.w.Nodes() {
			s, err := r.w.Status(node, time.Second)
			if err != nil || s.Node != node || s.Term == 0 || s.Boot != 1 {
				t.Errorf("%s: %+v, %v", node, s, err)
			}
			if s.Role == "leader" {
				leader = node
			}
			if s.Leader == "" {
				t.Errorf("%s follows nobody", node)
			}
		}
	})
	if leader == "" {
		t.Error("nobody leads")
	}
}

// TestWhoDoesNotAnswer: neither a process that is paused nor none at all.
func TestWhoDoesNotAnswer(t *testing.T) {
	r := newRig(t, quiet(3))
	r.must("n1", wire.PathPause, nil)
	r.must("n2", wire.PathKill, nil)
	for node, least := range map[string]time.Duration{"n1": 500 * ms, "n2": 0, "n9": 0} {
		began := r.e.Now()
		r.do(func(*engine.Task) {
			if _, err := r.w.Status(node, 500*ms); err == nil {
				t.Errorf("%s said its status", node)
			}
			var said *api.Error
			if _, err := r.w.Clock(node, 500*ms); err == nil || node != "n9" && (!errors.As(err, &said) || !said.Definite) {
				t.Errorf("%s said its time, or %v", node, err)
			}
		})
		if took := r.e.Now() - began; took < 2*least || took > 2*least+20*ms {
			t.Errorf("%s: it took %v", node, took)
		}
	}
	began := r.e.Now()
	r.e.After(200*ms, func() { r.machine("n1").pause(false) })
	r.do(func(*engine.Task) {
		if _, err := r.w.Status("n1", time.Second); err != nil {
			t.Error(err)
		}
	})
	if took := r.e.Now() - began; took < 200*ms || took > 230*ms {
		t.Errorf("it answered %v after the question, and was paused for 200 ms of it", took)
	}
}
