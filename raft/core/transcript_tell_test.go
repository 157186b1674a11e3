package core

import (
	"fmt"
	"reflect"
	"strings"
)

// tell says in words what a step of a member asks for. The same message to
// several members is one line.
func (s *stage) tell(a *actor, effects []Effect) {
	for i := 0; i < len(effects); i++ {
		sent, ok := s.sent(a, effects[i])
		if !ok {
			if line := s.line(a, effects[i]); line != "" {
				s.say("%d: %s", a.id, line)
			}
			continue
		}
		to := fmt.Sprint(sent.To)
		for i+1 < len(effects) {
			next, ok := s.sent(a, effects[i+1])
			if !ok || !reflect.DeepEqual(next.Message, sent.Message) || next.Term != sent.Term || s.lost(next) != s.lost(sent) {
				break
			}
			to += fmt.Sprintf(" %d", next.To)
			i++
		}
		arrow := "->"
		if s.lost(sent) {
			arrow = "-x"
		}
		s.say("%d %s %s %s %s", a.id, arrow, to, say(sent.Term), say(sent.Message))
	}
}

func (s *stage) lost(e Envelope) bool { return s.cut[[2]NodeID{e.From, e.To}] }

// sent gives the message that an effect sends.
func (s *stage) sent(a *actor, e Effect) (Envelope, bool) {
	switch e := e.(type) {
	case Send:
		return e.Envelope, true
	case SendChunk:
		return a.chunk(e), true
	}
	return Envelope{}, false
}

func (s *stage) line(a *actor, e Effect) string {
	switch e := e.(type) {
	case AppendLog:
		return a.write(e)
	case Apply:
		return "applies " + say(e.Entries) + waits(a.holdApply)
	case RestoreSnapshot:
		return "restores snapshot " + say(e.Snapshot) + waits(a.holdApply)
	case SaveSnapshot:
		return fmt.Sprintf("saves snapshot %s %s %q", say(e.Snapshot), say(e.Members), e.Data) + waits(a.holdSaves)
	case ResetLog:
		a.last = e.Snapshot.Index
		return fmt.Sprintf("resets log to snapshot %s %s %q", say(e.Snapshot), say(e.Members), e.Data) + waits(a.holdDisk)
	case CutLog:
		return fmt.Sprintf("cuts log up to %d", e.To)
	case Proposed:
		return fmt.Sprintf("%s is at %dt%d", s.labels[e.ID], e.Index, e.Term)
	case ReadReady:
		if e.Lease {
			return fmt.Sprintf("%s is ready at %d by lease", s.labels[e.ID], e.Index)
		}
		return fmt.Sprintf("%s is ready at %d", s.labels[e.ID], e.Index)
	case Refused:
		return fmt.Sprintf("%s is refused: %s", s.labels[e.ID], reasons[e.Reason])
	case TransferDone:
		return s.labels[e.ID] + " is done"
	case MembersChanged:
		return "members are " + say(e.Members)
	case Changed:
		leader := "nobody leads"
		if e.Leader != None {
			leader = fmt.Sprintf("%d leads", e.Leader)
		}
		return fmt.Sprintf("%s in %s, %s (%s)", e.Role, say(e.Term), leader, e.Reason)
	case SetTimer:
		if s.timers {
			return fmt.Sprintf("%s timer %s", timerNames[e.Timer], after(e.After))
		}
	case StopTimer:
		if s.timers {
			return timerNames[e.Timer] + " timer stops"
		}
	}
	return ""
}

func waits(held bool) string {
	if held {
		return " (waits)"
	}
	return ""
}

// write says what of a write is new.
func (a *actor) write(e AppendLog) string {
	var parts []string
	if e.HardState.Term != a.term || e.HardState.Vote != a.written {
		vote := "no vote"
		if e.HardState.Vote != None {
			vote = fmt.Sprintf("vote %d", e.HardState.Vote)
		}
		parts = append(parts, say(e.HardState.Term)+" "+vote)
		a.term, a.written = e.HardState.Term, e.HardState.Vote
	}
	if len(e.Entries) > 0 {
		part := say(e.Entries)
		if e.From <= a.last {
			part += fmt.Sprintf(" over %d to %d", e.From, a.last)
		}
		parts = append(parts, part)
		a.last = e.Entries[len(e.Entries)-1].Index
	}
	if len(parts) == 0 {
		parts = []string{fmt.Sprintf("boot %d", e.HardState.Boot)}
	}
	return "writes " + strings.Join(parts, ", ") + waits(a.holdDisk)
}

// timerNames are the words for a Timer, in its order.
var timerNames = []string{ElectionTimer: "election", HeartbeatTimer: "heartbeat", TransferTimer: "transfer"}

// after says how long a timer runs. Jitter is 1 ns on the stage, so that it
// shows without being random.
func after(d Duration) string {
	switch {
	case d == 1:
		return "jitter"
	case d%ms == 1:
		return millis(d-1) + " + jitter"
	}
	return millis(d)
}

func millis(d Duration) string { return fmt.Sprintf("%g ms", float64(d)/ms) }
