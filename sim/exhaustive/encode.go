package exhaustive

import (
	"encoding/binary"

	"partita/raft/core"
)

// A node is encoded flat, as a run of unsigned varints:
//
//	id, timers armed (a bit each), the tick that the election timer waits for, applied,
//	disk: hard state (term, vote, boot), log, pending appends (hard state, from, entries),
//	core (as core.AppendState wrote it)
//
// A list is its length and its elements; an entry is index, term, kind, length
// of data and data. Pending appends are numbered from 1, as the core's
// encoding has it.

// renaming calls every member by another's name: renaming[id].
type renaming = []core.NodeID

// called is a member's name under a renaming; nil is the identity.
func called(id core.NodeID, rename renaming) core.NodeID {
	if rename == nil {
		return id
	}
	return rename[id]
}

// encode appends the node, with members renamed, to b.
func (n *node) encode(b []byte, rename renaming) []byte {
	armed := uint64(0)
	for i, on := range n.armed {
		if on {
			armed |= 1 << i
		}
	}
	b = binary.AppendUvarint(b, uint64(called(n.id, rename)))
	b = binary.AppendUvarint(b, armed)
	b = binary.AppendUvarint(b, uint64(n.patient))
	b = binary.AppendUvarint(b, uint64(n.applied))
	b = encodeHard(b, n.disk.hard, rename)
	b = encodeEntries(b, n.disk.log, rename)
	b = binary.AppendUvarint(b, uint64(len(n.disk.pending)))
	for _, a := range n.disk.pending {
		b = encodeHard(b, a.HardState, rename)
		b = binary.AppendUvarint(b, uint64(a.From))
		b = encodeEntries(b, a.Entries, rename)
	}
	return n.core.AppendState(b, rename)
}

func encodeHard(b []byte, h core.HardState, rename renaming) []byte {
	b = binary.AppendUvarint(b, uint64(h.Term))
	b = binary.AppendUvarint(b, uint64(called(h.Vote, rename)))
	return binary.AppendUvarint(b, h.Boot)
}

func encodeEntries(b []byte, entries []core.Entry, rename renaming) []byte {
	b = binary.AppendUvarint(b, uint64(len(entries)))
	for _, e := range entries {
		b = binary.AppendUvarint(b, uint64(e.Index))
		b = binary.AppendUvarint(b, uint64(e.Term))
		b = binary.AppendUvarint(b, uint64(e.Kind))
		data := renamedData(e, rename)
		b = binary.AppendUvarint(b, uint64(len(data)))
		b = append(b, data...)
	}
	return b
}

// decoder takes an encoding of this package apart. It reads only what this
// process wrote, so what does not fit is a bug and ends in a panic.
type decoder struct{ b []byte }

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	d.b = d.b[n:]
	return v
}

func (d *decoder) hard() core.HardState {
	return core.HardState{Term: core.Term(d.uint()), Vote: core.NodeID(d.uint()), Boot: d.uint()}
}

func (d *decoder) entries() []core.Entry {
	n := d.uint()
	if n == 0 {
		return nil
	}
	list := make([]core.Entry, n)
	for i := range list {
		list[i] = core.Entry{Index: core.Index(d.uint()), Term: core.Term(d.uint()), Kind: core.EntryKind(d.uint())}
		if size := d.uint(); size > 0 {
			list[i].Data, d.b = d.b[:size:size], d.b[size:]
		}
	}
	return list
}

// decode makes the node that encode wrote.
func (o *Options) decode(b []byte) *node {
	d := decoder{b}
	n := &node{id: core.NodeID(d.uint())}
	armed := d.uint()
	for i := range n.armed {
		n.armed[i] = armed&(1<<i) != 0
	}
	n.patient = int(d.uint())
	n.applied = core.Index(d.uint())
	n.disk.hard = d.hard()
	n.disk.log = d.entries()
	for number := range d.uint() {
		n.disk.pending = append(n.disk.pending, core.AppendLog{
			Number: number + 1, HardState: d.hard(), From: core.Index(d.uint()), Entries: d.entries()})
	}
	c, err := core.DecodeState(o.config(n.id), d.b)
	if err != nil {
		panic("exhaustive: a state that was encoded does not decode: " + err.Error())
	}
	n.core = c
	return n
}

// encode appends the ghost, with members renamed, to b.
func (g ghost) encode(b []byte, rename renaming) []byte {
	b = binary.AppendUvarint(b, uint64(len(g.leaders)))
	for _, id := range g.leaders {
		b = binary.AppendUvarint(b, uint64(called(id, rename)))
	}
	b = binary.AppendUvarint(b, uint64(len(g.committed)))
	for _, c := range g.committed {
		b = encodeEntries(b, []core.Entry{c.entry}, rename)
		b = binary.AppendUvarint(b, uint64(c.term))
		by := c.by.renamed(rename)
		b = append(b, byte(by.voters), byte(by.outgoing))
	}
	b = binary.AppendUvarint(b, uint64(len(g.reads)))
	for _, r := range g.reads {
		b = binary.AppendUvarint(b, r.id)
		b = binary.AppendUvarint(b, uint64(called(r.node, rename)))
		b = binary.AppendUvarint(b, uint64(r.floor))
	}
	return b
}

// renamed is the ghost with members renamed.
func (g ghost) renamed(rename renaming) ghost {
	var out ghost
	for _, c := range g.committed {
		c.entry.Data = renamedData(c.entry, rename)
		out.committed = append(out.committed, commit{c.entry, c.term, c.by.renamed(rename)})
	}
	for _, id := range g.leaders {
		out.leaders = append(out.leaders, called(id, rename))
	}
	for _, r := range g.reads {
		out.reads = append(out.reads, pendingRead{r.id, called(r.node, rename), r.floor})
	}
	return out
}
