package exhaustive

import "partita/raft/core"

// Two actions are independent when they concern different nodes, both are
// possible in a state, and neither order of them can be told from the other
// afterwards. Of two independent actions the one of lower rank is to come first:
// in the state after the other it is put to sleep there, that is left out,
// since the same state is reached by the other order. Docs/exhaustive.md says
// why every state is still visited, and at the same depth.

// asleep are the actions that a state leaves out: deliveries and duplications by
// the place of the message, and others by node and kind. What was asked
// for less often than it is answered, from crashes on, never sleeps.
type asleep struct {
	delivered, duplicated uint32
	local                 uint32
}

// localKinds are the kinds in asleep.local: from electionTimer to settle.
const localKinds = int(settle-electionTimer) + 1

func localBit(node int, k kind) uint32 { return 1 << (node*localKinds + int(k-electionTimer)) }

// sleeps says whether an action is to be left out.
func (z *asleep) sleeps(a action) bool {
	switch k := a.kind(); k {
	case deliver:
		return z.delivered&(1<<a.arg()) != 0
	case duplicate:
		return z.duplicated&(1<<a.arg()) != 0
	default:
		if k > settle {
			return false
		}
		return z.local&localBit(a.node(), k) != 0
	}
}

// put lets an action sleep.
func (z *asleep) put(a action) {
	switch k := a.kind(); k {
	case deliver:
		z.delivered |= 1 << a.arg()
	case duplicate:
		z.duplicated |= 1 << a.arg()
	default:
		if k <= settle {
			z.local |= localBit(a.node(), k)
		}
	}
}

// take follows the removal of a message.
func (z *asleep) take(at int) {
	low := uint32(1)<<at - 1
	z.delivered = z.delivered&low | z.delivered>>1&^low
	z.duplicated = z.duplicated&low | z.duplicated>>1&^low
}

// rename follows a renaming of the members.
func (z *asleep) rename(renaming int) {
	was := z.local
	z.local = 0
	for i := range members {
		bits := was >> (i * localKinds) & (1<<localKinds - 1)
		z.local |= bits << (int(renamings[renaming][i+1]-1) * localKinds)
	}
}

// outlook is what can be said of an action before it is taken.
type outlook struct {
	rank   uint64 // the same in every state where the action is the same, whatever the members are called
	inside bool   // it certainly leads to a state within the bounds
	seen   bool   // it changes the ghost
}

// foresee makes the outlook of every action in the worker's list.
func (w *worker) foresee(s *state) {
	w.outlook = w.outlook[:0]
	for _, a := range w.list {
		if a.kind() == tick { // it changes what every other means
			w.outlook = append(w.outlook, outlook{})
			continue
		}
		code := w.code(s, a)
		from := s.locals[a.node()]
		t := w.react(from, code)
		face := uint64(code)
		if k := a.kind(); k == deliver || k == duplicate {
			face = w.messages.at(s.messages[a.arg()]).face + uint64(k)
		}
		w.outlook = append(w.outlook, outlook{
			rank: mix(w.locals.at(from).face ^ mix(face)),
			inside: t.bad() == 0 && !t.idle() && s.flying+len(t.sent()) <= w.options.InFlight &&
				w.locals.at(t.to()).view.term <= core.Term(w.options.Terms),
			seen: t.seen() > 0,
		})
	}
}

// lull gives what sleeps in the state after an action of the list.
func (w *worker) lull(i int) asleep {
	var z asleep
	if w.options.awake || w.list[i].kind() == tick {
		return z
	}
	a, mine := w.list[i], &w.outlook[i]
	for j, b := range w.list {
		its := &w.outlook[j]
		if b.node() != a.node() && its.rank < mine.rank && its.inside && !(its.seen && mine.seen) && !competing(a.kind(), b.kind()) {
			z.put(b)
		}
	}
	return z
}

// competing says whether which of two actions comes first is told by what they
// do: clients' requests are numbered.
func competing(a, b kind) bool { return a == b && (a == propose || a == ask) }
