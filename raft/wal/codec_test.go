package wal

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"reflect"
	"strings"
	"testing"

	"partita/raft/core"
)

func TestBatchSurvivesTheCodec(t *testing.T) {
	cases := []struct {
		name  string
		batch Batch
	}{
		{"hard state alone", Batch{HardState: hard(3, 2, 1)}},
		{"one empty entry", batch(hard(1, 1, 1), 1, 1, 1, 0)},
		{"several", batch(hard(7, 0, 9), 5, 6, 3, 600)},
		{"largest numbers", Batch{
			HardState: hard(1<<64-1, 1<<64-1, 1<<64-1), From: 1<<64 - 1,
			Entries: []core.Entry{{Index: 1<<64 - 1, Term: 1<<64 - 1, Kind: 255, Data: []byte{0}}},
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			at, mark := position{segment: 4, offset: 300}, position{segment: 4, offset: 200}
			record := appendBatch([]byte("before"), c.batch, at, mark)[6:]
			h, body, err := decodeRecord(record, at)
			if err != nil {
				t.Fatal(err)
			}
			if h.kind != kindBatch || h.mark != mark || h.length != batchSize(c.batch) {
				t.Fatalf("header %+v", h)
			}
			got, err := decodeBatch(body)
			if err != nil || !reflect.DeepEqual(got, c.batch) {
				t.Fatalf("decoded %+v, %v", got, err)
			}
		})
	}
}

// resealed changes a record's header and makes its checksum right again.
func resealed(record []byte, change func([]byte)) []byte {
	change(record)
	binary.LittleEndian.PutUint32(record[4:], crc32.Checksum(record[8:headerBytes], castagnoli))
	return record
}

func TestBadRecordsAreRefused(t *testing.T) {
	at, mark := position{segment: 2, offset: 96}, position{segment: 2, offset: 96}
	good := func() []byte { return appendBatch(nil, batch(hard(1, 1, 1), 1, 1, 2, 5), at, mark) }
	cases := []struct {
		name   string
		record []byte
		at     position
		want   string
	}{
		{"empty", nil, at, "too few for a header"},
		{"no magic", make([]byte, 100), at, "no record begins"},
		{"flipped header", func() []byte { b := good(); b[20] ^= 1; return b }(), at, "header's checksum"},
		{"another offset", good(), position{segment: 2, offset: 97}, "belongs elsewhere"},
		{"another segment", good(), position{segment: 3, offset: 96}, "belongs elsewhere"},
		{"body cut", good()[:headerBytes+10], at, "of the body are missing"},
		{"flipped body", func() []byte { b := good(); b[headerBytes] ^= 1; return b }(), at, "body's checksum"},
		{"mark after itself", resealed(good(), func(b []byte) { b[48]++ }), at, "makes no sense"},
		{"negative mark", resealed(good(), func(b []byte) { b[55] = 0x80 }), at, "makes no sense"},
		{"huge body", resealed(good(), func(b []byte) { b[20] = 1 }), at, "makes no sense"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, _, err := decodeRecord(c.record, c.at); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestBadBodiesAreRefused(t *testing.T) {
	body := func(change func([]byte) []byte) []byte {
		return change(appendBatch(nil, batch(hard(1, 1, 1), 1, 1, 2, 5), position{}, position{})[headerBytes:])
	}
	cases := []struct {
		name string
		body []byte
		want string
	}{
		{"short", make([]byte, batchBytes-1), "too short"},
		{"too many entries", body(func(b []byte) []byte { b[35] = 0x7f; return b }), "too few for"},
		{"entry longer than the rest", body(func(b []byte) []byte { b[batchBytes+12] = 1; return b }), "entry 0 of 2 is cut short"},
		{"second entry gone", body(func(b []byte) []byte { b[batchBytes+9] = 22; return b }), "entry 1 of 2 is cut short"},
		{"more than it says", body(func(b []byte) []byte { return append(b, 0) }), "1 bytes follow"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := decodeBatch(c.body); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
		})
	}
	if _, err := decodeStart(make([]byte, startBytes-1)); err == nil {
		t.Error("a short start was accepted")
	}
}

// TestCopiedRecordIsNoRecord: a client may store the bytes of a log as a
// value. They must not count as marks.
func TestCopiedRecordIsNoRecord(t *testing.T) {
	inner := appendBatch(nil, batch(hard(1, 1, 1), 1, 1, 1, 5), position{segment: 1, offset: 5000}, position{segment: 1, offset: 5000})
	entry := core.Entry{Index: 1, Term: 1, Data: inner}
	at := position{segment: 1, offset: startRecordBytes}
	outer := appendBatch(make([]byte, at.offset), Batch{From: 1, Entries: []core.Entry{entry}}, at, position{segment: 1})
	if got, want := highestMark(outer, position{segment: 1}), (position{segment: 1}); got != want {
		t.Fatalf("mark %+v, want %+v", got, want)
	}
}

func TestSnapshotSurvivesTheCodec(t *testing.T) {
	meta := core.SnapshotMeta{Index: 1<<64 - 1, Term: 7}
	everybody := core.Membership{}
	for id := range core.NodeID(core.MaxMembers) {
		everybody.Voters = append(everybody.Voters, 1<<64-core.MaxMembers+id)
	}
	everybody.Outgoing = everybody.Voters
	for _, members := range []core.Membership{{}, membersOf(meta), everybody} {
		for _, size := range []int{0, 1, blockBytes - 1, blockBytes, blockBytes + 1, 3*blockBytes + 7} {
			data := bytes.Repeat([]byte("state"), size/5+1)[:size]
			got, conf, found, err := decodeSnapshot(append(encodeSnapshotHead(meta, members, data), data...))
			if err != nil || got != meta || !conf.Equal(members) || !bytes.Equal(found, data) {
				t.Fatalf("decoded %+v %v, %d bytes, %v", got, conf, len(found), err)
			}
		}
	}
}

func TestNamesAreParsedStrictly(t *testing.T) {
	meta := core.SnapshotMeta{Index: 10, Term: 1<<64 - 1}
	if got, ok := parseSnapshotName(snapshotName(meta)); !ok || got != meta {
		t.Errorf("snapshot name %s parsed as %+v, %v", snapshotName(meta), got, ok)
	}
	if got, ok := parseSegmentName(segmentName(255)); !ok || got != 255 {
		t.Errorf("segment name %s parsed as %d, %v", segmentName(255), got, ok)
	}
	for _, name := range []string{
		"", "LOCK", "1.log", "000000000000000G.log", "000000000000000A.log", "0000000000000001.LOG", "+000000000000001.log",
		"snapshot-1-1.snap", "snapshot-.snap", snapshotName(meta) + ".1.tmp", "snapshot-000000000000000a.snap",
	} {
		if _, ok := parseSegmentName(name); ok {
			t.Errorf("%q was taken for a segment", name)
		}
		if _, ok := parseSnapshotName(name); ok {
			t.Errorf("%q was taken for a snapshot", name)
		}
	}
}

// FuzzSegment feeds bytes to the decoder as a record. What is accepted must be encoded
// to the same bytes again.
func FuzzSegment(f *testing.F) {
	at := position{segment: 1, offset: startRecordBytes}
	f.Add(appendBatch(nil, batch(hard(1, 2, 3), 4, 5, 3, 6), at, position{segment: 1}))
	f.Add(appendStart(nil, kindRestart, start{}, 1, position{}))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		highestMark(b, position{segment: 1})
		// A fuzzer does not guess checksums: the body is tried by itself too.
		if decoded, err := decodeBatch(b); err == nil {
			if again := appendBatch(nil, decoded, at, at)[headerBytes:]; !bytes.Equal(again, b) {
				t.Fatalf("%x is encoded again as %x", b, again)
			}
		}
		h, body, err := decodeRecord(b, at)
		if err != nil || h.kind != kindBatch {
			return
		}
		if decoded, err := decodeBatch(body); err == nil {
			if again := appendBatch(nil, decoded, at, h.mark); !bytes.Equal(again, b[:len(again)]) {
				t.Fatalf("%x is encoded again as %x", b, again)
			}
		}
	})
}

// FuzzSnapshot feeds bytes to the snapshot decoder.
func FuzzSnapshot(f *testing.F) {
	meta := core.SnapshotMeta{Index: 3, Term: 2}
	f.Add(append(encodeSnapshotHead(meta, membersOf(meta), []byte("state")), "state"...))
	f.Add(encodeSnapshotHead(meta, core.Membership{}, nil))
	f.Add([]byte(snapshotMagic1))
	f.Add([]byte(snapshotMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		meta, members, data, err := decodeSnapshot(b)
		if err != nil {
			return
		}
		if again := append(encodeSnapshotHead(meta, members, data), data...); !bytes.Equal(again, b) {
			t.Fatalf("%x is encoded again as %x", b, again)
		}
	})
}
