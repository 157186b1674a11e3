package exhaustive

import "partita/raft/core"

// action leads from one state to another. In a word of 16 bits it is
// kind | node (2 bits) | arg (8 bits).
type action uint16

// newAction makes an action: arg is the place of the message in the state, or
// how many pending appends a crash spares.
func newAction(k kind, node, arg int) action { return action(int(k)<<10 | node<<8 | arg) }

func (a action) kind() kind { return kind(a >> 10) }
func (a action) node() int  { return int(a >> 8 & 3) }
func (a action) arg() int   { return int(a & 0xff) }

// actions appends what can happen in a state, in a fixed order.
func (e *engine) actions(s *state, list []action) []action {
	for at, id := range s.messages[:s.flying] {
		if repeated(s, at) {
			continue
		}
		to := int(e.messages.at(id).to)
		list = append(list, newAction(deliver, to, at))
		if s.left.left(duplicate) > 0 {
			list = append(list, newAction(duplicate, to, at))
		}
	}
	for i, id := range s.locals {
		list = e.localActions(s, i, e.locals.at(id), list)
	}
	if s.left.left(tick) > 0 {
		list = append(list, newAction(tick, 0, 0))
	}
	return list
}

// repeated says whether the same message stands before in the state.
func repeated(s *state, at int) bool {
	for _, id := range s.messages[:at] {
		if id == s.messages[at] {
			return true
		}
	}
	return false
}

func (e *engine) localActions(s *state, i int, l *local, list []action) []action {
	may := func(k kind, possible bool) {
		if possible && s.left.left(k) > 0 {
			list = append(list, newAction(k, i, 0))
		}
	}
	may(electionTimer, l.armed[core.ElectionTimer] && e.ticks(s) >= l.patient)
	may(heartbeatTimer, l.armed[core.HeartbeatTimer])
	may(abandon, l.armed[core.TransferTimer] && l.leads())
	may(propose, l.leads())
	may(ask, true)
	if e.options.Async && l.pending > 0 {
		list = append(list, newAction(settle, i, 0))
	}
	if s.left.left(crash) > 0 {
		for spared := 0; spared <= l.pending; spared++ {
			list = append(list, newAction(crash, i, spared))
		}
	}
	if l.leads() && s.left.left(reform) > 0 {
		for _, wish := range l.force.wishes() {
			list = append(list, newAction(reform, i, wish))
		}
	}
	if l.leads() && s.left.left(yield) > 0 {
		for to := range members {
			if to != i {
				list = append(list, newAction(yield, i, to))
			}
		}
	}
	return list
}

// ticks is how many have passed.
func (e *engine) ticks(s *state) int { return e.options.Ticks - s.left.left(tick) }

// code is the event of an action in a state.
func (e *engine) code(s *state, a action) uint32 {
	now := e.ticks(s)
	switch k := a.kind(); k {
	case deliver, duplicate:
		return eventCode(k, s.messages[a.arg()], now)
	case propose:
		return eventCode(k, uint32(e.options.Proposals-s.left.left(k)), now)
	case ask:
		return eventCode(k, uint32(e.options.Reads-s.left.left(k)), now)
	default:
		return eventCode(k, uint32(a.arg()), now)
	}
}
