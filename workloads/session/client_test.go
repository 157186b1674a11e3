package session

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"partita/harness/cluster"
	"partita/harness/generator"
	"partita/harness/history"
	"partita/node/api"
)

// scripted answers call after call, each at once but for a timeout, and keeps
// what was asked. Opening a session is answered by itself.
type scripted struct {
	now     time.Duration
	opened  uint64
	answers []string
	asked   []string
}

var _ cluster.Env = (*scripted)(nil)

func (s *scripted) Now() time.Duration    { return s.now }
func (s *scripted) Sleep(d time.Duration) { s.now += d }

// Call takes the next answer: "[1]" is a list, "again [1]" one that is a
// duplicate, anything else the code of an error.
func (s *scripted) Call(node string, req api.Request, timeout time.Duration) (api.Reply, error) {
	if req.Op == api.OpenSession && (len(s.answers) == 0 || !strings.HasPrefix(s.answers[0], "open: ")) {
		s.opened++
		s.asked = append(s.asked, node+" open")
		return api.Reply{Session: s.opened}, nil
	}
	s.asked = append(s.asked, fmt.Sprintf("%s %d.%d %s", node, req.Session, req.Number, req.Value))
	answer := strings.TrimPrefix(s.answers[0], "open: ")
	s.answers = s.answers[1:]
	list, again := strings.CutPrefix(answer, "again ")
	if inner, is := strings.CutPrefix(list, "["); is {
		return api.Reply{Value: strings.TrimSuffix(inner, "]") + ",", Duplicate: again}, nil
	}
	code := api.Code(answer)
	if code == api.Timeout {
		s.now += timeout
	}
	return api.Reply{}, &api.Error{Code: code, Message: "m", Definite: code != api.Timeout && code != api.Broken}
}

func add(how string, value int64) history.Event {
	return history.Event{F: Append, Key: "k", Value: history.Int(value), Node: "n1", How: how}
}

// copies says what a completion tells of copies.
func copies(done history.Event) string {
	if done.Session == nil {
		return "nothing sent"
	}
	said := fmt.Sprintf("%d.%d:", done.Session.ID, done.Session.Number)
	for _, c := range done.Session.Copies {
		said += " " + c.Node + " "
		if c.Number != 0 {
			said += fmt.Sprintf("(%d) ", c.Number)
		}
		said += c.Answer + string(c.Value)
	}
	return said
}

func TestInvoke(t *testing.T) {
	cases := []struct {
		name    string
		role    generator.Role
		how     string
		answers string // by "; "
		typ     history.Type
		value   string
		copies  string
	}{
		{"answered", generator.Roaming, "", "[7]", history.OK, "[7]", "1.1: n1 ok[7]"},
		{"refused", generator.Roaming, "", "no_leader", history.Fail, "7", "1.1: n1 no_leader"},
		{"a lost answer is asked for elsewhere", generator.Roaming, "", "timeout; broken; again [7]", history.OK, "[7]",
			"1.1: n1 timeout n2 broken n3 duplicate[7]"},
		{"a bound client stays", generator.Writer, "", "timeout; again [7]", history.OK, "[7]", "1.1: n1 timeout n1 duplicate[7]"},
		{"refusals after a lost answer decide nothing", generator.Roaming, "", "broken; no_leader; no_leader; [7]", history.OK, "[7]",
			"1.1: n1 broken n2 no_leader n3 no_leader n1 ok[7]"},
		{"no answer at all", generator.Roaming, "", "timeout; timeout; timeout; timeout", history.Info, "7",
			"1.1: n1 timeout n2 timeout n3 timeout n1 timeout"},
		{"as many copies as there may be", generator.Writer, "", "broken; no_leader; no_leader; no_leader; no_leader; no_leader; no_leader",
			history.Info, "7", "1.1: n1 broken n1 no_leader n1 no_leader n1 no_leader n1 no_leader n1 no_leader n1 no_leader"},
		{"expired at once", generator.Roaming, "", "session_expired; session_expired", history.Fail, "7",
			"1.1: n1 session_expired n2 session_expired"},
		{"expired after a lost answer", generator.Roaming, "", "timeout; session_expired; session_expired", history.Info, "7",
			"1.1: n1 timeout n2 session_expired n3 session_expired"},
		{"expired and yet executed", generator.Roaming, "", "session_expired; [7]", history.OK, "[7]", "1.1: n1 session_expired n2 ok[7]"},
		{"twice", generator.Writer, Twice, "[7]; again [7]", history.OK, "[7]", "1.1: n1 ok[7] n2 duplicate[7]"},
		{"twice, the second lost", generator.Roaming, Twice, "[7]; timeout", history.OK, "[7]", "1.1: n1 ok[7] n2 timeout"},
		{"twice, the first refused", generator.Roaming, Twice, "no_leader", history.Fail, "7", "1.1: n1 no_leader"},
		{"impatient", generator.Roaming, Impatient, "timeout; [7]", history.OK, "[7]", "1.1: n1 timeout n2 ok[7]"},
		{"old without a past", generator.Roaming, Old, "[7]", history.OK, "[7]", "1.1: n1 ok[7]"},
		{"late with nothing aside", generator.Roaming, Late, "[7]; again [7]", history.OK, "[7]", "1.1: n1 ok[7] n2 duplicate[7]"},
		{"no session", generator.Roaming, "", "open: timeout", history.Fail, "7", "nothing sent"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			env := &scripted{answers: strings.Split(c.answers, "; ")}
			done := NewClient(generator.Worker{Node: "n1", Role: c.role}, []string{"n1", "n2", "n3"}).Invoke(env, add(c.how, 7))
			if done.Type != c.typ || string(done.Value) != c.value || (done.Error != "") != (c.typ != history.OK) {
				t.Errorf("completed as %+v with value %s", done, done.Value)
			}
			if got := copies(done); got != c.copies || len(env.answers) > 0 {
				t.Errorf("copies %s, want %s; %q are left", got, c.copies, env.answers)
			}
			if env.now > 6*time.Second {
				t.Errorf("it took %v", env.now)
			}
		})
	}
}

// TestSessionsOverOperations: which session and number each of several
// operations is sent under.
func TestSessionsOverOperations(t *testing.T) {
	type step struct{ how, answers, copies string }
	cases := []struct {
		name  string
		steps []step
	}{
		{"numbers rise", []step{{"", "[7]", "1.1: n1 ok[7]"}, {"", "no_leader", "1.2: n1 no_leader"}, {"", "[7]", "1.3: n1 ok[7]"}}},
		{"an older command", []step{{"", "[7]", "1.1: n1 ok[7]"},
			{Old, "[7,7]; session_stale", "1.2: n1 ok[7,7] n2 (1) session_stale"}}},
		{"none that failed", []step{{"", "no_leader", "1.1: n1 no_leader"}, {Old, "[7]", "1.2: n1 ok[7]"}}},
		{"fresh and late", []step{{"", "[7]", "1.1: n1 ok[7]"}, {Fresh, "[7]", "2.1: n1 ok[7]"}, {"", "[7]", "2.2: n1 ok[7]"},
			{Late, "[7]; again [7]", "1.2: n1 ok[7] n2 duplicate[7]"}, {"", "[7]", "2.3: n1 ok[7]"}}},
		{"an expired one is forgotten", []step{{"", "[7]", "1.1: n1 ok[7]"}, {Fresh, "[7]", "2.1: n1 ok[7]"},
			{Late, "session_expired; session_expired", "1.2: n1 session_expired n2 session_expired"},
			{Late, "[7]; again [7]", "2.2: n1 ok[7] n2 duplicate[7]"}}},
		{"one with an unknown end is forgotten", []step{{"", "timeout; timeout; timeout; timeout", "1.1: n1 timeout n1 timeout n1 timeout n1 timeout"},
			{"", "[7]", "2.1: n1 ok[7]"}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			env := &scripted{}
			client := NewClient(generator.Worker{Node: "n1", Role: generator.Writer}, []string{"n1", "n2", "n3"})
			for i, s := range c.steps {
				env.answers = strings.Split(s.answers, "; ")
				if got := copies(client.Invoke(env, add(s.how, 7))); got != s.copies || len(env.answers) > 0 {
					t.Errorf("operation %d: %s, want %s; %q are left", i+1, got, s.copies, env.answers)
				}
			}
		})
	}
}

func TestReads(t *testing.T) {
	env := &scripted{answers: []string{"[7,8]"}}
	done := NewClient(generator.Worker{Node: "n2"}, []string{"n1", "n2"}).Invoke(env, history.Event{F: Read, Key: "k", Node: "n2"})
	if done.Type != history.OK || string(done.Value) != "[7,8]" || done.Session != nil || env.asked[0] != "n2 0.0 " {
		t.Errorf("%+v, asked %q", done, env.asked)
	}
}
