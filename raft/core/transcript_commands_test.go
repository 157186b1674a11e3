package core

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// run executes a command and gives what is to be told of it. After "quietly"
// that is nothing.
func (s *stage) run(line string) (lines []string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	quiet := strings.HasPrefix(line, "quietly ")
	line = strings.TrimPrefix(line, "quietly ")
	w := parse(line)
	command := map[string]func(words) error{
		"cluster": s.onCluster, "restart": s.onRestart, "crash": s.onCrash, "timer": s.onTimer, "elect": s.onElect,
		"deliver": s.onDeliver, "drop": s.onDeliver, "settle": s.onSettle, "cut": s.onCut, "heal": s.onHeal,
		"propose": s.onPropose, "read": s.onRead, "members": s.onMembers, "transfer": s.onTransfer,
		"hold": s.onHold, "release": s.onHold, "durable": s.onDurable, "compact": s.onCompact,
		"log": s.onLog, "status": s.onStatus, "clock": s.onClock, "timers": s.onTimers,
	}[w.plain[0]]
	s.lines = nil
	switch {
	case w.plain[0] == "inject":
		err = s.onInject(split(line)[1:])
	case command == nil:
		err = errors.New("there is no such command")
	default:
		err = command(w)
	}
	switch {
	case quiet:
		s.lines = nil
	case len(s.lines) == 0:
		s.say("nothing")
	}
	return s.lines, err
}

// actor gives the member that a command's first argument names.
func (s *stage) actor(w words) *actor {
	id, err := readID(w.plain[1])
	a := s.find(id)
	if err != nil || a == nil {
		panic(fmt.Sprintf("there is no member %q", w.plain[1]))
	}
	return a
}

// link reads "1->2", where either side may be missing: any.
func link(word string) (from, to NodeID) {
	a, b, ok := strings.Cut(word, "->")
	if !ok {
		panic(fmt.Sprintf("%q is no link like 1->2", word))
	}
	from, _ = readID(a)
	to, _ = readID(b)
	return from, to
}

// onCluster begins anew with members whose disks are empty.
func (s *stage) onCluster(w words) error {
	*s = stage{cut: map[[2]NodeID]bool{}, labels: map[uint64]string{}}
	s.shape = Config{
		ElectionTimeout: 100 * ms, ElectionJitter: 1, Heartbeat: 20 * ms,
		MaxBatch: w.number("batch", 4), MaxBatchBytes: w.number("batch-bytes", 1000), MaxInflight: w.number("inflight", 4),
		MaxInflightBytes: w.number("inflight-bytes", 1000), MaxUncommittedBytes: w.number("uncommitted", 1000),
		SnapshotChunk: w.number("chunk", 1000), CompactTail: Index(w.number("tail", 0)), MaxTailBytes: w.number("kept", 0),
		NoNoop: w.has("nonoop"), NoPreVote: w.has("noprevote"), Lease: w.has("lease"), LeaseDriftPPM: uint32(w.number("drift", 0)),
	}
	only, voters, joiner := NodeID(w.number("only", 0)), w.number("voters", 3), NodeID(w.number("joiner", 0))
	for id := NodeID(1); id <= NodeID(max(voters, int(joiner))); id++ {
		cfg := s.shape
		cfg.ID = id
		if int(id) <= voters {
			for v := 1; v <= voters; v++ {
				cfg.Voters = append(cfg.Voters, NodeID(v))
			}
		}
		if only != None && id != only {
			s.others = append(s.others, id)
			continue
		}
		a := &actor{id: id, cfg: cfg}
		s.actors = append(s.actors, a)
		if err := s.start(a); err != nil {
			return err
		}
	}
	s.lines = nil
	s.say("ok")
	return nil
}

// onRestart starts a member again, on its disk or on one that is described.
func (s *stage) onRestart(w words) error {
	a := s.actor(w)
	s.crash(a, 0)
	for key, field := range map[string]any{
		"term": &a.disk.hard.Term, "log": &a.disk.entries, "base": &a.disk.base,
		"snapshot": &a.disk.snapshot, "members": &a.disk.members, "data": &a.disk.data,
	} {
		if text, ok := w.pairs[key]; ok {
			v := reflect.ValueOf(field).Elem()
			v.SetZero()
			if err := readField(v, text); err != nil {
				return err
			}
		}
	}
	a.disk.hard.Vote = NodeID(w.number("vote", int(a.disk.hard.Vote)))
	return s.start(a)
}

func (s *stage) onCrash(w words) error {
	s.crash(s.actor(w), w.number("keep", 0))
	return nil
}

// onTimer lets a timer of a member run out: "timer 1 heartbeat times=3".
func (s *stage) onTimer(w words) error {
	t := slices.Index(timerNames, w.plain[2])
	if t < 0 {
		return fmt.Errorf("there is no %s timer", w.plain[2])
	}
	a := s.actor(w)
	for range w.number("times", 1) {
		s.step(a, TimerFired{Timer: Timer(t), Now: s.clock(a)})
	}
	return nil
}

// onElect makes a member lead, with the votes of all who can give theirs. It
// may hear of a later term at first.
func (s *stage) onElect(w words) error {
	a := s.actor(w)
	for try := 0; try < 3 && a.core.role != Leader; try++ {
		for _, o := range s.actors {
			if o.core != nil && o.core.loyal {
				s.step(o, TimerFired{ElectionTimer, s.clock(o)})
			}
		}
		if a.core.role != Leader {
			s.step(a, TimerFired{ElectionTimer, s.clock(a)})
		}
		for _, id := range s.others {
			if term := a.core.hard.Term; a.core.role == PreCandidate {
				s.receive(a, Envelope{id, a.id, term, PreVoteReply{Asked: term, Granted: true}})
			}
		}
		for _, id := range s.others {
			if term := a.core.hard.Term; a.core.role == Candidate {
				s.receive(a, Envelope{id, a.id, term, VoteReply{Asked: term, Granted: true}})
			}
		}
		s.settle()
	}
	if s.lines = nil; a.core.role != Leader {
		return fmt.Errorf("%d is %s in t%d", a.id, a.core.role, a.core.hard.Term)
	}
	s.say("%d leads in %s", a.id, say(a.core.hard.Term))
	return nil
}

// onInject sends a message written by hand: "2 -> 1 t3 Vote last=5t2".
func (s *stage) onInject(list []string) error {
	if len(list) < 5 || list[1] != "->" {
		return errors.New("inject needs: from -> to term message")
	}
	from, to := link(list[0] + "->" + list[2])
	e := Envelope{From: from, To: to}
	if err := readField(reflect.ValueOf(&e.Term).Elem(), list[3]); err != nil {
		return err
	}
	m, err := readMessage(list[4:])
	if err != nil {
		return err
	}
	e.Message = m
	a := s.find(to)
	if a == nil {
		return fmt.Errorf("there is no member %d", to)
	}
	s.receive(a, e)
	return nil
}

// onDeliver lets the messages under way that it names arrive or be lost:
// "deliver 1->2 Append copy" leaves a copy of them under way.
func (s *stage) onDeliver(w words) error {
	var from, to NodeID
	kind, drop, copied := "", w.plain[0] == "drop", w.has("copy")
	for _, word := range w.plain[1:] {
		if strings.Contains(word, "->") {
			from, to = link(word)
		} else if word != "copy" {
			kind = word
		}
	}
	var due, rest []Envelope
	for _, e := range s.net {
		fits := (from == None || e.From == from) && (to == None || e.To == to) &&
			(kind == "" || reflect.TypeOf(e.Message).Name() == kind)
		if fits {
			due = append(due, e)
		}
		if !fits || copied {
			rest = append(rest, e)
		}
	}
	s.net = rest
	for _, e := range due {
		if drop {
			s.say("lost: %d -> %d %s %s", e.From, e.To, say(e.Term), say(e.Message))
			continue
		}
		s.say("%s", taken(e))
		s.receive(s.find(e.To), e)
	}
	return nil
}

func (s *stage) onSettle(words) error {
	s.settle()
	return nil
}
