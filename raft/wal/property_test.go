package wal

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"partita/raft/core"
)

// drawBatch draws any batch whose entries follow each other.
func drawBatch(t *rapid.T) Batch {
	b := Batch{
		HardState: hard(
			core.Term(rapid.Uint64().Draw(t, "term")),
			core.NodeID(rapid.Uint64().Draw(t, "vote")),
			rapid.Uint64().Draw(t, "boot"),
		),
		From: core.Index(rapid.Uint64().Draw(t, "from")),
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "entries") {
		entry := core.Entry{
			Index: b.From + core.Index(i),
			Term:  core.Term(rapid.Uint64().Draw(t, "entry's term")),
			Kind:  core.EntryKind(rapid.Byte().Draw(t, "kind")),
		}
		if data := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "data"); len(data) > 0 {
			entry.Data = data
		}
		b.Entries = append(b.Entries, entry)
	}
	return b
}

// drawMembers draws any configuration that is one.
func drawMembers(t *rapid.T) core.Membership {
	ids := func(least int, label string, not ...core.NodeID) (list []core.NodeID) {
		for _, id := range rapid.SliceOfNDistinct(rapid.Uint64Min(1), least, 9, rapid.ID).Draw(t, label) {
			if !slices.Contains(not, core.NodeID(id)) {
				list = append(list, core.NodeID(id))
			}
		}
		slices.Sort(list)
		return list
	}
	if rapid.IntRange(0, 9).Draw(t, "empty") == 0 {
		return core.Membership{}
	}
	m := core.Membership{Voters: ids(1, "voters")}
	m.Outgoing, m.Learners = ids(0, "outgoing"), ids(0, "learners", m.Voters...)
	return m
}

// TestRecordsInARow: batches laid one after the other are read again, each at
// its place, and the mark is the highest of theirs.
func TestRecordsInARow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := position{segment: rapid.Uint64Range(1, 1<<40).Draw(t, "segment")}
		begin := at
		batches := rapid.SliceOfN(rapid.Custom(drawBatch), 1, 6).Draw(t, "batches")
		var b []byte
		var highest position
		for _, batch := range batches {
			mark := position{segment: at.segment, offset: rapid.Int64Range(0, int64(len(b))).Draw(t, "mark")}
			if mark.compare(highest) > 0 {
				highest = mark
			}
			b = appendBatch(b, batch, position{segment: at.segment, offset: int64(len(b))}, mark)
		}
		for i, want := range batches {
			h, body, err := decodeRecord(b[at.offset:], at)
			if err != nil || h.kind != kindBatch {
				t.Fatalf("record %d: %+v, %v", i, h, err)
			}
			if got, err := decodeBatch(body); err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("record %d: %+v, %v; want %+v", i, got, err, want)
			}
			at.offset += headerBytes + h.length
		}
		if at.offset != int64(len(b)) {
			t.Fatalf("records end at %d of %d bytes", at.offset, len(b))
		}
		if got := highestMark(b, begin); got != highest {
			t.Fatalf("mark %+v, want %+v", got, highest)
		}
	})
}

// TestNoFlippedBitIsReadAsARecord: nor is a record that ends early.
func TestNoFlippedBitIsReadAsARecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := position{segment: 3, offset: 700}
		b := appendBatch(nil, drawBatch(t), at, position{segment: 2, offset: 96})
		if rapid.Bool().Draw(t, "start") {
			s := start{hard: hard(1, 2, 3), base: core.SnapshotMeta{Index: 4, Term: 5}}
			at.offset = 0
			b = appendStart(nil, kindContinue, s, at.segment, position{segment: 2, offset: 96})
		}
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if _, _, err := decodeRecord(b[:cut], at); err == nil {
			t.Fatalf("%d of %d bytes were taken for a record", cut, len(b))
		}
		bit := rapid.IntRange(0, 8*len(b)-1).Draw(t, "bit")
		b[bit/8] ^= 1 << (bit % 8)
		if h, _, err := decodeRecord(b, at); err == nil {
			t.Fatalf("with bit %d flipped it is the record %+v", bit, h)
		}
	})
}

func TestAnySnapshotIsReadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		meta := core.SnapshotMeta{Index: core.Index(rapid.Uint64().Draw(t, "index")), Term: core.Term(rapid.Uint64().Draw(t, "term"))}
		members := drawMembers(t)
		size := rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(0, 3*blockBytes)).Draw(t, "size")
		data := stateOf(rapid.Byte().Draw(t, "seed"), size)
		b := append(encodeSnapshotHead(meta, members, data), data...)
		gotMeta, gotMembers, gotData, err := decodeSnapshot(b)
		if err != nil || gotMeta != meta || !gotMembers.Equal(members) || !bytes.Equal(gotData, data) {
			t.Fatalf("%+v with %v and %d bytes, %v; want %+v with %v and %d", gotMeta, gotMembers, len(gotData), err, meta, members, size)
		}
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if _, _, _, err := decodeSnapshot(b[:cut]); err == nil {
			t.Fatalf("%d of %d bytes were taken for a snapshot", cut, len(b))
		}
		bit := rapid.IntRange(0, 8*len(b)-1).Draw(t, "bit")
		b[bit/8] ^= 1 << (bit % 8)
		if _, _, _, err := decodeSnapshot(b); err == nil {
			t.Fatalf("a snapshot with bit %d flipped was accepted", bit)
		}
	})
}
