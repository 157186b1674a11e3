package core

import (
	"encoding/binary"
	"errors"
	"slices"
)

// A flat encoding is a run of unsigned varints (encoding/binary) without
// pointers, names or padding: a truth value is 0 or 1, a list is its length and
// its elements, bytes are their length and themselves.

// errFlat is all that a decoder says of bytes that no encoder wrote.
var errFlat = errors.New("core: not the encoding of a state or an envelope")

// flatWriter appends to a flat encoding. rename[id] is what a member is called
// in it; nil calls everybody by their own ID.
type flatWriter struct {
	b      []byte
	rename []NodeID
}

func (w *flatWriter) uint(v uint64)       { w.b = binary.AppendUvarint(w.b, v) }
func (w *flatWriter) term(t Term)         { w.uint(uint64(t)) }
func (w *flatWriter) index(i Index)       { w.uint(uint64(i)) }
func (w *flatWriter) id(n NodeID)         { w.uint(uint64(w.name(n))) }
func (w *flatWriter) at(m SnapshotMeta)   { w.index(m.Index); w.term(m.Term) }
func (w *flatWriter) request(r RequestID) { w.uint(r.Boot); w.uint(r.Number) }

func (w *flatWriter) name(n NodeID) NodeID {
	if uint64(n) < uint64(len(w.rename)) {
		return w.rename[n]
	}
	return n
}

func (w *flatWriter) bool(v bool) {
	if v {
		w.uint(1)
	} else {
		w.uint(0)
	}
}

func (w *flatWriter) bytes(data []byte) {
	w.uint(uint64(len(data)))
	w.b = append(w.b, data...)
}

func (w *flatWriter) uints(list []uint64) {
	w.uint(uint64(len(list)))
	for _, v := range list {
		w.uint(v)
	}
}

func (w *flatWriter) entries(list []Entry) {
	w.uint(uint64(len(list)))
	for _, e := range list {
		w.index(e.Index)
		w.term(e.Term)
		w.uint(uint64(e.Kind))
		if e.Kind == Configuration && w.rename != nil {
			w.bytes(w.renamed(mustDecode(e)).AppendTo(nil))
		} else {
			w.bytes(e.Data)
		}
	}
}

// ids writes a set of members.
func (w *flatWriter) ids(list []NodeID) {
	w.uint(uint64(len(list)))
	for _, id := range w.names(list) {
		w.uint(uint64(id))
	}
}

// names gives a set of members under their new names, sorted.
func (w *flatWriter) names(list []NodeID) []NodeID {
	if w.rename == nil {
		return list
	}
	out := make([]NodeID, len(list))
	for i, id := range list {
		out[i] = w.name(id)
	}
	slices.Sort(out)
	return out
}

func (w *flatWriter) renamed(m Membership) Membership {
	return Membership{Voters: w.names(m.Voters), Outgoing: w.names(m.Outgoing), Learners: w.names(m.Learners)}
}

func (w *flatWriter) members(m Membership) {
	w.ids(m.Voters)
	w.ids(m.Outgoing)
	w.ids(m.Learners)
}

// flatReader takes a flat encoding apart. After the first thing that does not
// fit it is bad and gives zeros.
type flatReader struct {
	b   []byte
	bad bool
}

func (r *flatReader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *flatReader) term() Term         { return Term(r.uint()) }
func (r *flatReader) index() Index       { return Index(r.uint()) }
func (r *flatReader) id() NodeID         { return NodeID(r.uint()) }
func (r *flatReader) at() SnapshotMeta   { return SnapshotMeta{Index: r.index(), Term: r.term()} }
func (r *flatReader) request() RequestID { return RequestID{Boot: r.uint(), Number: r.uint()} }

// bool refuses what no encoder writes, so that equal states have one encoding.
func (r *flatReader) bool() bool { return r.small(1) == 1 }

// small reads a value that is at most some limit.
func (r *flatReader) small(limit uint64) uint64 {
	v := r.uint()
	if v > limit {
		r.bad = true
		return 0
	}
	return v
}

// count reads the length of a list, whose elements take at least a byte each.
func (r *flatReader) count() int {
	v := r.uint()
	if v > uint64(len(r.b)) {
		r.bad = true
		return 0
	}
	return int(v)
}

func (r *flatReader) bytes() []byte {
	n := r.count()
	if n == 0 || r.bad {
		return nil
	}
	data := append([]byte(nil), r.b[:n]...)
	r.b = r.b[n:]
	return data
}

func (r *flatReader) uints() []uint64 {
	var list []uint64
	for n := r.count(); n > 0 && !r.bad; n-- {
		list = append(list, r.uint())
	}
	return list
}

func (r *flatReader) entries() []Entry {
	var list []Entry
	for n := r.count(); n > 0 && !r.bad; n-- {
		list = append(list, Entry{Index: r.index(), Term: r.term(), Kind: EntryKind(r.small(uint64(Configuration))), Data: r.bytes()})
	}
	return list
}

// end gives the error of a reader that should have come to the end.
func (r *flatReader) end() error {
	if r.bad || len(r.b) > 0 {
		return errFlat
	}
	return nil
}
