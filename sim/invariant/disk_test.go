package invariant

import "partita/raft/core"

// promises are messages, and what is on the disk of who sends them.
func promises() []play {
	return []play{
		{"a term before it is durable", 3, func(s *stage) {
			s.write(1, hard(1, 0))
			s.ask(1, hard(2, 1))
			s.send(1, 2, 2, core.PreVote{})
		}, DurablePromises, "n1 speaks in term 2, and its disk says 1"},
		{"a term that is durable", 3, func(s *stage) { s.write(1, hard(2, 0)); s.send(1, 2, 2, core.Heartbeat{}) }, "", ""},
		{"an older term than the disk's", 3, func(s *stage) { s.write(1, hard(3, 0)); s.send(1, 2, 2, core.Heartbeat{}) }, "", ""},
		{"a candidate without its own vote", 3, func(s *stage) {
			s.write(1, hard(2, 0))
			s.ask(1, hard(2, 1))
			s.send(1, 2, 2, core.Vote{})
		}, DurablePromises, "n1 asks for votes in term 2 before its own vote is on its disk"},
		{"a candidate with its own vote", 3, func(s *stage) { s.write(1, hard(2, 1)); s.send(1, 2, 2, core.Vote{}) }, "", ""},
		{"a vote that is not durable", 3, func(s *stage) {
			s.write(2, hard(2, 0))
			s.ask(2, hard(2, 1))
			s.send(2, 1, 2, core.VoteReply{Asked: 2, Granted: true})
		}, DurablePromises, "n2 grants its vote of term 2 to n1, and its disk does not say so"},
		{"a vote for another", 3, func(s *stage) {
			s.write(2, hard(2, 3))
			s.send(2, 1, 2, core.VoteReply{Asked: 2, Granted: true})
		}, DurablePromises, "n2 grants its vote of term 2 to n1"},
		{"a vote of another term", 3, func(s *stage) {
			s.write(2, hard(3, 1))
			s.send(2, 1, 2, core.VoteReply{Asked: 2, Granted: true})
		}, DurablePromises, "n2 grants its vote of term 2"},
		{"a vote that is durable", 3, func(s *stage) {
			s.write(2, hard(2, 1))
			s.send(2, 1, 2, core.VoteReply{Asked: 2, Granted: true})
		}, "", ""},
		{"a refused vote", 3, func(s *stage) { s.write(2, hard(2, 3)); s.send(2, 1, 2, core.VoteReply{Asked: 2}) }, "", ""},
		{"a granted pre-vote promises nothing", 3, func(s *stage) {
			s.write(2, hard(2, 3))
			s.send(2, 1, 2, core.PreVoteReply{Asked: 2, Granted: true})
		}, "", ""},
		{"an acknowledgement before the sync", 3, func(s *stage) {
			s.write(2, hard(1, 1), log(1, 1)...)
			s.ask(2, hard(1, 1), log(2, 1)...)
			s.send(2, 1, 1, core.AppendReply{Asked: 1, Prev: 1, Accepted: true, Match: 2})
		}, DurablePromises, "n2 acknowledges entry 2, and its disk holds entries up to 1"},
		{"an acknowledgement of a replaced entry", 3, func(s *stage) {
			s.write(2, hard(1, 1), log(1, 1, 1)...)
			s.write(2, hard(2, 3))
			s.ask(2, hard(2, 3), log(2, 2)...)
			s.send(2, 3, 2, core.AppendReply{Asked: 2, Prev: 1, Accepted: true, Match: 2})
		}, DurablePromises, "n2 acknowledges entry (2, term 2), and its disk still holds one of term 1"},
		{"an acknowledgement of less than is under way", 3, func(s *stage) {
			s.write(2, hard(1, 1), log(1, 1)...)
			s.ask(2, hard(1, 1), log(2, 1)...)
			s.send(2, 1, 1, core.AppendReply{Asked: 1, Accepted: true, Match: 1})
		}, "", ""},
		{"a refusal acknowledges nothing", 3, func(s *stage) {
			s.write(2, hard(1, 1))
			s.send(2, 1, 1, core.AppendReply{Asked: 1, Prev: 9, Match: 9})
		}, "", ""},
		{"an acknowledgement below the snapshot", 3, func(s *stage) {
			s.all(trio, 1, log(1, 1, 1)...)
			s.Applied(1, log(1, 1, 1))
			s.reset(2, at(2, 1))
			s.send(2, 1, 1, core.SnapshotReply{Asked: 1, Match: 2})
			s.send(2, 1, 1, core.AppendReply{Asked: 1, Accepted: true, Match: 1})
		}, "", ""},
		{"a snapshot acknowledged before it is durable", 3, func(s *stage) {
			s.all(pair, 1, log(1, 1, 1)...)
			s.Applied(1, log(1, 1, 1))
			s.write(3, hard(1, 1))
			s.Resetting(3, at(2, 1))
			s.send(3, 1, 1, core.SnapshotReply{Asked: 1, Match: 2})
		}, DurablePromises, "n3 acknowledges entry 2, and its disk holds entries up to 0"},
		{"an entry applied before its sync", 3, func(s *stage) {
			s.all(pair, 1, log(1, 1)...)
			s.ask(3, hard(1, 1), log(1, 1)...)
			s.Applied(3, log(1, 1))
		}, DurablePromises, "n3 applies entry (1, term 1) before it is on its disk"},
		{"an entry applied whose disk has another", 3, func(s *stage) {
			s.all(pair, 2, log(1, 2)...)
			s.write(3, hard(1, 3), log(1, 1)...)
			s.ask(3, hard(2, 1), log(1, 2)...)
			s.Applied(3, log(1, 2))
		}, DurablePromises, "n3 applies entry (1, term 2) before it is on its disk"},
	}
}

// disks are restarts, and what was there before.
func disks() []play {
	three := func(s *stage) { s.write(1, hard(2, 1), log(1, 1, 1, 2)...) }
	return []play{
		{"all is there", 3, func(s *stage) { three(s); s.boots(1, hard(2, 1), start, start, log(1, 1, 1, 2)...) }, "", ""},
		{"an entry is lost", 3, func(s *stage) { three(s); s.boots(1, hard(2, 1), start, start, log(1, 1, 1)...) }, DurablePromises, "a log of 0 to 2, and had made term 2, vote 1 and a log to 3 durable"},
		{"an entry is another", 3, func(s *stage) { three(s); s.boots(1, hard(2, 1), start, start, log(1, 1, 2, 2)...) }, DurablePromises, "n1 comes back"},
		{"an entry too many", 3, func(s *stage) { three(s); s.boots(1, hard(2, 1), start, start, log(1, 1, 1, 2, 2)...) }, DurablePromises, "a log of 0 to 4"},
		{"the term is lost", 3, func(s *stage) { three(s); s.boots(1, hard(1, 1), start, start, log(1, 1, 1, 2)...) }, DurablePromises, "comes back with term 1"},
		{"the vote is lost", 3, func(s *stage) { three(s); s.boots(1, hard(2, 0), start, start, log(1, 1, 1, 2)...) }, DurablePromises, "vote 0"},
		{"the boot is not counted", 3, func(s *stage) {
			s.write(1, core.HardState{Term: 1, Boot: 2})
			s.boots(1, core.HardState{Term: 1, Boot: 1}, start, start)
		}, DurablePromises, "n1 comes back"},
		{"a write under way survived", 3, func(s *stage) {
			three(s)
			s.ask(1, hard(3, 0), log(4, 3)...)
			s.boots(1, hard(3, 0), start, start, log(1, 1, 1, 2, 3)...)
		}, "", ""},
		{"a write under way did not", 3, func(s *stage) {
			three(s)
			s.ask(1, hard(3, 0), log(4, 3)...)
			s.boots(1, hard(2, 1), start, start, log(1, 1, 1, 2)...)
		}, "", ""},
		{"of two writes under way the first", 3, func(s *stage) {
			three(s)
			s.ask(1, hard(3, 0), log(4, 3)...)
			s.ask(1, hard(4, 0), log(5, 4)...)
			s.boots(1, hard(3, 0), start, start, log(1, 1, 1, 2, 3)...)
		}, "", ""},
		{"of two writes under way the second", 3, func(s *stage) {
			three(s)
			s.ask(1, hard(3, 0), log(4, 3)...)
			s.ask(1, hard(4, 0), log(5, 4)...)
			s.boots(1, hard(4, 0), start, start, log(1, 1, 1, 2, 4)...)
		}, DurablePromises, "had made term 2, vote 1 and a log to 3 durable"},
		{"half of a write under way", 3, func(s *stage) {
			three(s)
			s.ask(1, hard(3, 0), log(4, 3, 3)...)
			s.boots(1, hard(3, 0), start, start, log(1, 1, 1, 2, 3)...)
		}, DurablePromises, "n1 comes back"},
		{"a truncation under way did not survive", 3, func(s *stage) {
			three(s)
			s.ask(1, hard(3, 0), log(2, 3)...)
			s.boots(1, hard(2, 1), start, start, log(1, 1, 1, 2)...)
		}, "", ""},
		{"a truncation under way survived", 3, func(s *stage) {
			three(s)
			s.ask(1, hard(3, 0), log(2, 3)...)
			s.boots(1, hard(3, 0), start, start, log(1, 1, 3)...)
		}, "", ""},
		{"a truncation that is taken back", 3, func(s *stage) {
			three(s)
			s.write(1, hard(3, 0), log(2, 3)...)
			s.boots(1, hard(3, 0), start, start, log(1, 1, 1, 2)...)
		}, DurablePromises, "n1 comes back"},
		{"nothing is left of an empty disk", 3, func(s *stage) { s.boots(1, hard(0, 0), start, start) }, "", ""},
		{"a snapshot covers what was cut", 3, func(s *stage) {
			three(s)
			s.boots(1, hard(2, 1), at(2, 1), at(2, 1), log(3, 2)...)
		}, "", ""},
		{"what was cut is back", 3, func(s *stage) {
			three(s)
			s.boots(1, hard(2, 1), at(2, 1), at(2, 1), log(3, 2)...)
			s.boots(1, hard(2, 1), start, at(2, 1), log(1, 1, 1, 2)...)
		}, "", ""},
		{"no snapshot covers what was cut", 3, func(s *stage) {
			three(s)
			s.boots(1, hard(2, 1), at(2, 1), at(1, 1), log(3, 2)...)
		}, DurablePromises, "n1 comes back"},
		{"the log begins after another entry", 3, func(s *stage) {
			three(s)
			s.boots(1, hard(2, 1), at(2, 2), at(2, 2), log(3, 2)...)
		}, DurablePromises, "n1 comes back"},
		{"a snapshot under way has replaced the log", 3, func(s *stage) {
			installing(s)
			s.boots(3, hard(1, 1), at(3, 1), at(3, 1))
		}, "", ""},
		{"a snapshot under way has not", 3, func(s *stage) {
			installing(s)
			s.boots(3, hard(1, 1), start, start, log(1, 1)...)
		}, "", ""},
		{"a snapshot under way, and another is found", 3, func(s *stage) {
			installing(s)
			s.boots(3, hard(1, 1), at(2, 1), at(2, 1))
		}, DurablePromises, "n3 comes back"},
		{"a snapshot under way, and the term is lost", 3, func(s *stage) {
			installing(s)
			s.boots(3, hard(0, 0), at(3, 1), at(3, 1))
		}, DurablePromises, "n3 comes back"},
		{"a snapshot under way, and a write that comes after it", 3, func(s *stage) {
			installing(s)
			s.ask(3, hard(2, 0))
			s.boots(3, hard(2, 0), at(3, 1), at(3, 1))
		}, DurablePromises, "n3 comes back"},
		{"a snapshot that was durable is gone", 3, func(s *stage) {
			installing(s)
			s.reset(3, at(3, 1))
			s.boots(3, hard(1, 1), start, start, log(1, 1)...)
		}, DurablePromises, "n3 comes back"},
	}
}

// installing brings n3 to the point where a snapshot is about to replace its
// log.
func installing(s *stage) {
	s.all(pair, 1, log(1, 1, 1, 1)...)
	s.Applied(1, log(1, 1, 1, 1))
	s.write(3, hard(1, 1), log(1, 1)...)
	s.Resetting(3, at(3, 1))
}
