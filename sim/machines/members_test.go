package machines

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"partita/harness/trace"
	"partita/node/api"
	"partita/raft/core"
	"partita/sim/engine"
)

// grown is a cluster of three members and two machines that wait.
func grown(t *testing.T) *rig {
	cfg := busy(5)
	cfg.Members = 3
	return newRig(t, cfg)
}

// leader is who leads.
func (r *rig) leader() string {
	r.t.Helper()
	r.until("somebody leads", r.Leads)
	for _, m := range r.machines {
		if m.process != nil && m.process.role == core.Leader {
			return m.name
		}
	}
	return ""
}

// change asks the leader, again and again as a plan would, for a change.
func (r *rig) change(changes ...api.MemberChange) api.Members {
	r.t.Helper()
	var members api.Members
	r.do(func(task *engine.Task) {
		for range 100 {
			var err error
			if members, err = r.w.ChangeMembers(r.leader(), changes, 5*time.Second); err == nil {
				return
			}
			task.Sleep(50 * ms)
		}
		r.t.Errorf("%v never came about", changes)
	})
	return members
}

func TestChangeMembers(t *testing.T) {
	r := grown(t)
	for _, waits := range []string{"n4", "n5"} {
		if s := r.machine(waits).process.core.Status(); len(s.Members.Voters) > 0 || s.Last > 0 {
			t.Errorf("%s waits, and has %+v", waits, s)
		}
	}
	members := r.change(api.MemberChange{Op: api.AddLearner, Node: "n4"})
	if want := []string{"n4"}; !reflect.DeepEqual(members.Learners, want) || members.Leader != r.leader() {
		t.Errorf("members %+v, want the learners %v and the leader", members, want)
	}
	members = r.change(api.MemberChange{Op: api.AddVoter, Node: "n4"}, api.MemberChange{Op: api.Remove, Node: "n1"})
	if want := []string{"n2", "n3", "n4"}; !reflect.DeepEqual(members.Voters, want) || len(members.Outgoing) > 0 {
		t.Errorf("members %+v, want the voters %v", members, want)
	}
	r.sleep(time.Second)
	r.do(func(*engine.Task) {
		s, err := r.w.Status("n4", time.Second)
		if err != nil || !reflect.DeepEqual(s.Members.Voters, members.Voters) {
			t.Errorf("the new voter's status is %+v, %v", s.Members, err)
		}
	})
	c := r.Coverage()
	if c["joint configurations"] != 1 || c["learners promoted"] != 1 {
		t.Errorf("%d joint configurations and %d promotions are counted, want one each", c["joint configurations"], c["learners promoted"])
	}
	if v := r.Watch().Broken(); v != nil {
		t.Error(v)
	}
}

func TestTransfer(t *testing.T) {
	r := newRig(t, busy(3))
	was := r.leader()
	to := map[string]string{"n1": "n2", "n2": "n3", "n3": "n1"}[was]
	r.do(func(task *engine.Task) {
		task.Sleep(time.Second)
		if _, err := r.w.Transfer(was, to, 5*time.Second); err != nil {
			t.Error(err)
		}
	})
	r.until("the other leads", func() bool { return r.machine(to).process.role == core.Leader })
	if n := r.Coverage()["leaders transferred"]; n != 1 {
		t.Errorf("%d transfers are counted", n)
	}
	told := false
	for _, s := range r.trace {
		told = told || s.Kind == trace.Deliver && s.Node == to && strings.HasPrefix(s.Text, "TimeoutNow")
	}
	if !told {
		t.Error("the account does not tell that the leader asked for it")
	}
}

// TestOrdersThatFail: what a node refuses is definite, and what it does not
// answer is not.
func TestOrdersThatFail(t *testing.T) {
	changes := []api.MemberChange{{Op: api.AddLearner, Node: "n4"}}
	cases := []struct {
		name     string
		do       func(r *rig) error
		code     api.Code
		definite bool
	}{
		{"of one that does not lead", func(r *rig) error {
			_, err := r.w.ChangeMembers(map[bool]string{true: "n2", false: "n1"}[r.leader() == "n1"], changes, time.Second)
			return err
		}, api.NotLeader, true},
		{"that make no sense", func(r *rig) error {
			_, err := r.w.ChangeMembers(r.leader(), []api.MemberChange{{Op: api.AddVoter, Node: "n4"}}, time.Second)
			return err
		}, api.BadChange, true},
		{"about nobody", func(r *rig) error {
			_, err := r.w.Transfer(r.leader(), "n9", time.Second)
			return err
		}, api.BadRequest, true},
		{"of one that is not there", func(r *rig) error {
			m := r.machine("n5")
			m.kill("/kill")
			_, err := r.w.Transfer("n5", "n1", time.Second)
			return err
		}, api.Unreachable, true},
		{"of one that dies", func(r *rig) error {
			m := r.machine(r.leader())
			r.e.After(time.Millisecond, func() { m.kill("/kill") })
			_, err := r.w.ChangeMembers(m.name, changes, time.Second)
			return err
		}, api.Broken, false},
		{"to one that is cut off", func(r *rig) error {
			who := r.leader()
			other := map[bool]string{true: "n2", false: "n1"}[who == "n1"]
			r.machine(other).pause(true)
			_, err := r.w.Transfer(who, other, 5*time.Second)
			return err
		}, api.Abandoned, false},
		{"without time", func(r *rig) error {
			_, err := r.w.ChangeMembers(r.leader(), changes, 700*time.Microsecond)
			return err
		}, api.Timeout, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := grown(t)
			var err error
			r.do(func(task *engine.Task) {
				task.Sleep(time.Second)
				err = c.do(r)
			})
			var said *api.Error
			if !errors.As(err, &said) || said.Code != c.code || said.Definite != c.definite {
				t.Errorf("got %v, want %s, definite %v", err, c.code, c.definite)
			}
		})
	}
}

// TestPiecesHaveAStreamOfTheirOwn: nothing waits for a piece of a snapshot,
// which a cut loses.
func TestPiecesHaveAStreamOfTheirOwn(t *testing.T) {
	r := newRig(t, quiet(3))
	l := r.link(1, 2)
	piece := func() int {
		l.send(core.Envelope{To: 2, Message: core.InstallSnapshot{Data: make([]byte, 10<<20)}})
		return r.messages
	}
	first := piece()
	second := r.say(1, 2)
	r.sleep(time.Second)
	if got := numbers(r.arrivals("n1", "n2")); !reflect.DeepEqual(got, []int{second, first}) {
		t.Errorf("arrived %v, want %v before the piece %v", got, second, first)
	}
	piece()
	l.setRule(cutting)
	r.sleep(100 * ms)
	l.setRule(nil)
	r.sleep(time.Second)
	if got := len(r.arrivals("n1", "n2")); got != 2 {
		t.Errorf("%d arrived, want the piece under the cut to be lost", got)
	}
}

// TestDrift: each machine's monotonic clock has a rate of its own, within the
// bound.
func TestDrift(t *testing.T) {
	cfg := quiet(5)
	cfg.Drift = 0.2
	r := newRig(t, cfg)
	rates := map[float64]bool{}
	for _, m := range r.machines {
		if m.mono.rate < 0.8 || m.mono.rate > 1.2 {
			t.Errorf("the clock of %s has rate %v", m.name, m.mono.rate)
		}
		rates[m.mono.rate] = true
		before := m.now()
		r.sleep(10 * time.Second)
		if ran := float64(m.now()-before) / 1e10; ran < m.mono.rate-0.001 || ran > m.mono.rate+0.001 {
			t.Errorf("the core of %s is told that %v of the time passed, at rate %v", m.name, ran, m.mono.rate)
		}
	}
	if len(rates) < 5 {
		t.Errorf("rates %v, want five", rates)
	}
}
