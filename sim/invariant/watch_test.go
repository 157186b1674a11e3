package invariant

import (
	"fmt"
	"strings"
	"testing"

	"partita/raft/core"
)

// stage is a cluster whose nodes are made to say things by hand.
type stage struct {
	*Watch
	now     int
	first   []core.NodeID // the voters that it begins with
	numbers map[core.NodeID]uint64
}

func newStage(nodes int) *stage {
	s := &stage{numbers: map[core.NodeID]uint64{}}
	var names []string
	for i := range nodes {
		names = append(names, fmt.Sprintf("n%d", i+1))
		s.first = append(s.first, core.NodeID(i+1))
	}
	s.Watch = New(names, nodes, func() int { s.now++; return s.now })
	return s
}

// log makes entries from an index on, one for each term.
func log(from core.Index, terms ...core.Term) []core.Entry {
	var all []core.Entry
	for i, term := range terms {
		at := from + core.Index(i)
		all = append(all, core.Entry{Index: at, Term: term, Data: fmt.Appendf(nil, "%d of %d", at, term)})
	}
	return all
}

func at(index core.Index, term core.Term) core.SnapshotMeta {
	return core.SnapshotMeta{Index: index, Term: term}
}

func hard(term core.Term, vote core.NodeID) core.HardState {
	return core.HardState{Term: term, Vote: vote}
}

// ask lets a node want a hard state and entries on its disk.
func (s *stage) ask(id core.NodeID, h core.HardState, entries ...core.Entry) {
	s.numbers[id]++
	batch := core.AppendLog{Number: s.numbers[id], HardState: h, Entries: entries}
	if len(entries) > 0 {
		batch.From = entries[0].Index
	}
	s.Asked(id, batch)
}

// write lets a node have them there.
func (s *stage) write(id core.NodeID, h core.HardState, entries ...core.Entry) {
	s.ask(id, h, entries...)
	s.Durable(id, s.numbers[id])
}

// all lets several nodes have the same on their disks.
func (s *stage) all(ids []core.NodeID, term core.Term, entries ...core.Entry) {
	for _, id := range ids {
		s.write(id, hard(term, ids[0]), entries...)
	}
}

func (s *stage) send(from, to core.NodeID, term core.Term, m core.Message) {
	s.Sent(from, core.Envelope{From: from, To: to, Term: term, Message: m})
}

// reset lets a snapshot of the first configuration replace a node's log.
func (s *stage) reset(id core.NodeID, snapshot core.SnapshotMeta) {
	s.Reset(id, snapshot, core.Membership{Voters: s.first})
}

// elect lets every node that is named vote for the first, which then says that
// it leads.
func (s *stage) elect(term core.Term, voters ...core.NodeID) {
	for _, id := range voters {
		s.write(id, hard(term, voters[0]))
	}
	s.says(voters[0], term)
}

// leads lets a node lead as if everybody had voted for it.
func (s *stage) leads(id core.NodeID, term core.Term) {
	for voter := range s.nodes {
		s.votes[ballot{term, core.NodeID(voter + 1)}] = id
	}
	s.says(id, term)
}

func (s *stage) says(id core.NodeID, term core.Term) {
	s.Changed(id, core.Changed{Role: core.Leader, Term: term, Leader: id})
}

func (s *stage) boots(id core.NodeID, h core.HardState, base, snapshot core.SnapshotMeta, entries ...core.Entry) {
	found := core.Restored{HardState: h, Base: base, Snapshot: snapshot, Entries: entries}
	if snapshot.Index > 0 {
		found.Members.Voters = s.first
	}
	s.Booted(id, found)
	s.Restored(id, snapshot)
}

var (
	trio  = []core.NodeID{1, 2, 3}
	pair  = []core.NodeID{1, 2}
	start core.SnapshotMeta
)

// play is a hand-made past that breaks a rule, or nearly does.
type play struct {
	name  string
	nodes int
	run   func(*stage)
	want  Name   // empty: no rule
	says  string // a part of what was seen
}

func TestRules(t *testing.T) {
	for _, plays := range [][]play{elections(), logs(), completeness(), machines(), quorums(), promises(), disks(), reads(), panics(), leaders(), changes(), quorumsOfChanges(), carried()} {
		for _, p := range plays {
			t.Run(p.name, func(t *testing.T) {
				s := newStage(p.nodes)
				p.run(s)
				switch v := s.Broken(); {
				case v == nil && p.want != "":
					t.Errorf("no rule was broken, want %s", p.want)
				case v == nil:
				case v.Name != p.want:
					t.Errorf("broke %q (%s), want %q", v.Name, v.Text, p.want)
				case !strings.Contains(v.Text, p.says):
					t.Errorf("it says %q, want %q in it", v.Text, p.says)
				case v.Step != 1 || len(v.Nodes) == 0:
					t.Errorf("step %d, nodes %v: want the first step that was told of, and a node", v.Step, v.Nodes)
				}
			})
		}
	}
}

func elections() []play {
	return []play{
		{"two leaders in a term", 3, func(s *stage) { s.leads(1, 2); s.leads(3, 2) }, ElectionSafety, "n1 and n3 lead in term 2"},
		{"a leader that says so twice", 3, func(s *stage) { s.leads(1, 2); s.leads(1, 2) }, "", ""},
		{"a leader in each of two terms", 3, func(s *stage) { s.leads(1, 2); s.leads(3, 3) }, "", ""},
		{"a late leader of an older term", 3, func(s *stage) { s.leads(1, 3); s.leads(2, 2) }, "", ""},
		{"a leader and its follower", 3, func(s *stage) {
			s.leads(1, 2)
			s.Changed(2, core.Changed{Role: core.Follower, Term: 2, Leader: 1})
			s.Changed(3, core.Changed{Role: core.Candidate, Term: 2})
		}, "", ""},
	}
}

func logs() []play {
	return []play{
		{"two entries of one index and term", 3, func(s *stage) {
			s.ask(1, hard(1, 1), log(1, 1)...)
			s.ask(2, hard(1, 1), core.Entry{Index: 1, Term: 1, Data: []byte("another")})
		}, LogMatching, "not the one that others hold"},
		{"two kinds of one index and term", 3, func(s *stage) {
			s.ask(1, hard(1, 1), core.Entry{Index: 1, Term: 1, Kind: 0})
			s.ask(2, hard(1, 1), core.Entry{Index: 1, Term: 1, Kind: 1})
		}, LogMatching, "not the one that others hold"},
		{"one entry after two predecessors", 3, func(s *stage) {
			s.ask(1, hard(2, 1), log(1, 1, 2)...)
			s.ask(2, hard(2, 1), log(1, 2)...)
			s.ask(2, hard(2, 1), log(2, 2)...)
		}, LogMatching, "follows one of term 2, elsewhere one of term 1"},
		{"the same entries in other batches", 3, func(s *stage) {
			s.ask(1, hard(2, 1), log(1, 1, 1, 2)...)
			s.ask(2, hard(2, 1), log(1, 1)...)
			s.ask(2, hard(2, 1), log(2, 1, 2)...)
		}, "", ""},
		{"another entry of another term", 3, func(s *stage) {
			s.ask(1, hard(1, 1), log(1, 1)...)
			s.ask(2, hard(2, 2), log(1, 2)...)
		}, "", ""},
		{"a gap", 3, func(s *stage) {
			s.ask(1, hard(1, 1), log(1, 1)...)
			s.ask(1, hard(1, 1), log(3, 1)...)
		}, LogMatching, "n1 appends from entry 3 on to a log that holds 0 to 1"},
		{"a gap before an entry that is known", 3, func(s *stage) {
			s.ask(1, hard(1, 1), log(1, 1, 1, 1)...)
			s.ask(2, hard(1, 1), log(3, 1)...)
		}, LogMatching, "n2 appends from entry 3 on"},
		{"below a snapshot", 3, func(s *stage) {
			s.all(trio, 1, log(1, 1, 1)...)
			s.Applied(1, log(1, 1, 1))
			s.reset(2, at(2, 1))
			s.ask(2, hard(1, 1), log(2, 1)...)
		}, LogMatching, "to a log that holds 2 to 2"},
		{"after a snapshot", 3, func(s *stage) {
			s.all(trio, 1, log(1, 1, 1)...)
			s.Applied(1, log(1, 1, 1))
			s.reset(2, at(2, 1))
			s.ask(2, hard(1, 1), log(3, 1)...)
			s.ask(1, hard(1, 1), log(3, 1)...)
		}, "", ""},
		{"a truncation and the entries back", 3, func(s *stage) {
			s.ask(1, hard(1, 1), log(1, 1, 1, 1)...)
			s.ask(1, hard(2, 2), log(2, 2)...)
			s.ask(1, hard(3, 3), log(2, 1, 1)...)
		}, "", ""},
	}
}

func completeness() []play {
	committed := func(s *stage) {
		s.all(trio, 2, log(1, 1, 2)...)
		s.Applied(1, log(1, 1, 2))
	}
	return []play{
		{"a leader without an entry", 5, func(s *stage) {
			committed(s)
			s.write(4, hard(3, 4), log(1, 1)...)
			s.leads(4, 3)
		}, LeaderCompleteness, "n4 leads in term 3 without entry (2, term 2), which n1 had applied by term 2"},
		{"a leader with another entry", 5, func(s *stage) {
			committed(s)
			s.write(4, hard(3, 4), log(1, 1, 1)...)
			s.leads(4, 3)
		}, LeaderCompleteness, "without entry (2, term 2)"},
		{"a leader with all", 5, func(s *stage) { committed(s); s.leads(3, 3) }, "", ""},
		{"a leader with more", 5, func(s *stage) {
			committed(s)
			s.write(3, hard(3, 3), log(3, 2, 2)...)
			s.leads(3, 3)
		}, "", ""},
		{"a leader whose truncation is not on its disk yet", 5, func(s *stage) {
			committed(s)
			s.ask(3, hard(3, 2), log(2, 1)...)
			s.leads(3, 4)
		}, LeaderCompleteness, "without entry (2, term 2)"},
		{"a late leader of the term of the commit", 5, func(s *stage) {
			committed(s)
			s.write(4, hard(2, 4), log(1, 1)...)
			s.leads(4, 2)
		}, "", ""},
		{"a late leader of an older term", 5, func(s *stage) {
			committed(s)
			s.leads(4, 1)
		}, "", ""},
		{"a leader whose log begins with a snapshot", 5, func(s *stage) {
			committed(s)
			s.reset(4, at(2, 2))
			s.leads(4, 3)
		}, "", ""},
	}
}

func machines() []play {
	return []play{
		{"another entry at an index", 3, func(s *stage) {
			s.all(pair, 2, log(1, 1)...)
			s.Applied(1, log(1, 1))
			s.write(3, hard(2, 3), log(1, 2)...)
			s.Applied(3, log(1, 2))
		}, StateMachineSafety, "n3 applies another entry of term 2 at 1, where n1 had applied one of term 1"},
		{"an entry that is too far on", 3, func(s *stage) {
			s.all(trio, 1, log(1, 1, 1)...)
			s.Applied(1, log(2, 1))
		}, StateMachineSafety, "n1 applies entry 2, and nobody has applied 1"},
		{"each in its turn", 3, func(s *stage) {
			s.all(trio, 1, log(1, 1, 1)...)
			s.Applied(1, log(1, 1))
			s.Applied(2, log(1, 1, 1))
			s.Applied(1, log(2, 1))
		}, "", ""},
		{"again after a restart", 3, func(s *stage) {
			s.all(trio, 1, log(1, 1, 1)...)
			s.Applied(1, log(1, 1, 1))
			s.boots(1, hard(1, 1), start, start, log(1, 1, 1)...)
			s.Applied(1, log(1, 1, 1))
		}, "", ""},
		{"two states after an entry", 3, func(s *stage) {
			s.Snapshot(1, 5, []byte("a"))
			s.Snapshot(2, 5, []byte("b"))
		}, StateMachineSafety, "the state of n2 after entry 5 is not that of another node"},
		{"one state after an entry, another after the next", 3, func(s *stage) {
			s.Snapshot(1, 5, []byte("a"))
			s.Snapshot(2, 5, []byte("a"))
			s.Snapshot(2, 6, []byte("b"))
		}, "", ""},
		{"a snapshot of what nobody committed", 3, func(s *stage) {
			s.all(trio, 1, log(1, 1, 1)...)
			s.Applied(1, log(1, 1))
			s.reset(3, at(2, 1))
		}, StateMachineSafety, "the snapshot (2, term 1) of n3 ends with an entry that was never committed"},
		{"a snapshot of another term", 3, func(s *stage) {
			s.all(trio, 1, log(1, 1)...)
			s.Applied(1, log(1, 1))
			s.reset(3, at(1, 2))
		}, StateMachineSafety, "never committed"},
	}
}

func quorums() []play {
	return []play{
		{"committed by two disks of five", 5, func(s *stage) {
			s.all(pair, 1, log(1, 1)...)
			s.Applied(1, log(1, 1))
		}, CommittedLost, "entry (1, term 1) was applied by n1, and the disks of only 2 of 5 nodes hold it"},
		{"committed by three disks of five", 5, func(s *stage) {
			s.all(trio, 1, log(1, 1)...)
			s.Applied(1, log(1, 1))
		}, "", ""},
		{"committed by two disks of four", 4, func(s *stage) {
			s.all(pair, 1, log(1, 1)...)
			s.Applied(1, log(1, 1))
		}, CommittedLost, "only 2 of 4"},
		{"committed by one disk of two", 2, func(s *stage) {
			s.write(1, hard(1, 1), log(1, 1)...)
			s.Applied(1, log(1, 1))
		}, CommittedLost, "only 1 of 2"},
		{"committed by one alone", 1, func(s *stage) {
			s.write(1, hard(1, 1), log(1, 1)...)
			s.Applied(1, log(1, 1))
		}, "", ""},
		{"the second disk only asked for", 3, func(s *stage) {
			s.write(1, hard(1, 1), log(1, 1)...)
			s.ask(2, hard(1, 1), log(1, 1)...)
			s.Applied(1, log(1, 1))
		}, CommittedLost, "only 1 of 3"},
		{"another entry on the second disk", 3, func(s *stage) {
			s.write(1, hard(1, 1), log(1, 1)...)
			s.write(2, hard(2, 2), log(1, 2)...)
			s.Applied(1, log(1, 1))
		}, CommittedLost, "only 1 of 3"},
		{"a quorum that replaces it", 3, func(s *stage) {
			s.all(pair, 1, log(1, 1)...)
			s.Applied(1, log(1, 1))
			s.write(2, hard(2, 3), log(1, 2)...)
		}, CommittedLost, "only 1 of 3"},
		{"a minority that has yet to replace its own", 3, func(s *stage) {
			s.write(3, hard(1, 3), log(1, 1, 1)...)
			s.all(pair, 2, log(1, 2)...)
			s.Applied(1, log(1, 2))
			s.write(3, hard(2, 1), log(1, 2)...)
		}, "", ""},
		{"a longer log of the second disk", 3, func(s *stage) {
			s.all(pair, 1, log(1, 1, 1, 1)...)
			s.Applied(1, log(1, 1))
			s.write(2, hard(2, 2), log(2, 2)...)
		}, "", ""},
		{"a snapshot in place of the entries", 3, func(s *stage) {
			s.all(pair, 1, log(1, 1, 1)...)
			s.Applied(1, log(1, 1, 1))
			s.reset(3, at(2, 1))
			s.write(1, hard(2, 1), log(1, 2)...)
		}, "", ""},
		{"a snapshot that is older than the commit", 3, func(s *stage) {
			s.all(pair, 1, log(1, 1, 1)...)
			s.Applied(1, log(1, 1, 1))
			s.reset(2, at(1, 1))
		}, CommittedLost, "only 1 of 3"},
	}
}

func reads() []play {
	committed := func(s *stage) {
		s.all(trio, 1, log(1, 1, 1)...)
		s.Applied(1, log(1, 1, 1))
	}
	return []play{
		{"a read below what was committed", 3, func(s *stage) {
			committed(s)
			s.ReadAsked(3, 7, false)
			s.ReadReady(3, 7, 1, false)
		}, ReadRound, "n3 answers a read as of entry 1, and n1 had applied entry 2 when it came"},
		{"a read of all that was committed", 3, func(s *stage) {
			committed(s)
			s.ReadAsked(3, 7, false)
			s.ReadReady(3, 7, 2, false)
		}, "", ""},
		{"a read asked before the commit", 3, func(s *stage) {
			s.ReadAsked(3, 7, false)
			committed(s)
			s.ReadReady(3, 7, 0, false)
		}, "", ""},
		{"a read that was given up", 3, func(s *stage) {
			committed(s)
			s.ReadAsked(3, 7, false)
			s.ReadEnded(3, 7)
			s.ReadReady(3, 7, 0, false)
		}, "", ""},
		{"a read of another node", 3, func(s *stage) {
			committed(s)
			s.ReadAsked(3, 7, false)
			s.ReadReady(2, 7, 0, false)
		}, "", ""},
		{"a read of an earlier life", 3, func(s *stage) {
			committed(s)
			s.ReadAsked(3, 7, false)
			s.boots(3, hard(1, 1), start, start, log(1, 1, 1)...)
			s.ReadReady(3, 7, 0, false)
		}, "", ""},
	}
}

func panics() []play {
	return []play{
		{"a panic", 3, func(s *stage) { s.Panicked(2, "index out of range") }, Panic, "n2 ended by a panic: index out of range"},
		{"a panic that names a rule", 3, func(s *stage) { s.Panicked(2, "core: invariant broken: log matching") }, LogMatching, "n2 ended by a panic"},
		{"only the first rule counts", 3, func(s *stage) { s.leads(1, 1); s.leads(2, 1); s.Panicked(3, "late") }, ElectionSafety, ""},
	}
}
