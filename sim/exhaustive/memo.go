package exhaustive

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"partita/raft/core"
	"partita/sim/invariant"
)

// engine is what the workers of a search share: what is interned, and every
// transition that was ever asked for.
type engine struct {
	options  Options
	locals   table[local]
	messages table[message]
	ghosts   table[memory]
	logs     table[struct{}]
	seen     table[[]observation]

	memo  [memoShards]memoShard
	words slab

	badMu sync.Mutex
	bad   []*invariant.Violation
}

const memoShards = 64

type memoShard struct {
	mu   sync.Mutex
	find map[uint64]uint32 // where in the slab
}

// slab is one long list of words that many read and that only grows.
type slab struct {
	mu     sync.Mutex
	used   uint32
	chunks [1 << 12]atomic.Pointer[[slabChunk]uint32]
}

const slabChunk = 1 << 20

// put appends words that stay in one piece.
func (s *slab) put(words []uint32) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := s.used % slabChunk; at != 0 && at+uint32(len(words)) > slabChunk {
		s.used += slabChunk - at
	}
	chunk := &s.chunks[s.used/slabChunk]
	if chunk.Load() == nil {
		chunk.Store(new([slabChunk]uint32))
	}
	at := s.used
	copy(chunk.Load()[at%slabChunk:], words)
	s.used += uint32(len(words))
	return at
}

// from gives the words from an offset to the end of its chunk.
func (s *slab) from(at uint32) []uint32 { return s.chunks[at/slabChunk].Load()[at%slabChunk:] }

// A transition is words in the slab:
//
//	to | flags, sent | seen | bad | sent messages...
//
// to: the new local state; sent: how many messages; seen: number of the list
// of observations, 0 if there are none; bad: number of the violation, 0 if
// there is none.
type transition []uint32

const (
	idle     = 1 << 31 // it changes nothing that anybody could ever see
	headSize = 4
)

func (t transition) to() uint32     { return t[0] }
func (t transition) idle() bool     { return t[1]&idle != 0 }
func (t transition) seen() uint32   { return t[2] }
func (t transition) bad() uint32    { return t[3] }
func (t transition) sent() []uint32 { return t[headSize : headSize+t[1]&^idle] }

// eventCode is an event in a word: the kind, how many ticks have passed, and the
// number of the message that arrives, or the kind's argument.
func eventCode(k kind, arg uint32, ticks int) uint32 {
	if k == duplicate {
		k = deliver
	}
	return uint32(k)<<28 | uint32(ticks)<<argBits | arg
}

// argBits is how many bits an argument has; maxTicks fills those up to the kind.
const (
	argBits  = 26
	maxTicks = 1<<(28-argBits) - 1
)

// transition looks up what a local state makes of an event, or lets the core
// say it.
func (e *engine) transition(from, code uint32) uint32 {
	at := uint64(from)<<32 | uint64(code)
	shard := &e.memo[mix(at)%memoShards]
	shard.mu.Lock()
	found, ok := shard.find[at]
	shard.mu.Unlock()
	if ok {
		return found
	}
	found = e.words.put(e.compute(from, code))
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.find == nil {
		shard.find = map[uint64]uint32{}
	}
	shard.find[at] = found
	return found
}

// compute runs the core.
func (e *engine) compute(from, code uint32) []uint32 {
	ev := event{kind: kind(code >> 28), arg: int(code & (1<<argBits - 1)), ticks: int(code >> argBits & maxTicks)}
	if ev.kind == deliver {
		ev.envelope = e.messages.at(uint32(ev.arg)).envelope
	}
	n, out := e.options.happen(e.options.decode([]byte(e.locals.at(from).content)), ev)
	if out.bad != nil {
		return []uint32{from, 0, 0, e.internBad(out.bad)}
	}
	words := []uint32{e.internNode(n), uint32(len(out.sent)), e.internSeen(out.seen), 0}
	for _, env := range out.sent {
		words = append(words, e.internMessage(env.AppendTo(nil, nil)))
	}
	if words[0] == from && len(out.sent) == 0 && idleSeen(out.seen) {
		words[1] |= idle
	}
	return words
}

// idleSeen says whether the ghost is no wiser after observations: a read that
// is refused at once might as well not have been asked for.
func idleSeen(seen []observation) bool {
	for _, o := range seen {
		if o.kind != invoked && o.kind != readOver {
			return false
		}
	}
	return true
}

func (e *engine) internBad(v *invariant.Violation) uint32 {
	e.badMu.Lock()
	defer e.badMu.Unlock()
	e.bad = append(e.bad, v)
	return uint32(len(e.bad))
}

func (e *engine) violation(id uint32) *invariant.Violation {
	e.badMu.Lock()
	defer e.badMu.Unlock()
	return e.bad[id-1]
}

// internSeen gives the number of a list of observations, counted from 1; 0 is
// the empty list.
func (e *engine) internSeen(seen []observation) uint32 {
	if len(seen) == 0 {
		return 0
	}
	var b []byte
	for _, o := range seen {
		b = append(b, byte(o.kind))
		b = binary.AppendUvarint(b, uint64(o.term))
		b = binary.AppendUvarint(b, o.id)
		b = binary.AppendUvarint(b, uint64(o.index))
		b = encodeEntries(b, []core.Entry{o.entry}, nil)
		b = append(b, byte(o.by.voters), byte(o.by.outgoing))
		if o.lease {
			b = append(b, 1)
		}
	}
	return 1 + e.seen.intern(b, func(row *[]observation, _ string) { *row = seen })
}
