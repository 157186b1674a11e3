package exhaustive

import (
	"sync"
	"sync/atomic"

	"partita/raft/core"
)

// A table keeps every content once and gives it a number. Numbers are handed
// out as contents come, so they differ between runs: nothing that a search
// finds may depend on them.
type table[T any] struct {
	mu     sync.Mutex
	ids    map[string]uint32
	rows   uint32
	chunks [1 << 14]atomic.Pointer[[chunkRows]T]
}

const chunkRows = 1 << 10

// at gives the row of a number that was handed out.
func (t *table[T]) at(id uint32) *T {
	return &t.chunks[id/chunkRows].Load()[id%chunkRows]
}

// intern gives the number of a content. The row of a new one is filled in
// before anybody can know its number.
func (t *table[T]) intern(content []byte, fill func(row *T, content string)) uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if id, ok := t.ids[string(content)]; ok {
		return id
	}
	if t.ids == nil {
		t.ids = map[string]uint32{}
	}
	id := t.rows
	chunk := &t.chunks[id/chunkRows]
	if id%chunkRows == 0 {
		chunk.Store(new([chunkRows]T))
	}
	text := string(content)
	fill(&chunk.Load()[id%chunkRows], text)
	t.rows++
	t.ids[text] = id
	return id
}

// size is the number of contents.
func (t *table[T]) size() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int(t.rows)
}

// alias remembers the numbers of a content under other names: 0 is not known
// yet, else the number plus one.
type alias [len(renamings)]atomic.Uint32

// local is what is kept of a local state.
type local struct {
	content string
	key     key
	face    uint64 // the same whatever the members are called
	view    view
	logs    uint64 // numbers of the two logs of view
	synced  core.Term
	armed   [3]bool
	patient int
	force   configuration // in force in its log
	pending int
	alias   alias
}

// message is what is kept of a message.
type message struct {
	envelope core.Envelope
	key      key
	face     uint64 // the same whatever the members are called
	to       uint8  // seat: 0 to 2
	reply    reply
	alias    alias
}

// memory is what is kept of a ghost.
type memory struct {
	ghost ghost
	key   key
	alias alias
}

// internNode gives the number of a local state.
func (e *engine) internNode(n *node) uint32 {
	content := n.encode(nil, nil)
	v := n.view()
	return e.locals.intern(content, func(row *local, text string) {
		row.content, row.key, row.view = text, keyOf(content), v
		row.logs = uint64(e.internLog(v.log))<<32 | uint64(e.internLog(v.durable))
		row.patient = n.patient
		row.force, _ = latest(v.log)
		row.synced, row.armed, row.pending = n.disk.hard.Term, n.armed, len(n.disk.pending)
		for _, r := range renamings {
			if r[n.id] == 1 {
				row.face += mix(keyOf(n.encode(nil, r[:])).lo)
			}
		}
	})
}

func (e *engine) internLog(log []core.Entry) uint32 {
	return e.logs.intern(encodeEntries(nil, log, nil), func(*struct{}, string) {})
}

func (e *engine) internMessage(content []byte) uint32 {
	return e.messages.intern(content, func(row *message, text string) {
		env, err := core.DecodeEnvelope([]byte(text))
		if err != nil {
			panic("exhaustive: a message that was encoded does not decode: " + err.Error())
		}
		row.envelope, row.key, row.to, row.reply = env, keyOf(content), uint8(env.To-1), replyOf(env)
		for _, r := range renamings {
			row.face += mix(keyOf(env.AppendTo(nil, r[:])).lo)
		}
	})
}

func (e *engine) internGhost(g ghost) uint32 {
	content := g.encode(nil, nil)
	return e.ghosts.intern(content, func(row *memory, _ string) { row.ghost, row.key = g, keyOf(content) })
}

// known looks a number up under other names, or finds it out.
func (a *alias) known(renaming int, find func() uint32) uint32 {
	if id := a[renaming].Load(); id > 0 {
		return id - 1
	}
	id := find()
	a[renaming].Store(id + 1)
	return id
}

func (e *engine) renamedLocal(id uint32, renaming int) uint32 {
	row := e.locals.at(id)
	return row.alias.known(renaming, func() uint32 {
		n := e.options.decode([]byte(row.content))
		content := n.encode(nil, renamings[renaming][:])
		return e.internNode(e.options.decode(content))
	})
}

func (e *engine) renamedMessage(id uint32, renaming int) uint32 {
	row := e.messages.at(id)
	return row.alias.known(renaming, func() uint32 {
		return e.internMessage(row.envelope.AppendTo(nil, renamings[renaming][:]))
	})
}

func (e *engine) renamedGhost(id uint32, renaming int) uint32 {
	row := e.ghosts.at(id)
	return row.alias.known(renaming, func() uint32 {
		return e.internGhost(row.ghost.renamed(renamings[renaming][:]))
	})
}
