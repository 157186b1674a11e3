package route

import (
	"errors"
	"testing"
	"time"

	"partita/harness/cluster"
	"partita/harness/generator"
	"partita/harness/history"
	"partita/node/api"
)

// scripted answers every call alike.
type scripted struct {
	reply api.Reply
	err   error
}

var _ cluster.Env = scripted{}

func (s scripted) Now() time.Duration  { return 0 }
func (s scripted) Sleep(time.Duration) {}
func (s scripted) Call(string, api.Request, time.Duration) (api.Reply, error) {
	return s.reply, s.err
}

func TestCall(t *testing.T) {
	cases := []struct {
		name string
		err  error
		typ  history.Type
		text string
	}{
		{"answered", nil, history.OK, ""},
		{"definite", &api.Error{Code: api.Timeout, Message: "late", Definite: true}, history.Fail, "timeout: late"},
		{"indefinite", &api.Error{Code: api.Unreachable, Message: "gone"}, history.Info, "unreachable: gone"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			op := history.Event{F: "write", Key: "k", Value: history.Int(7), Node: "n1"}
			reply, done := New(generator.Worker{Node: "n1"}, []string{"n1"}).Call(scripted{api.Reply{Value: "x"}, c.err}, op, api.Request{})
			if done.Type != c.typ || done.Error != c.text || done.Key != "k" || string(done.Value) != "7" {
				t.Errorf("completed as %+v", done)
			}
			if (reply.Value == "x") != (c.err == nil) {
				t.Errorf("the reply is %+v", reply)
			}
		})
	}
}

func TestCallKnowsNoOtherErrors(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an error that says nothing of definiteness is taken")
		}
	}()
	New(generator.Worker{Node: "n1"}, []string{"n1"}).Call(scripted{err: errors.New("odd")}, history.Event{}, api.Request{})
}

func TestWhereTheNextOperationGoes(t *testing.T) {
	nodes := []string{"n1", "n2", "n3"}
	cases := []struct {
		name string
		role generator.Role
		err  error
		want string
	}{
		{"roaming stays while all is well", generator.Roaming, nil, "n3"},
		{"roaming follows the leader", generator.Roaming, &api.Error{Code: api.NotAccepted, Leader: "n2"}, "n2"},
		{"roaming leaves a silent node", generator.Roaming, &api.Error{Code: api.Unreachable}, "n1"},
		{"roaming leaves a leader that fails", generator.Roaming, &api.Error{Code: api.Timeout, Leader: "n3"}, "n1"},
		{"roaming ignores a stranger", generator.Roaming, &api.Error{Code: api.NoLeader, Leader: "n9"}, "n1"},
		{"a reader stays", generator.Reader, &api.Error{Code: api.NotAccepted, Leader: "n2"}, "n3"},
		{"a writer stays", generator.Writer, &api.Error{Code: api.Unreachable}, "n3"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := New(generator.Worker{Role: c.role, Node: "n3"}, nodes)
			r.Call(scripted{err: c.err}, history.Event{Node: r.Node()}, api.Request{})
			if r.Node() != c.want {
				t.Errorf("the next operation goes to %s, want %s", r.Node(), c.want)
			}
		})
	}
}
