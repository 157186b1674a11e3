package exhaustive

// budget is what is left of the bounds on what may happen: budgetBits for each
// kind of action. Deliveries and completed appends are free.
type budget uint64

func (o *Options) budget() budget {
	var b budget
	for k, n := range [kinds]int{
		duplicate: o.Duplicates, electionTimer: o.Timeouts, heartbeatTimer: o.Heartbeats,
		propose: o.Proposals, ask: o.Reads, crash: o.Crashes,
		reform: o.Changes, yield: o.Transfers, abandon: o.Transfers, tick: o.Ticks,
	} {
		b |= budget(n) << (budgetBits * k)
	}
	return b
}

func (b budget) left(k kind) int { return int(b >> (budgetBits * k) & maxBudget) }

// spent is the budget after an action of a kind that has one.
func (b budget) spent(k kind) budget { return b - 1<<(budgetBits*k) }

func (b budget) key() key { return key{mix(uint64(b)), mix(^uint64(b))} }

// state is one of the cluster: numbers of what is interned. Node i, counted
// from 0, is n(i+1).
type state struct {
	locals   [members]uint32
	ghost    uint32
	left     budget
	flying   int
	messages [maxInFlight + 1]uint32
	asleep   asleep
}

// A state is packed as words:
//
//	locals (3) | ghost | budget (2) | asleep (3) | messages in flight | messages...
const packedHead = members + 7

func (s *state) pack(words []uint32) []uint32 {
	words = append(words, s.locals[0], s.locals[1], s.locals[2], s.ghost, uint32(s.left), uint32(s.left>>32),
		s.asleep.delivered, s.asleep.duplicated, s.asleep.local, uint32(s.flying))
	return append(words, s.messages[:s.flying]...)
}

// packedSize is how many words the packed state has that words begin with.
func packedSize(words []uint32) int { return packedHead + int(words[packedHead-1]) }

// unpack reads a packed state and gives the words after it.
func (s *state) unpack(words []uint32) []uint32 {
	size := packedSize(words)
	copy(s.locals[:], words)
	s.ghost = words[members]
	s.left = budget(words[members+1]) | budget(words[members+2])<<32
	s.asleep = asleep{words[members+3], words[members+4], words[members+5]}
	s.flying = size - packedHead
	copy(s.messages[:], words[packedHead:size])
	return words[size:]
}

// take removes a message. The order of the others stays.
func (s *state) take(at int) {
	copy(s.messages[at:s.flying], s.messages[at+1:s.flying])
	s.flying--
	s.asleep.take(at)
}

// key is that of the state under other names. It does not change the state.
func (e *engine) key(s *state, renaming int) key {
	if renaming == 0 {
		return e.plainKey(s)
	}
	sum := s.left.key().plus(e.ghosts.at(e.renamedGhost(s.ghost, renaming)).key)
	for _, id := range s.locals {
		sum = sum.plus(e.locals.at(e.renamedLocal(id, renaming)).key)
	}
	for _, id := range s.messages[:s.flying] {
		sum = sum.plus(e.messages.at(e.renamedMessage(id, renaming)).key)
	}
	return sum
}

func (e *engine) plainKey(s *state) key {
	sum := s.left.key().plus(e.ghosts.at(s.ghost).key)
	for _, id := range s.locals {
		sum = sum.plus(e.locals.at(id).key)
	}
	for _, id := range s.messages[:s.flying] {
		sum = sum.plus(e.messages.at(id).key)
	}
	return sum
}

// canonical finds the renaming under which a state stands for all that differ
// from it by names alone: members in the order of their faces, and among
// members of one face the order that gives the least key.
func (e *engine) canonical(s *state) (key, int) {
	if e.options.unnamed {
		return e.plainKey(s), 0
	}
	var face [members]uint64
	for i, id := range s.locals {
		face[i] = e.locals.at(id).face
	}
	order := [members]int{0, 1, 2}
	swap := func(i, j int) {
		if face[order[j]] < face[order[i]] {
			order[i], order[j] = order[j], order[i]
		}
	}
	swap(0, 1)
	swap(1, 2)
	swap(0, 1)
	best := int(seated[order[0]][order[1]])
	least := e.key(s, best)
	if face[order[0]] != face[order[1]] && face[order[1]] != face[order[2]] {
		return least, best
	}
	for r := range renamings {
		if !ordered(&face, r) || r == best {
			continue
		}
		if k := e.key(s, r); k.less(least) {
			least, best = k, r
		}
	}
	return least, best
}

// ordered says whether the faces rise under a renaming.
func ordered(face *[members]uint64, renaming int) bool {
	var by [members]uint64
	for i, f := range face {
		by[renamings[renaming][i+1]-1] = f
	}
	return by[0] <= by[1] && by[1] <= by[2]
}

// rename gives everybody other names.
func (e *engine) rename(s *state, renaming int) {
	if renaming == 0 {
		return
	}
	was := s.locals
	for i, id := range was {
		s.locals[renamings[renaming][i+1]-1] = e.renamedLocal(id, renaming)
	}
	s.ghost = e.renamedGhost(s.ghost, renaming)
	s.asleep.rename(renaming)
	for i, id := range s.messages[:s.flying] {
		s.messages[i] = e.renamedMessage(id, renaming)
	}
}
