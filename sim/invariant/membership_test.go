package invariant

import (
	"testing"

	"partita/raft/core"
)

// members makes an entry with a configuration.
func members(index core.Index, term core.Term, voters, outgoing, learners []core.NodeID) core.Entry {
	m := core.Membership{Voters: voters, Outgoing: outgoing, Learners: learners}
	return core.Entry{Index: index, Term: term, Kind: core.Configuration, Data: m.AppendTo(nil)}
}

// grow is a stage of five nodes that begins with three voters.
func grow(s *stage) {
	names := s.names
	s.first = trio
	s.Watch = New(names, 3, func() int { s.now++; return s.now })
}

var (
	four  = []core.NodeID{1, 2, 3, 4}
	later = []core.NodeID{3, 4, 5}
)

// leaders are elections and leaders' own logs.
func leaders() []play {
	return []play{
		{"elected by two of three", 3, func(s *stage) { s.elect(2, 1, 3) }, "", ""},
		{"elected by itself alone", 3, func(s *stage) { s.elect(2, 1) }, ElectionSafety, "n1 leads in term 2 with the votes of n1 alone, where its log says voters n1 n2 n3"},
		{"elected by two of four", 4, func(s *stage) { s.elect(2, 1, 3) }, ElectionSafety, "with the votes of n1 n3 alone"},
		{"elected before a vote is durable", 3, func(s *stage) {
			s.write(1, hard(2, 1))
			s.ask(2, hard(2, 1))
			s.says(1, 2)
		}, ElectionSafety, "with the votes of n1 alone"},
		{"one alone, whose own vote is not on its disk", 1, func(s *stage) { s.ask(1, hard(2, 1)); s.says(1, 2) }, ElectionSafety, "n1 leads in term 2 with the votes of"},
		{"elected with the help of a learner", 5, func(s *stage) {
			grow(s)
			s.all(four, 1, append(log(1, 1), members(2, 1, trio, nil, []core.NodeID{4}))...)
			s.elect(2, 1, 4)
		}, ElectionSafety, "with the votes of n1 n4 alone, where its log says voters n1 n2 n3, learners n4"},
		{"elected by one of two majorities", 5, func(s *stage) {
			grow(s)
			s.all(pair, 1, append(log(1, 1), members(2, 1, later, trio, nil))...)
			s.elect(2, 1, 2, 3)
		}, ElectionSafety, "where its log says voters n3 n4 n5, outgoing n1 n2 n3"},
		{"elected by both majorities", 5, func(s *stage) {
			grow(s)
			s.all(pair, 1, append(log(1, 1), members(2, 1, later, trio, nil))...)
			s.elect(2, 1, 2, 3, 4)
		}, "", ""},
		{"a leader that removes from its log", 3, func(s *stage) {
			s.write(1, hard(1, 1), log(1, 1, 1, 1)...)
			s.leads(1, 1)
			s.ask(1, hard(1, 1), log(2, 1)...)
		}, LeaderAppendOnly, "n1 leads in term 1 and puts others in the place of entries 2 to 3 of its log"},
		{"one that leads no more removes from its log", 3, func(s *stage) {
			s.write(1, hard(1, 1), log(1, 1, 1, 1)...)
			s.leads(1, 1)
			s.ask(1, hard(2, 2), log(2, 2)...)
		}, "", ""},
		{"an entry that is left out", 3, func(s *stage) {
			s.all(trio, 1, log(1, 1, 1, 1)...)
			s.Applied(1, log(1, 1, 1, 1))
			s.Applied(2, log(1, 1))
			s.Applied(2, log(3, 1))
		}, StateMachineSafety, "n2 applies entry 3 after entry 1"},
		{"an entry that is applied twice", 3, func(s *stage) {
			s.all(trio, 1, log(1, 1, 1)...)
			s.Applied(1, log(1, 1, 1))
			s.Applied(1, log(2, 1))
		}, StateMachineSafety, "n1 applies entry 2 after entry 2"},
		{"entries after a snapshot", 3, func(s *stage) {
			s.all(trio, 1, log(1, 1, 1, 1)...)
			s.Applied(1, log(1, 1, 1, 1))
			s.Restored(2, at(2, 1))
			s.Applied(2, log(3, 1))
		}, "", ""},
	}
}

// changes are changes of the configuration by leaders.
func changes() []play {
	begun := func(s *stage) { // n1 leads, has committed entry 1, and its log has a joint configuration
		grow(s)
		s.all(trio, 1, log(1, 1)...)
		s.leads(1, 1)
		s.Applied(1, log(1, 1))
		s.write(1, hard(1, 1), members(2, 1, four, trio, nil))
	}
	return []play{
		{"a second change before the first is committed", 5, func(s *stage) {
			begun(s)
			s.ask(1, hard(1, 1), members(3, 1, four, nil, nil))
		}, Configuration, "n1 appends voters n1 n2 n3 n4 as entry (3, term 1) while voters n1 n2 n3 n4, outgoing n1 n2 n3, entry (2, term 1), is not committed"},
		{"committed by one of the two majorities", 5, func(s *stage) {
			begun(s)
			s.write(4, hard(1, 1), append(log(1, 1), members(2, 1, four, trio, nil))...)
			s.ask(1, hard(1, 1), members(3, 1, four, nil, nil))
		}, Configuration, "is not committed"},
		{"committed by both", 5, func(s *stage) {
			begun(s)
			s.write(2, hard(1, 1), members(2, 1, four, trio, nil))
			s.write(3, hard(1, 1), members(2, 1, four, trio, nil))
			s.ask(1, hard(1, 1), members(3, 1, four, nil, nil))
		}, "", ""},
		{"one that a follower takes over", 5, func(s *stage) {
			begun(s)
			s.ask(2, hard(1, 1), members(2, 1, four, trio, nil))
			s.ask(2, hard(1, 1), members(2, 1, four, trio, nil))
		}, "", ""},
		{"from one set of voters straight to another", 5, func(s *stage) {
			grow(s)
			s.all(trio, 1, log(1, 1)...)
			s.leads(1, 1)
			s.Applied(1, log(1, 1))
			s.ask(1, hard(1, 1), members(2, 1, four, nil, nil))
		}, Configuration, "n1 appends voters n1 n2 n3 n4 as entry (2, term 1), to which no step leads from voters n1 n2 n3"},
		{"learners alone", 5, func(s *stage) {
			grow(s)
			s.all(trio, 1, log(1, 1)...)
			s.leads(1, 1)
			s.ask(1, hard(1, 1), members(2, 1, trio, nil, []core.NodeID{4, 5}))
		}, "", ""},
		{"what is no configuration", 5, func(s *stage) {
			s.ask(1, hard(1, 1), core.Entry{Index: 1, Term: 1, Kind: core.Configuration, Data: []byte{9}})
		}, Configuration, "entry (1, term 1) of n1 is no configuration"},
		{"leading on without a vote", 5, func(s *stage) { without(s); s.send(1, 3, 1, core.Heartbeat{}) }, Configuration,
			"n1 leads on in term 1 after it has applied entry (3, term 1): voters n2 n3"},
		{"leading until it is applied", 5, func(s *stage) {
			without(s)
			s.at(1).handed = 2
			s.send(1, 3, 1, core.Heartbeat{})
		}, "", ""},
		{"leading no more", 5, func(s *stage) {
			without(s)
			s.Changed(1, core.Changed{Role: core.Follower, Term: 1})
			s.send(1, 3, 1, core.Heartbeat{})
		}, "", ""},
	}
}

// without lets n1 lead a cluster out of which it is removed.
func without(s *stage) {
	entries := append(log(1, 1), members(2, 1, []core.NodeID{2, 3}, trio, nil), members(3, 1, []core.NodeID{2, 3}, nil, nil))
	grow(s)
	s.leads(1, 1)
	s.all(trio, 1, entries[:1]...)
	s.all(trio, 1, entries[1:2]...)
	s.all(trio, 1, entries[2:]...)
	s.Applied(1, entries)
}

// quorumsOfChanges are commits under configurations that change.
func quorumsOfChanges() []play {
	joint := append(log(1, 1), members(2, 1, later, trio, nil))
	led := func(s *stage) {
		grow(s)
		s.leads(1, 1)
		s.write(1, hard(1, 1), joint...)
	}
	return []play{
		{"a joint one committed by the old majority", 5, func(s *stage) {
			led(s)
			s.write(2, hard(1, 1), joint...)
			s.Applied(1, joint)
		}, CommittedLost, "entry (2, term 1) was applied by n1, and the disks of only 0 of 3 nodes and 2 of 3 outgoing ones hold it, not those of n3, n4, n5"},
		{"a joint one committed by the new majority", 5, func(s *stage) {
			led(s)
			s.write(4, hard(1, 1), joint...)
			s.write(5, hard(1, 1), joint...)
			s.Applied(1, joint)
		}, CommittedLost, "the disks of only 2 of 3 nodes and 1 of 3 outgoing ones"},
		{"a joint one committed by both", 5, func(s *stage) {
			led(s)
			s.write(3, hard(1, 1), joint...)
			s.write(4, hard(1, 1), joint...)
			s.Applied(1, joint)
		}, "", ""},
		{"an entry committed by learners", 5, func(s *stage) {
			grow(s)
			entries := []core.Entry{members(1, 1, trio, nil, []core.NodeID{4, 5})}
			s.all([]core.NodeID{1, 4, 5}, 1, entries...)
			s.Applied(1, entries)
		}, CommittedLost, "only 1 of 3 nodes hold it, not those of n2, n3"},
		{"an entry before the last configuration, committed by its quorum", 5, func(s *stage) {
			led(s)
			for _, id := range later {
				s.write(id, hard(1, 1), joint...)
			}
			s.all([]core.NodeID{1, 4, 5}, 1, log(3, 1)...)
			s.write(1, hard(1, 1), members(4, 1, later, nil, nil))
			s.Applied(1, append(joint[:2:2], log(3, 1)...))
		}, "", ""},
		{"that, where no such configuration was appended", 5, func(s *stage) {
			led(s)
			for _, id := range later {
				s.write(id, hard(1, 1), joint...)
			}
			s.all([]core.NodeID{1, 4, 5}, 1, log(3, 1)...)
			s.Applied(1, append(joint[:2:2], log(3, 1)...))
		}, CommittedLost, "1 of 3 outgoing ones"},
	}
}

// carried are snapshots and the configurations in them.
func carried() []play {
	entries := append(log(1, 1), members(2, 1, trio, nil, []core.NodeID{4}))
	committed := func(s *stage) {
		grow(s)
		s.all(trio, 1, entries...)
		s.Applied(1, entries)
	}
	with := core.Membership{Voters: trio, Learners: []core.NodeID{4}}
	return []play{
		{"a snapshot with the configuration of its end", 5, func(s *stage) {
			committed(s)
			s.Saving(1, at(2, 1), with)
			s.Saving(1, at(1, 1), core.Membership{Voters: trio})
			s.Reset(4, at(2, 1), with)
		}, "", ""},
		{"a snapshot with a later one", 5, func(s *stage) { committed(s); s.Saving(1, at(1, 1), with) }, Configuration,
			"the snapshot (1, term 1) of n1 says voters n1 n2 n3, learners n4, and the log up to there says voters n1 n2 n3"},
		{"a snapshot with an earlier one", 5, func(s *stage) { committed(s); s.Reset(4, at(2, 1), core.Membership{Voters: trio}) }, Configuration,
			"the snapshot (2, term 1) of n4 says voters n1 n2 n3, and"},
		{"a snapshot of one that has just joined", 5, func(s *stage) {
			committed(s)
			s.Saving(4, at(1, 1), core.Membership{})
		}, "", ""},
		{"a snapshot that knows nobody", 5, func(s *stage) { committed(s); s.Saving(2, at(1, 1), core.Membership{}) }, Configuration, "says nobody"},
		{"a lease that held too long", 3, func(s *stage) {
			s.all(trio, 1, log(1, 1, 1)...)
			s.Applied(1, log(1, 1, 1))
			s.ReadAsked(3, 7, true)
			s.ReadReady(3, 7, 1, true)
		}, LeaseRead, "n3 answers a read by a lease as of entry 1, and n1 had applied entry 2 when it came"},
		{"a lease that nobody asked for", 3, func(s *stage) {
			s.ReadAsked(3, 7, false)
			s.ReadReady(3, 7, 0, true)
		}, LeaseRead, "n3 answers a read by a lease that was to be confirmed by a round"},
		{"a round where a lease would do", 3, func(s *stage) {
			s.ReadAsked(3, 7, true)
			s.ReadReady(3, 7, 0, false)
		}, "", ""},
	}
}

// TestReadConfiguration: the watch reads what the core writes, and nothing
// else.
func TestReadConfiguration(t *testing.T) {
	for _, m := range []core.Membership{
		{Voters: trio},
		{Voters: later, Outgoing: trio},
		{Voters: pair, Outgoing: trio, Learners: later[1:]},
		{Voters: []core.NodeID{300}},
	} {
		data := m.AppendTo(nil)
		c, ok := readConfiguration(data)
		if !ok || !c.same(configurationOf(m)) {
			t.Errorf("%v is read as %v (%v)", m, c, ok)
		}
		for cut := range data {
			if c, ok := readConfiguration(data[:cut]); ok {
				t.Errorf("the first %d bytes of %v are read as %v", cut, m, c)
			}
		}
		if c, ok := readConfiguration(append(data, 0)); ok {
			t.Errorf("a byte too many after %v is read as %v", m, c)
		}
	}
}
