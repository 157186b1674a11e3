package machines

import (
	"errors"
	"testing"
	"time"

	"partita/nemesis/wire"
	"partita/node/api"
	"partita/raft/core"
	"partita/sim/engine"
)

// TestCalls: what a client learns of its request is what an api.Client over
// real connections would.
func TestCalls(t *testing.T) {
	get, put := api.Request{Op: api.Get, Key: "k"}, api.Request{Op: api.Put, Key: "k", Value: "v"}
	kill := func(m *machine, _ *engine.Task) { m.kill(wire.PathKill) }
	again := func(m *machine, t *engine.Task) {
		m.kill(wire.PathKill)
		m.start()
		t.Sleep(30 * time.Second) // until somebody leads
	}
	pause := func(m *machine, _ *engine.Task) { m.pause(true) }
	resume := func(m *machine, _ *engine.Task) { m.pause(false) }
	cutOff := func(m *machine, _ *engine.Task) {
		for _, l := range m.cluster.links[m.id-1] {
			if l != nil {
				l.setRule(cutting)
			}
		}
	}
	cases := []struct {
		name     string
		request  api.Request
		proven   bool                         // a request was answered before
		before   func(*machine, *engine.Task) // the request
		under    func(*machine, *engine.Task) // a second after it was sent
		code     api.Code                     // empty: an answer
		definite bool
		least    time.Duration
		most     time.Duration
	}{
		{"a write", put, false, nil, nil, "", false, 0, 100 * ms},
		{"a read", get, true, nil, nil, "", false, 0, 100 * ms},
		{"a dead node", put, false, kill, nil, api.Unreachable, true, 0, 20 * ms},
		{"a node that has died since", put, true, kill, nil, api.Unreachable, true, 0, 20 * ms},
		{"a node that is another since", put, true, again, nil, "", false, 0, 100 * ms},
		{"a paused node, unproven", put, false, pause, nil, api.Unreachable, true, time.Second, time.Second},
		{"a paused node, unproven, that goes on too late", put, false, pause, resume, api.Unreachable, true, time.Second, 1020 * ms},
		{"a write to a paused node", put, true, pause, nil, api.Timeout, false, 3 * time.Second, 3 * time.Second},
		{"a read of a paused node", get, true, pause, nil, api.Timeout, true, 3 * time.Second, 3 * time.Second},
		{"a write to a paused node that goes on", put, true, pause, resume, "", false, time.Second, 2 * time.Second},
		{"a write to a paused node that is killed", put, true, pause, kill, api.Broken, false, 990 * ms, 1100 * ms},
		{"a read of a paused node that is killed", get, true, pause, kill, api.Broken, true, 990 * ms, 1100 * ms},
		{"a write without a quorum", put, true, cutOff, nil, api.Timeout, false, 3 * time.Second, 3 * time.Second},
		{"a read without a quorum", get, true, cutOff, nil, api.Timeout, true, 3 * time.Second, 3 * time.Second},
		{"a write under way in a node that is killed", put, true, cutOff, kill, api.Broken, false, 990 * ms, 1100 * ms},
		{"a read under way in a node that is killed", get, true, cutOff, kill, api.Broken, true, 990 * ms, 1100 * ms},
		{"an operation that nobody knows", api.Request{Op: "dance", Key: "k"}, true, nil, nil, api.BadRequest, true, 0, 20 * ms},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := busy(3)
			cfg.Core.ElectionTimeout *= 20 // it leads on when it hears of nobody
			r := newRig(t, cfg)
			r.sleep(time.Second)
			var m *machine
			for _, m = range r.machines {
				if m.process.role == core.Leader {
					break
				}
			}
			r.do(func(task *engine.Task) {
				conn := r.Connect(task, 1, 0, time.Hour)
				if c.proven {
					if _, err := conn.Call(m.name, put, time.Second); err != nil {
						t.Fatal(err)
					}
				}
				if c.before != nil {
					c.before(m, task)
				}
				if c.under != nil {
					r.e.After(time.Second, func() { c.under(m, task) })
				}
				began := r.e.Now()
				reply, err := conn.Call(m.name, c.request, 3*time.Second)
				took := r.e.Now() - began
				if took < c.least || took > c.most {
					t.Errorf("it took %v, want %v to %v", took, c.least, c.most)
				}
				var said *api.Error
				switch {
				case c.code == "" && (err != nil || reply.Node != m.name):
					t.Errorf("got %+v, %v, want an answer", reply, err)
				case c.code != "" && !errors.As(err, &said):
					t.Errorf("got %+v, %v, want %s", reply, err, c.code)
				case c.code != "" && (said.Code != c.code || said.Definite != c.definite):
					t.Errorf("got %+v, want %s, definite %v", said, c.code, c.definite)
				}
			})
		})
	}
}

func TestCallsThatAreTooLate(t *testing.T) {
	r := newRig(t, busy(3))
	r.do(func(task *engine.Task) {
		end := r.e.Now() + time.Second
		conn := r.Connect(task, 1, 0, end)
		unreachable := func(node string, timeout time.Duration) {
			t.Helper()
			_, err := conn.Call(node, api.Request{Op: api.Put, Key: "k"}, timeout)
			var said *api.Error
			if !errors.As(err, &said) || said.Code != api.Unreachable || !said.Definite {
				t.Errorf("%s: %v, want a definite %s", node, err, api.Unreachable)
			}
		}
		unreachable("n9", time.Second)
		unreachable("n1", 0)
		r.machine("n1").pause(true)
		unreachable("n1", time.Minute) // until the run ends
		if r.e.Now() != end {
			t.Errorf("a call lasted until %v, and the run until %v", r.e.Now(), end)
		}
		unreachable("n2", time.Second)
	})
}

// TestCloseProvesAnew: a new process of a client begins without connections.
func TestCloseProvesAnew(t *testing.T) {
	r := newRig(t, busy(3))
	r.do(func(task *engine.Task) {
		conn := r.Connect(task, 1, 0, time.Hour)
		ask := func() error {
			_, err := conn.Call("n1", api.Request{Op: api.Put, Key: "k"}, 2*time.Second)
			return err
		}
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		r.machine("n1").pause(true)
		var said *api.Error
		if err := ask(); !errors.As(err, &said) || said.Code != api.Unreachable {
			t.Errorf("%v, want the connection to be proved again", err)
		}
	})
}
