package register

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
	write := history.Event{F: Write, Key: "k", Value: history.Int(7), Node: "n2"}
	cas := history.Event{F: CAS, Key: "k", Value: history.Int(7), Old: history.Int(6), Node: "n2"}
	first := history.Event{F: CAS, Key: "k", Value: history.Int(7), Old: history.Null(), Node: "n2"}
	get := api.Request{Op: api.Get, Key: "k"}
	cases := []struct {
		name    string
		op      history.Event
		reply   api.Reply
		err     error
		asked   api.Request
		typ     history.Type
		value   string
		swapped string
	}{
		{"read a value", read, api.Reply{Found: true, Value: "17"}, nil, get, history.OK, "17", ""},
		{"read nothing", read, api.Reply{}, nil, get, history.OK, "null", ""},
		{"read an empty text", read, api.Reply{Found: true}, nil, get, history.OK, `""`, ""},
		{"read what nobody wrote", read, api.Reply{Found: true, Value: "007"}, nil, get, history.OK, `"007"`, ""},
		{"write", write, api.Reply{Found: true, Value: "17"}, nil, api.Request{Op: api.Put, Key: "k", Value: "7"}, history.OK, "7", ""},
		{"swap", cas, api.Reply{Swapped: true}, nil, api.Request{Op: api.CAS, Key: "k", Value: "7", Old: "6"}, history.OK, "7", "true"},
		{"no swap is ok", cas, api.Reply{Found: true}, nil, api.Request{Op: api.CAS, Key: "k", Value: "7", Old: "6"}, history.OK, "7", "false"},
		{"swap from nothing", first, api.Reply{Swapped: true}, nil, api.Request{Op: api.CAS, Key: "k", Value: "7", OldAbsent: true}, history.OK, "7", "true"},
		{"definite", write, api.Reply{}, &api.Error{Code: api.Timeout, Definite: true}, api.Request{Op: api.Put, Key: "k", Value: "7"}, history.Fail, "7", ""},
		{"indefinite", write, api.Reply{}, &api.Error{Code: api.Unreachable}, api.Request{Op: api.Put, Key: "k", Value: "7"}, history.Info, "7", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			env := &scripted{reply: c.reply, err: c.err}
			done := NewClient(generator.Worker{Node: "n2"}, []string{"n1", "n2"}).Invoke(env, c.op)
			if len(env.asked) != 1 || env.asked[0] != c.asked || env.node != "n2" {
				t.Errorf("asked %s for %+v", env.node, env.asked)
			}
			swapped := ""
			if done.Swapped != nil {
				swapped = map[bool]string{true: "true", false: "false"}[*done.Swapped]
			}
			if done.Type != c.typ || string(done.Value) != c.value || swapped != c.swapped || (done.Error != "") != (c.err != nil) {
				t.Errorf("completed as %+v with value %s", done, done.Value)
			}
		})
	}
}
