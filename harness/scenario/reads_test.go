package scenario

import (
	"strings"
	"testing"
	"time"

	"partita/harness/cluster"
	"partita/harness/history"
	"partita/nemesis"
	"partita/node/api"
)

// asked is a world that notes how reads are to be done.
type asked struct {
	cluster.Env
	reads []string
}

func (a *asked) Call(_ string, req api.Request, _ time.Duration) (api.Reply, error) {
	a.reads = append(a.reads, string(req.Op)+" "+req.Reads)
	return api.Reply{}, nil
}

// Clients read in the ways of the scenario, dealt in turn; writes have none.
func TestWaysToRead(t *testing.T) {
	for ways, want := range map[string][]string{
		"":                          {"get ", "get ", "get ", "put "},
		"reads: [lease]":            {"get lease", "get lease", "get lease", "put "},
		"reads: [readindex, lease]": {"get readindex", "get lease", "get readindex", "put "},
	} {
		s, err := Parse("x.yaml", []byte("workload: {"+ways+"}\n"))
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.NewClients()
		if err != nil {
			t.Fatal(err)
		}
		world := &asked{}
		for i := range 3 {
			c.Clients[i].Invoke(world, history.Event{F: "read", Key: "a", Node: "n1"})
		}
		c.Clients[0].Invoke(world, history.Event{F: "write", Key: "a", Node: "n1", Value: history.Int(1)})
		if got := strings.Join(world.reads, "|"); got != strings.Join(want, "|") {
			t.Errorf("%s: asked for %s", ways, got)
		}
	}
}

// Clocks within the drift, real time, and demonstrations go with leases.
func TestLeasesAndClocks(t *testing.T) {
	for name, text := range map[string]string{
		"a rate within the drift":       leased("rate: 1.1, shape: monotonic-rate"),
		"a slow one within it":          leased("rate: 0.9, shape: monotonic-rate"),
		"real time":                     leased("rate: 3, shape: realtime-rate"),
		"drawn real time":               "node: {reads: lease}\nnemesis:\n- clock: {shapes: [realtime-rate, realtime-offset]}\n",
		"a demonstration":               leased("rate: 3, shape: monotonic-rate") + "expect: invalid\n",
		"no lease":                      strings.Replace(leased("rate: 3, shape: monotonic-rate"), "lease", "readindex", 1),
		"clients that ask for no lease": leased("rate: 3, shape: monotonic-rate") + "workload: {reads: [readindex]}\n",
	} {
		if _, err := Parse("x.yaml", []byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A cure leaves as many voters as there are members, unless it is said.
func TestVotersOfTheMembership(t *testing.T) {
	for text, want := range map[string]int{
		"nemesis:\n- membership: {}\n":                       5,
		"members: 3\nnemesis:\n- membership: {}\n":           3,
		"members: 3\nnemesis:\n- membership: {voters: 4}\n":  4,
		"nodes: 3\nmembers: 2\nnemesis:\n- membership: {}\n": 2,
	} {
		s, err := Parse("x.yaml", []byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := s.Nemesis[0].Options.(*nemesis.MembershipOptions).Voters; got != want {
			t.Errorf("%q: %d voters, want %d", text, got, want)
		}
		reread(t, s)
	}
}
