package core

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// onCut cuts links, both ways, or one way if there is an arrow: "cut 1",
// "cut 1->2". What is under way on them is lost.
func (s *stage) onCut(w words) error {
	for _, word := range w.plain[1:] {
		from, to := NodeID(0), NodeID(0)
		if strings.Contains(word, "->") {
			from, to = link(word)
		} else {
			from, _ = readID(word)
		}
		for _, a := range s.actors {
			switch {
			case to != None:
				s.cut[[2]NodeID{from, to}] = true
			case a.id != from:
				s.cut[[2]NodeID{from, a.id}], s.cut[[2]NodeID{a.id, from}] = true, true
			}
		}
	}
	s.net = slices.DeleteFunc(s.net, s.lost)
	s.say("ok")
	return nil
}

func (s *stage) onHeal(words) error {
	clear(s.cut)
	s.say("ok")
	return nil
}

// ask numbers what a client asks for.
func (s *stage) ask(label string) uint64 {
	s.asked++
	s.labels[s.asked] = label
	return s.asked
}

func (s *stage) onPropose(w words) error {
	a := s.actor(w)
	var ev Propose
	for _, data := range w.plain[2:] {
		ev.Requests = append(ev.Requests, Proposal{s.ask(data), []byte(data)})
	}
	s.step(a, ev)
	return nil
}

// onRead asks for a read, which is called by the rest of the command.
func (s *stage) onRead(w words) error {
	a := s.actor(w)
	ev := Read{Lease: w.has("lease"), Now: s.clock(a)}
	for _, label := range w.plain[2:] {
		if label != "lease" {
			ev.IDs = append(ev.IDs, s.ask(label))
		}
	}
	s.step(a, ev)
	return nil
}

// onMembers asks for a change of the configuration: "members 1 add-voter 4 remove 2".
func (s *stage) onMembers(w words) error {
	a := s.actor(w)
	ev := ChangeMembers{ID: s.ask("change")}
	for list := w.plain[2:]; len(list) > 1; list = list[2:] {
		kind := slices.Index([]string{AddLearner: "add-learner", AddVoter: "add-voter", Remove: "remove"}, list[0])
		id, err := readID(list[1])
		if kind < 0 || err != nil {
			return fmt.Errorf("%q is no change", list[:2])
		}
		ev.Changes = append(ev.Changes, Change{ChangeKind(kind), id})
	}
	s.step(a, ev)
	return nil
}

func (s *stage) onTransfer(w words) error {
	from, to := link(w.plain[1])
	s.step(s.find(from), TransferLeadership{ID: s.ask("transfer"), To: to})
	return nil
}

// onHold withholds, or releases, what a member's disk, its saving of
// snapshots or its state machine does.
func (s *stage) onHold(w words) error {
	a, held := s.actor(w), w.plain[0] == "hold"
	for _, what := range w.plain[2:] {
		switch what {
		case "disk":
			a.holdDisk = held
		case "snapshots":
			a.holdSaves = held
		case "machine":
			a.holdApply = held
		default:
			return fmt.Errorf("%q cannot be held", what)
		}
	}
	if held {
		s.say("ok")
	}
	for !a.holdDisk && len(a.writes) > 0 {
		s.complete(a)
	}
	for !a.holdSaves && len(a.saves) > 0 {
		s.save(a)
	}
	for !a.holdApply && len(a.applies) > 0 {
		s.apply(a)
	}
	return nil
}

// onDurable lets so many held writes of a member become durable.
func (s *stage) onDurable(w words) error {
	a, n := s.actor(w), 1
	if len(w.plain) > 2 {
		n, _ = strconv.Atoi(w.plain[2])
	}
	for ; n > 0; n-- {
		if len(a.writes) == 0 {
			return fmt.Errorf("no write is under way")
		}
		s.complete(a)
	}
	return nil
}

// onCompact lets the state machine offer a snapshot of all it has taken.
func (s *stage) onCompact(w words) error {
	a := s.actor(w)
	s.step(a, Compact{Index: a.core.Status().Applied, Data: []byte(strings.Join(a.machine, " "))})
	return nil
}

// onLog shows a member's log in memory.
func (s *stage) onLog(w words) error {
	a := s.actor(w)
	st := a.core.Status()
	s.say("after %s %s, commit %d, applied %d, durable %d", say(a.core.log.base), say(a.core.log.entries), st.Commit, st.Applied, st.Durable)
	s.say("%s", strings.TrimSpace("state machine: "+strings.Join(a.machine, " ")))
	return nil
}

// onStatus shows what a member tells of itself.
func (s *stage) onStatus(w words) error {
	st := s.actor(w).core.Status()
	s.say("%s in %s, last %d, commit %d, applied %d, members %s", st.Role, say(st.Term), st.Last, st.Commit, st.Applied, say(st.Members))
	if st.Transferring != None {
		s.say("the lead goes to %d", st.Transferring)
	}
	if st.LeaseEnd != 0 {
		s.say("lease until %s", millis(Duration(st.LeaseEnd)))
	}
	if st.Uncommitted > 0 {
		s.say("bytes not committed: %d", st.Uncommitted)
	}
	for _, p := range st.Peers {
		line := fmt.Sprintf("%d: match %d, next %d, %s", p.ID, p.Match, p.Next, p.Mode)
		if p.Learner {
			line += ", learner"
		}
		if p.Inflight > 0 {
			line += fmt.Sprintf(", under way %d with %d bytes", p.Inflight, p.InflightBytes)
		}
		if p.Snapshot > 0 {
			line += fmt.Sprintf(", has %d bytes of snapshot %d", p.SnapshotOffset, p.Snapshot)
		}
		s.say("%s", line)
	}
	return nil
}

// onClock moves all clocks, or one: "clock +50", "clock +50 1". In ms.
func (s *stage) onClock(w words) error {
	n, err := strconv.Atoi(w.plain[1])
	if err != nil {
		return err
	}
	if len(w.plain) > 2 {
		id, _ := readID(w.plain[2])
		s.find(id).skew += Instant(n) * ms
	} else {
		s.now += Instant(n) * ms
	}
	s.say("%s", millis(Duration(s.now)))
	return nil
}

// onTimers tells of timers from here on.
func (s *stage) onTimers(words) error {
	s.timers = true
	s.say("ok")
	return nil
}
