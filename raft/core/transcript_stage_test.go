package core

import (
	"fmt"
	"slices"
	"strings"
)

// stage is where a transcript plays: members with disks and state machines,
// and the messages between them. Nothing happens that no command asks for, but
// that disks and state machines are prompt unless they are held.
type stage struct {
	shape  Config
	actors []*actor // in order of ID
	others []NodeID // members that are played by hand
	net    []Envelope
	cut    map[[2]NodeID]bool
	now    Instant
	timers bool // timers are told of
	asked  uint64
	labels map[uint64]string // what a client asked for, by its ID

	lines []string
}

// actor is one member with its disk and its state machine.
type actor struct {
	id   NodeID
	core *Core // nil while it is down
	cfg  Config
	skew Instant // of its clock against the stage's

	disk    platter
	written NodeID // the vote it was last told to write, to tell only changes
	term    Term
	last    Index // the end of the log that it was last told to write

	writes, saves, applies         []Effect // under way
	holdDisk, holdSaves, holdApply bool
	machine                        []string // the commands that the state machine has taken
}

// platter is what a crash leaves.
type platter struct {
	hard     HardState
	base     SnapshotMeta
	entries  []Entry
	snapshot SnapshotMeta
	members  Membership
	data     []byte
}

func (s *stage) say(format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

func (s *stage) find(id NodeID) *actor {
	for _, a := range s.actors {
		if a.id == id {
			return a
		}
	}
	return nil
}

// start makes a member out of what its disk holds.
func (s *stage) start(a *actor) error {
	d := a.disk
	core, err := New(a.cfg, Restored{HardState: d.hard, Snapshot: d.snapshot, Members: d.members, Base: d.base, Entries: slices.Clone(d.entries)})
	if err != nil {
		return err
	}
	a.core, a.machine = core, nil
	a.term, a.written, a.last = d.hard.Term, d.hard.Vote, d.end()
	s.step(a, Started{})
	return nil
}

func (d *platter) end() Index { return d.base.Index + Index(len(d.entries)) }

// crash loses what was under way, but for so many writes.
func (s *stage) crash(a *actor, keep int) {
	for _, e := range a.writes[:keep] {
		a.disk.take(e)
	}
	a.core, a.writes, a.saves, a.applies = nil, nil, nil, nil
	a.holdDisk, a.holdSaves, a.holdApply = false, false, false
}

// take makes an effect on the log durable.
func (d *platter) take(e Effect) {
	switch e := e.(type) {
	case AppendLog:
		d.hard = e.HardState
		if len(e.Entries) > 0 {
			d.entries = slices.Concat(d.entries[:e.From-d.base.Index-1], e.Entries)
		}
	case SaveSnapshot:
		d.snapshot, d.members, d.data = e.Snapshot, e.Members, e.Data
	case ResetLog:
		d.snapshot, d.members, d.data = e.Snapshot, e.Members, e.Data
		d.base, d.entries = e.Snapshot, nil
	case CutLog:
		at := d.entries[e.To-d.base.Index-1]
		d.entries = slices.Clone(d.entries[e.To-d.base.Index:])
		d.base = SnapshotMeta{at.Index, at.Term}
	}
}

// step gives an event to a member and does what it asks for.
func (s *stage) step(a *actor, ev Event) {
	if a.core == nil {
		return
	}
	effects, broken := survive(a.core, ev)
	s.tell(a, effects)
	for _, e := range effects {
		s.execute(a, e)
	}
	if broken != "" {
		s.say("%d: panic: %s", a.id, broken)
		s.crash(a, 0)
		return
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
}

// survive runs a step, in which a member may find an invariant broken.
func survive(c *Core, ev Event) (effects []Effect, broken string) {
	defer func() {
		if r := recover(); r != nil {
			broken = fmt.Sprint(r)
		}
	}()
	return slices.Clone(c.Step(ev)), ""
}

func (s *stage) execute(a *actor, e Effect) {
	switch e := e.(type) {
	case AppendLog, ResetLog, CutLog:
		a.writes = append(a.writes, e)
	case SaveSnapshot:
		a.saves = append(a.saves, e)
	case Apply, RestoreSnapshot:
		a.applies = append(a.applies, e)
	case Send:
		s.post(e.Envelope)
	case SendChunk:
		s.post(a.chunk(e))
	}
}

// post puts a message on the network, if anybody is there to get it.
func (s *stage) post(e Envelope) {
	if s.find(e.To) != nil && !s.cut[[2]NodeID{e.From, e.To}] {
		s.net = append(s.net, e)
	}
}

// chunk fills in a piece of the snapshot on disk.
func (a *actor) chunk(e SendChunk) Envelope {
	d := a.disk
	if e.Snapshot != d.snapshot {
		e.Offset = 0
	}
	rest := d.data[min(int(e.Offset), len(d.data)):]
	n := min(len(rest), a.cfg.SnapshotChunk)
	return Envelope{a.id, e.To, e.Term, InstallSnapshot{
		Snapshot: d.snapshot, Members: d.members, Offset: e.Offset, Data: rest[:n], Done: n == len(rest),
	}}
}

// complete lets the next write to the log become durable.
func (s *stage) complete(a *actor) {
	e := a.writes[0]
	a.writes = a.writes[1:]
	a.disk.take(e)
	switch e := e.(type) {
	case AppendLog:
		s.step(a, Appended{e.Number})
	case ResetLog:
		s.step(a, SnapshotSaved{e.Snapshot})
	}
}

// save lets the next of a member's own snapshots become durable.
func (s *stage) save(a *actor) {
	e := a.saves[0].(SaveSnapshot)
	a.saves = a.saves[1:]
	if e.Snapshot.Index > a.disk.snapshot.Index {
		a.disk.take(e)
	}
	s.step(a, SnapshotSaved{e.Snapshot})
}

// apply lets the state machine take what comes next. A snapshot of it is its
// commands with spaces between.
func (s *stage) apply(a *actor) {
	e := a.applies[0]
	a.applies = a.applies[1:]
	switch e := e.(type) {
	case Apply:
		for _, x := range e.Entries {
			if x.Kind == Command {
				a.machine = append(a.machine, string(x.Data))
			}
		}
		s.step(a, Applied{e.Entries[len(e.Entries)-1].Index})
	case RestoreSnapshot:
		a.machine = strings.Fields(string(a.disk.data))
		s.step(a, Applied{e.Snapshot.Index})
	}
}

// receive lets a message arrive.
func (s *stage) receive(a *actor, e Envelope) {
	s.step(a, Received{Envelope: e, Now: s.clock(a)})
}

// clock reads a member's clock, which is unknown until a transcript sets it.
func (s *stage) clock(a *actor) Instant {
	if s.now == 0 {
		return 0
	}
	return s.now + a.skew
}

// settle delivers all messages until there are none.
func (s *stage) settle() {
	for len(s.net) > 0 {
		e := s.net[0]
		s.net = s.net[1:]
		to := s.find(e.To)
		if to.core == nil {
			continue
		}
		at := len(s.lines)
		s.receive(to, e)
		if len(s.lines) > at {
			s.lines = slices.Insert(s.lines, at, taken(e))
		}
	}
}

func taken(e Envelope) string {
	return fmt.Sprintf("%d takes %s of %d", e.To, strings.Fields(say(e.Message))[0], e.From)
}
