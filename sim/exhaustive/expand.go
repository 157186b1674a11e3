package exhaustive

import "partita/sim/invariant"

// output is what a worker makes of a block: for each shard, successors as key
// (4 words), parent, action and packed state.
type output struct {
	to     [shards][]uint32
	states int
	bad    *discovery // the first
}

// discovery is a broken rule: the state that an action breaks it in.
type discovery struct {
	violation *invariant.Violation
	parent    ref
	by        action
}

// successor is a state that an action leads to, not yet under canonical names.
type successor struct {
	state    state
	key      key // under canonical names
	renaming int
	parent   ref
	by       action
}

// waitingRoom is how many successors wait to be looked up together.
const waitingRoom = 64

// expand looks at every successor of a block of states, up to the first that
// breaks a rule. Those that were not visited before this batch go out.
func (w *worker) expand(block []uint32, out *output, visited *[shards]shard) {
	for i := range out.to {
		out.to[i] = out.to[i][:0]
	}
	out.states, out.bad = 0, nil
	var s state
	for len(block) > 0 {
		me := ref(block[0])
		block = s.unpack(block[1:])
		if out.bad = w.successors(&s, me); out.bad != nil {
			break
		}
		if len(w.waiting) >= waitingRoom {
			w.sort(out, visited)
		}
	}
	w.sort(out, visited)
}

// successors lets what a state leads to wait.
func (w *worker) successors(s *state, me ref) *discovery {
	w.list = w.actions(s, w.list[:0])
	w.foresee(s)
	for i, a := range w.list {
		if s.asleep.sleeps(a) {
			continue
		}
		w.waiting = append(w.waiting, successor{state: *s, parent: me, by: a})
		next := &w.waiting[len(w.waiting)-1]
		next.state.asleep = w.lull(i)
		v, bad := w.act(&next.state, a)
		switch v {
		case breaks:
			w.waiting = w.waiting[:len(w.waiting)-1]
			return &discovery{bad, me, a}
		case reaches:
			next.key, next.renaming = w.canonical(&next.state)
		default:
			w.waiting = w.waiting[:len(w.waiting)-1]
		}
	}
	return nil
}

// sort sends those that wait to their shards.
func (w *worker) sort(out *output, visited *[shards]shard) {
	for i := range w.waiting {
		k := w.waiting[i].key
		w.touched += visited[shardOf(k)].touch(k)
	}
	for i := range w.waiting {
		next := &w.waiting[i]
		k, home := next.key, shardOf(next.key)
		if visited[home].has(k) {
			continue
		}
		w.rename(&next.state, next.renaming)
		out.to[home] = append(out.to[home], uint32(k.hi>>32), uint32(k.hi), uint32(k.lo>>32), uint32(k.lo), uint32(next.parent), uint32(next.by))
		out.to[home] = next.state.pack(out.to[home])
	}
	out.states += len(w.waiting)
	w.waiting = w.waiting[:0]
}
