package exhaustive

import (
	"partita/raft/core"
	"partita/sim/invariant"
)

// worker expands states. What it keeps for itself are shortcuts to what the
// engine knows.
type worker struct {
	*engine
	recent  []shortcut
	ghostly map[ghostStep]ghostResult
	list    []action
	outlook []outlook
	waiting []successor
	touched uint64 // keeps the reads that bring memory near
	cut     Cut
}

// shortcut is a transition asked for lately.
type shortcut struct {
	at    uint64 // local state and event, plus one
	found uint32
}

const shortcuts = 1 << 18

type ghostStep struct {
	ghost, seen uint32
	node        uint8
}

type ghostResult struct {
	ghost uint32
	bad   *invariant.Violation
}

func newWorker(e *engine) *worker {
	return &worker{engine: e, recent: make([]shortcut, shortcuts), ghostly: map[ghostStep]ghostResult{}}
}

// Cut counts successors that were left out because of a bound.
type Cut struct {
	Terms    int // a member would have entered a term beyond the bound
	InFlight int // too many messages would have been in flight
}

func (w *worker) react(from, code uint32) transition {
	at := uint64(from)<<32 | uint64(code)
	slot := &w.recent[mix(at)%shortcuts]
	if slot.at != at+1 {
		*slot = shortcut{at + 1, w.transition(from, code)}
	}
	return w.words.from(slot.found)
}

// verdict says what became of an action.
type verdict uint8

const (
	reaches   verdict = iota // to the state that was made
	pointless                // to nothing that the state itself does not lead to
	beyond                   // out of the bounds
	breaks                   // a rule
)

// act turns a state into what an action makes of it, not yet under canonical names.
func (w *worker) act(s *state, a action) (verdict, *invariant.Violation) {
	node := a.node()
	if a.kind() == tick {
		s.left = s.left.spent(tick)
		return reaches, nil
	}
	from := s.locals[node]
	t := w.react(from, w.code(s, a))
	if t.bad() > 0 {
		return breaks, w.violation(t.bad())
	}
	if t.idle() {
		return pointless, nil
	}
	to := w.locals.at(t.to())
	if to.view.term > core.Term(w.options.Terms) {
		w.cut.Terms++
		return beyond, nil
	}
	switch k := a.kind(); k {
	case deliver:
		s.take(a.arg())
	case settle:
	default:
		s.left = s.left.spent(k)
	}
	s.locals[node] = t.to()
	if bad := w.judge(s, node, from, t); bad != nil {
		return breaks, bad
	}
	if !w.fly(s, node, t) {
		w.cut.InFlight++
		return beyond, nil
	}
	return reaches, nil
}

// judge takes note of what was seen and checks the rules, as far as they can
// be broken by what changed.
func (w *worker) judge(s *state, node int, from uint32, t transition) *invariant.Violation {
	seen := t.seen()
	if seen > 0 {
		at := ghostStep{s.ghost, seen, uint8(node)}
		next, ok := w.ghostly[at]
		if !ok {
			next = w.remember(at)
			w.ghostly[at] = next
		}
		if next.bad != nil {
			return next.bad
		}
		s.ghost = next.ghost
	}
	if seen == 0 && w.locals.at(from).logs == w.locals.at(s.locals[node]).logs {
		return nil
	}
	var views [members]*view
	for i, id := range s.locals {
		views[i] = &w.locals.at(id).view
	}
	return w.options.broken(&views, node, &w.ghosts.at(s.ghost).ghost)
}

// remember gives the ghost after observations.
func (w *worker) remember(at ghostStep) ghostResult {
	g := w.ghosts.at(at.ghost).ghost
	for _, o := range *w.seen.at(at.seen - 1) {
		var bad *invariant.Violation
		if g, bad = g.saw(core.NodeID(at.node+1), o); bad != nil {
			return ghostResult{bad: bad}
		}
	}
	return ghostResult{ghost: w.internGhost(g)}
}

// fly puts sent messages into flight and takes out what is dead now. It says
// whether there was room.
func (w *worker) fly(s *state, node int, t transition) bool {
	if !w.options.KeepDead {
		for i := s.flying - 1; i >= 0; i-- {
			if m := w.messages.at(s.messages[i]); int(m.to) == node && w.dead(s, m, s.messages[i]) {
				s.take(i)
			}
		}
	}
	for _, id := range t.sent() {
		if m := w.messages.at(id); !w.options.KeepDead && w.dead(s, m, id) {
			continue
		}
		if s.flying == w.options.InFlight {
			return false
		}
		s.messages[s.flying] = id
		s.flying++
	}
	return true
}

// dead says that a message can have no effect any more: its receiver has left
// what it speaks of behind, and does nothing about it now.
func (w *worker) dead(s *state, m *message, id uint32) bool {
	to := s.locals[m.to]
	return w.locals.at(to).over(m.reply) && w.react(to, eventCode(deliver, id, w.ticks(s))).idle()
}

// leads says whether the node is a leader.
func (l *local) leads() bool { return l.view.role == core.Leader }
