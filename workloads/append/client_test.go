package append

import (
	"testing"
	"time"

	"partita/harness/cluster"
	"partita/harness/generator"
	"partita/harness/history"
	"partita/node/api"
)

// scripted answers one call and keeps what was asked.
type scripted struct {
	reply api.Reply
	err   error
	node  string
	asked []api.Request
}

var _ cluster.Env = (*scripted)(nil)

func (s *scripted) Now() time.Duration  { return 0 }
func (s *scripted) Sleep(time.Duration) {}
func (s *scripted) Call(node string, req api.Request, timeout time.Duration) (api.Reply, error) {
	s.node, s.asked = node, append(s.asked, req)
	return s.reply, s.err
}

func TestInvoke(t *testing.T) {
	read := history.Event{F: Read, Key: "k", Node: "n2"}
	add := history.Event{F: Append, Key: "k", Value: history.Int(7), Node: "n2"}
	get := api.Request{Op: api.Get, Key: "k"}
	put := api.Request{Op: api.Append, Key: "k", Value: "7,"}
	cases := []struct {
		name  string
		op    history.Event
		reply api.Reply
		err   error
		asked api.Request
		typ   history.Type
		value string
	}{
		{"read a list", read, api.Reply{Found: true, Value: "17,-4,"}, nil, get, history.OK, "[17,-4]"},
		{"read nothing", read, api.Reply{}, nil, get, history.OK, "[]"},
		{"read a number cut short", read, api.Reply{Found: true, Value: "17,1"}, nil, get, history.OK, `"17,1"`},
		{"read nothing between commas", read, api.Reply{Found: true, Value: "17,,"}, nil, get, history.OK, `"17,,"`},
		{"read what nobody wrote", read, api.Reply{Found: true, Value: "007,"}, nil, get, history.OK, `"007,"`},
		{"read that failed", read, api.Reply{}, &api.Error{Code: api.Timeout, Definite: true}, get, history.Fail, ""},
		{"append", add, api.Reply{Found: true, Value: "17,7,"}, nil, put, history.OK, "[17,7]"},
		{"append that says nothing", add, api.Reply{Found: true}, nil, put, history.OK, "[]"},
		{"definite", add, api.Reply{}, &api.Error{Code: api.NoLeader, Definite: true}, put, history.Fail, "7"},
		{"indefinite", add, api.Reply{}, &api.Error{Code: api.Lost}, put, history.Info, "7"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			env := &scripted{reply: c.reply, err: c.err}
			client := NewClient(generator.Worker{Node: "n2"}, []string{"n1", "n2"})
			if client.Node() != "n2" {
				t.Errorf("begins at %s", client.Node())
			}
			done := client.Invoke(env, c.op)
			if len(env.asked) != 1 || env.asked[0] != c.asked || env.node != "n2" {
				t.Errorf("asked %s for %+v", env.node, env.asked)
			}
			if done.Type != c.typ || string(done.Value) != c.value || (done.Error != "") != (c.err != nil) {
				t.Errorf("completed as %+v with value %s", done, done.Value)
			}
		})
	}
}
