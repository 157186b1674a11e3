package exhaustive

import (
	"strings"
	"testing"

	"partita/raft/core"
	"partita/sim/invariant"
)

// logOf makes a log of entries of these terms; the data tells entries of one
// index and term apart.
func logOf(data string, terms ...core.Term) (log []core.Entry) {
	for i, term := range terms {
		log = append(log, core.Entry{Index: core.Index(i + 1), Term: term, Data: []byte(data)})
	}
	return log
}

func commitsOf(term core.Term, log []core.Entry) (list []commit) {
	for _, e := range log {
		list = append(list, commit{e, term, first})
	}
	return list
}

// commitsBy is that by a configuration.
func commitsBy(c configuration, log []core.Entry) []commit {
	list := commitsOf(1, log)
	for i := range list {
		list[i].by = c
	}
	return list
}

// changes appends an entry of term 1 with a configuration to a log.
func changes(log []core.Entry, c configuration) []core.Entry {
	e := core.Entry{Index: core.Index(len(log) + 1), Term: 1, Kind: core.Configuration, Data: c.membership().AppendTo(nil)}
	return append(log[:len(log):len(log)], e)
}

func follower(id core.NodeID, log []core.Entry) view {
	return view{id: id, role: core.Follower, term: 3, log: log, durable: log}
}

// TestRulesOfTheCluster: what each rule rejects, and what comes close and is allowed.
func TestRulesOfTheCluster(t *testing.T) {
	a := logOf("a", 1, 1)
	leader := func(term core.Term, log []core.Entry) view {
		return view{id: 1, role: core.Leader, term: term, log: log, durable: log}
	}
	joint := changes(nil, configuration{voters: 1, outgoing: 7})
	onward := func(log []core.Entry) []core.Entry { return changes(log, configuration{voters: 1}) }
	unsynced := follower(2, a)
	unsynced.durable = a[:1]
	for name, tc := range map[string]struct {
		views   [members]view
		commits []commit
		want    invariant.Name
	}{
		"equal logs":                                  {[members]view{follower(1, a), follower(2, a), follower(3, a)}, commitsOf(1, a), ""},
		"tails of different terms":                    {[members]view{follower(1, logOf("a", 1, 2)), follower(2, logOf("a", 1, 3)), follower(3, nil)}, nil, ""},
		"one index and term, different data":          {[members]view{follower(1, a), follower(2, logOf("b", 1)), follower(3, nil)}, nil, invariant.LogMatching},
		"the same after different entries":            {[members]view{follower(1, logOf("a", 1, 3)), follower(2, nil), follower(3, logOf("a", 2, 3))}, nil, invariant.LogMatching},
		"on two disks":                                {[members]view{follower(1, a), follower(2, a), follower(3, nil)}, commitsOf(1, a), ""},
		"on one disk":                                 {[members]view{follower(1, a), follower(2, a[:1]), follower(3, nil)}, commitsOf(1, a), invariant.CommittedLost},
		"on one disk and pending on another":          {[members]view{follower(1, a), unsynced, follower(3, nil)}, commitsOf(1, a), invariant.CommittedLost},
		"another entry on the second disk":            {[members]view{follower(1, logOf("a", 1)), follower(2, logOf("b", 2)), follower(3, nil)}, commitsOf(1, logOf("a", 1)), invariant.CommittedLost},
		"a leader with all of it":                     {[members]view{leader(3, a), follower(2, a), follower(3, nil)}, commitsOf(1, a), ""},
		"a leader without the last":                   {[members]view{leader(3, a[:1]), follower(2, a), follower(3, a)}, commitsOf(2, a), invariant.LeaderCompleteness},
		"a leader with another":                       {[members]view{leader(3, logOf("b", 2, 3)), follower(2, a), follower(3, a)}, commitsOf(2, a), invariant.LeaderCompleteness},
		"a leader of the term of the commit":          {[members]view{leader(2, a[:1]), follower(2, a), follower(3, a)}, commitsOf(2, a), ""},
		"a leader of a term before the commit":        {[members]view{leader(1, a[:1]), follower(2, a), follower(3, a)}, commitsOf(2, a), ""},
		"committed by one alone, who decides alone":   {[members]view{follower(1, a), follower(2, nil), follower(3, nil)}, commitsBy(configuration{voters: 1}, a), ""},
		"committed by one of two majorities":          {[members]view{follower(1, a), follower(2, nil), follower(3, nil)}, commitsBy(configuration{voters: 1, outgoing: 7}, a), invariant.CommittedLost},
		"committed by both":                           {[members]view{follower(1, a), follower(2, a), follower(3, nil)}, commitsBy(configuration{voters: 1, outgoing: 7}, a), ""},
		"a change after one that is committed":        {[members]view{leader(1, onward(joint)), follower(2, joint), follower(3, nil)}, nil, ""},
		"a change after one that is not":              {[members]view{leader(1, onward(joint)), follower(2, nil), follower(3, nil)}, nil, invariant.Configuration},
		"a change that another leader began":          {[members]view{leader(2, onward(joint)), follower(2, nil), follower(3, nil)}, nil, ""},
		"voters that change at once":                  {[members]view{leader(1, onward(nil)), follower(2, nil), follower(3, nil)}, nil, invariant.Configuration},
		"a learner, which changes nothing that votes": {[members]view{leader(1, changes(nil, configuration{voters: 7, learners: 0})), follower(2, nil), follower(3, nil)}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			views := [members]*view{&tc.views[0], &tc.views[1], &tc.views[2]}
			bad := new(Options).broken(&views, 0, &ghost{committed: tc.commits})
			if bad == nil && tc.want != "" || bad != nil && bad.Name != tc.want {
				t.Errorf("got %v; want %q", bad, tc.want)
			}
		})
	}
}

// TestRulesOfThePath: what the ghost rejects, after what was seen before.
func TestRulesOfThePath(t *testing.T) {
	entry := func(index core.Index, data string) core.Entry {
		return core.Entry{Index: index, Term: 1, Data: []byte(data)}
	}
	type at struct {
		node core.NodeID
		o    observation
	}
	took := func(node core.NodeID, index core.Index, data string) at {
		return at{node, observation{kind: applied, term: 1, entry: entry(index, data)}}
	}
	asked := at{3, observation{kind: invoked, id: 9}}
	answered := func(index core.Index) at { return at{3, observation{kind: read, id: 9, index: index}} }
	for name, tc := range map[string]struct {
		seen []at
		want invariant.Name
	}{
		"a leader of each term":           {[]at{{1, observation{kind: led, term: 1}}, {2, observation{kind: led, term: 2}}}, ""},
		"a leader says so twice":          {[]at{{1, observation{kind: led, term: 2}}, {1, observation{kind: led, term: 2}}}, ""},
		"two leaders of a term":           {[]at{{1, observation{kind: led, term: 2}}, {3, observation{kind: led, term: 2}}}, invariant.ElectionSafety},
		"the same is applied":             {[]at{took(1, 1, "a"), took(2, 1, "a"), took(1, 2, "b")}, ""},
		"something else is applied":       {[]at{took(1, 1, "a"), took(2, 1, "b")}, invariant.StateMachineSafety},
		"a read of what was there":        {[]at{took(1, 1, "a"), asked, answered(1)}, ""},
		"a read before what came later":   {[]at{took(1, 1, "a"), asked, took(1, 2, "b"), answered(1)}, ""},
		"a stale read":                    {[]at{took(1, 1, "a"), took(1, 2, "b"), asked, answered(1)}, invariant.ReadRound},
		"a read that a crash took along":  {[]at{took(1, 1, "a"), asked, {3, observation{kind: crashed}}, answered(0)}, ""},
		"a crash elsewhere leaves a read": {[]at{took(1, 1, "a"), asked, {1, observation{kind: crashed}}, answered(0)}, invariant.ReadRound},
		"a read that was refused":         {[]at{took(1, 1, "a"), asked, {3, observation{kind: readOver, id: 9}}, answered(0)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var g ghost
			var bad *invariant.Violation
			for i, s := range tc.seen {
				if g, bad = g.saw(s.node, s.o); bad != nil && i+1 < len(tc.seen) {
					t.Fatalf("too early: %v", bad)
				}
			}
			if bad == nil && tc.want != "" || bad != nil && bad.Name != tc.want {
				t.Errorf("got %v; want %q", bad, tc.want)
			}
		})
	}
}

// TestPromises: which messages a disk backs.
func TestPromises(t *testing.T) {
	log := logOf("a", 1, 2)
	n := &node{id: 1, disk: disk{hard: core.HardState{Term: 2, Vote: 3}, log: log}}
	send := func(to core.NodeID, term core.Term, m core.Message) core.Envelope {
		return core.Envelope{From: 1, To: to, Term: term, Message: m}
	}
	longer, replaced := logOf("a", 1, 2, 2), logOf("b", 1, 2)
	for name, tc := range map[string]struct {
		e     core.Envelope
		asked []core.Entry
		kept  bool
	}{
		"the vote on disk":                  {send(3, 2, core.VoteReply{Asked: 2, Granted: true}), log, true},
		"a refusal":                         {send(2, 2, core.VoteReply{Asked: 2}), log, true},
		"a vote for another":                {send(2, 2, core.VoteReply{Asked: 2, Granted: true}), log, false},
		"a vote in a term not on disk":      {send(3, 3, core.VoteReply{Asked: 3, Granted: true}), log, false},
		"any word of a term not on disk":    {send(3, 3, core.Heartbeat{}), log, false},
		"a request without a vote for self": {send(3, 2, core.Vote{}), log, false},
		"the log on disk":                   {send(3, 2, core.AppendReply{Asked: 2, Accepted: true, Match: 2}), log, true},
		"part of the log on disk":           {send(3, 2, core.AppendReply{Asked: 2, Accepted: true, Match: 2}), longer, true},
		"more than is on disk":              {send(3, 2, core.AppendReply{Asked: 2, Accepted: true, Match: 3}), longer, false},
		"what takes its place on disk":      {send(3, 2, core.AppendReply{Asked: 2, Accepted: true, Match: 2}), replaced, false},
		"a refused append":                  {send(3, 2, core.AppendReply{Asked: 2, Match: 9}), log, true},
	} {
		t.Run(name, func(t *testing.T) {
			if bad := n.brokenPromise(tc.e, tc.asked); (bad == nil) != tc.kept {
				t.Errorf("got %v; kept should be %v", bad, tc.kept)
			} else if bad != nil && bad.Name != invariant.DurablePromises {
				t.Errorf("the rule is called %q", bad.Name)
			}
		})
	}
}

// TestPanicsAreViolations: a core that panics names the rule, if it is one that
// is watched here.
func TestPanicsAreViolations(t *testing.T) {
	o := Options{Start: Scratch, Batch: 1, Terms: 1, InFlight: 1}
	n, _ := o.boot(1, disk{}, 0)
	for text, tc := range map[string]struct {
		run  func() outcome
		want invariant.Name
	}{
		"Started is the first event": {func() outcome { return n.run(&o, core.Started{}) }, invariant.Panic},
		"election safety":            {func() outcome { return outcome{bad: panicked("core: invariant broken: election safety: 1 and 2 lead")} }, invariant.ElectionSafety},
		"does not start": {func() outcome {
			_, out := o.boot(1, disk{log: []core.Entry{{Index: 7}}}, 0)
			return out
		}, invariant.Panic},
	} {
		out := tc.run()
		if out.bad == nil || out.bad.Name != tc.want || !strings.Contains(out.bad.Text, text) {
			t.Errorf("got %v; want %q with %q", out.bad, tc.want, text)
		}
	}
}
