package exhaustive

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
	may(electionTimer, l.armed[0])
	may(heartbeatTimer, l.armed[1])
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
	return list
}

// code is the event of an action in a state.
func (e *engine) code(s *state, a action) uint32 {
	switch k := a.kind(); k {
	case deliver, duplicate:
		return eventCode(k, s.messages[a.arg()])
	case propose:
		return eventCode(k, uint32(e.options.Proposals-s.left.left(k)))
	case ask:
		return eventCode(k, uint32(e.options.Reads-s.left.left(k)))
	default:
		return eventCode(k, uint32(a.arg()))
	}
}
