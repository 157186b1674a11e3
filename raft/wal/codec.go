package wal

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"partita/raft/core"
)

// A segment is a sequence of records. All numbers are little-endian, all
// checksums CRC32C. The header's checksum covers bytes 8 to 56.
//
//	   0               4               8              12              16
//	   +---------------+---------------+---------------+---------------+
//	 0 | magic "PWL1"  | header CRC    | kind          | body CRC      |
//	   +---------------+---------------+---------------+---------------+
//	16 | body length                   | segment of this record        |
//	   +-------------------------------+-------------------------------+
//	32 | offset of this record         | segment of the mark           |
//	   +-------------------------------+-------------------------------+
//	48 | offset of the mark            | body ...
//	   +-------------------------------+
//
// The mark is where the log was durable up to when the record was written; it
// is at or before the record. A record carries its own place so that a copy
// of it elsewhere, in an entry's data for instance, is not taken for one.
//
// The body of a batch; kind 1:
//
//	   0               8              16              24              32
//	   +---------------+---------------+---------------+---------------+
//	 0 | term          | vote          | boot          | from          |
//	   +-------+-------+---------------+---------------+---------------+
//	32 | count | entries ...
//	   +-------+
//
//	   0               8  9      13
//	   +---------------+--+------+---------+
//	   | term          |k | len  | data    |   one entry; k is its kind
//	   +---------------+--+------+---------+
//
// The body of a start, the first record of every segment. Kind 2 goes on
// after the segment before; kind 3 starts the log anew after base, and
// whatever segments there are before it are void:
//
//	   0               8              16              24              32
//	   +---------------+---------------+---------------+---------------+
//	 0 | term          | vote          | boot          | base index    |
//	   +---------------+---------------+---------------+---------------+
//	32 | base term     |
//	   +---------------+
const (
	headerBytes      = 56
	batchBytes       = 36 // of a batch's body, before its entries
	entryBytes       = 13 // of an entry, before its data
	startBytes       = 40
	startRecordBytes = headerBytes + startBytes

	// maxBodyBytes bounds a record. Larger batches are refused.
	maxBodyBytes = 1 << 30

	magic = "PWL1"
)

// castagnoli is the table of CRC32C.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// recordKind is what the body of a record holds.
type recordKind uint32

const (
	kindBatch    recordKind = 1
	kindContinue recordKind = 2
	kindRestart  recordKind = 3
)

// position is a place in the log: a segment and an offset in it, in bytes.
type position struct {
	segment uint64
	offset  int64
}

// compare orders positions by segment, then by offset.
func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.segment, q.segment), cmp.Compare(p.offset, q.offset))
}

// start is the body of a segment's first record.
type start struct {
	hard core.HardState
	base core.SnapshotMeta
}

// header is a record's header, decoded and found valid.
type header struct {
	kind    recordKind
	bodyCRC uint32
	length  int64
	mark    position
}

func appendHardState(b []byte, hard core.HardState) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(hard.Term))
	b = binary.LittleEndian.AppendUint64(b, uint64(hard.Vote))
	return binary.LittleEndian.AppendUint64(b, hard.Boot)
}

func decodeHardState(b []byte) core.HardState {
	return core.HardState{
		Term: core.Term(binary.LittleEndian.Uint64(b)),
		Vote: core.NodeID(binary.LittleEndian.Uint64(b[8:])),
		Boot: binary.LittleEndian.Uint64(b[16:]),
	}
}

// batchSize is the length of a batch's body.
func batchSize(batch Batch) int64 {
	size := int64(batchBytes)
	for _, entry := range batch.Entries {
		size += entryBytes + int64(len(entry.Data))
	}
	return size
}

// appendBatch appends a batch as a record to be written at at.
func appendBatch(b []byte, batch Batch, at, mark position) []byte {
	first := len(b)
	b = append(b, make([]byte, headerBytes)...)
	b = appendHardState(b, batch.HardState)
	b = binary.LittleEndian.AppendUint64(b, uint64(batch.From))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(batch.Entries)))
	for _, entry := range batch.Entries {
		b = binary.LittleEndian.AppendUint64(b, uint64(entry.Term))
		b = append(b, byte(entry.Kind))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(entry.Data)))
		b = append(b, entry.Data...)
	}
	seal(b[first:], kindBatch, at, mark)
	return b
}

// appendStart appends a segment's first record.
func appendStart(b []byte, kind recordKind, s start, segment uint64, mark position) []byte {
	first := len(b)
	b = append(b, make([]byte, headerBytes)...)
	b = appendHardState(b, s.hard)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.base.Index))
	b = binary.LittleEndian.AppendUint64(b, uint64(s.base.Term))
	seal(b[first:], kind, position{segment: segment}, mark)
	return b
}

// seal fills in the header of a record whose body stands.
func seal(record []byte, kind recordKind, at, mark position) {
	body := record[headerBytes:]
	copy(record, magic)
	binary.LittleEndian.PutUint32(record[8:], uint32(kind))
	binary.LittleEndian.PutUint32(record[12:], crc32.Checksum(body, castagnoli))
	binary.LittleEndian.PutUint64(record[16:], uint64(len(body)))
	binary.LittleEndian.PutUint64(record[24:], at.segment)
	binary.LittleEndian.PutUint64(record[32:], uint64(at.offset))
	binary.LittleEndian.PutUint64(record[40:], mark.segment)
	binary.LittleEndian.PutUint64(record[48:], uint64(mark.offset))
	binary.LittleEndian.PutUint32(record[4:], crc32.Checksum(record[8:headerBytes], castagnoli))
}

// decodeHeader reads the header of the record at at, which b begins with.
func decodeHeader(b []byte, at position) (header, error) {
	switch {
	case len(b) < headerBytes:
		return header{}, fmt.Errorf("%d bytes are too few for a header", len(b))
	case string(b[:4]) != magic:
		return header{}, fmt.Errorf("no record begins here")
	case binary.LittleEndian.Uint32(b[4:]) != crc32.Checksum(b[8:headerBytes], castagnoli):
		return header{}, fmt.Errorf("the header's checksum is wrong")
	case binary.LittleEndian.Uint64(b[24:]) != at.segment,
		binary.LittleEndian.Uint64(b[32:]) != uint64(at.offset):
		return header{}, fmt.Errorf("the record belongs elsewhere")
	}
	h := header{
		kind:    recordKind(binary.LittleEndian.Uint32(b[8:])),
		bodyCRC: binary.LittleEndian.Uint32(b[12:]),
		length:  int64(binary.LittleEndian.Uint64(b[16:])),
		mark: position{
			segment: binary.LittleEndian.Uint64(b[40:]),
			offset:  int64(binary.LittleEndian.Uint64(b[48:])),
		},
	}
	if h.length < 0 || h.length > maxBodyBytes || h.mark.offset < 0 || h.mark.compare(at) > 0 {
		return header{}, fmt.Errorf("the header makes no sense")
	}
	return h, nil
}

// decodeRecord reads the record at at, which b begins with, and gives its
// header and its body.
func decodeRecord(b []byte, at position) (header, []byte, error) {
	h, err := decodeHeader(b, at)
	if err != nil {
		return header{}, nil, err
	}
	b = b[headerBytes:]
	if h.length > int64(len(b)) {
		return header{}, nil, fmt.Errorf("%d of %d bytes of the body are missing", h.length-int64(len(b)), h.length)
	}
	body := b[:h.length]
	if crc32.Checksum(body, castagnoli) != h.bodyCRC {
		return header{}, nil, fmt.Errorf("the body's checksum is wrong")
	}
	return h, body, nil
}

// decodeBatch reads a batch's body. The data is copied.
func decodeBatch(body []byte) (Batch, error) {
	if len(body) < batchBytes {
		return Batch{}, fmt.Errorf("a batch of %d bytes is too short", len(body))
	}
	batch := Batch{
		HardState: decodeHardState(body),
		From:      core.Index(binary.LittleEndian.Uint64(body[24:])),
	}
	count := int(binary.LittleEndian.Uint32(body[32:]))
	body = body[batchBytes:]
	if count > len(body)/entryBytes {
		return Batch{}, fmt.Errorf("%d bytes are too few for %d entries", len(body), count)
	}
	for i := range count {
		if len(body) < entryBytes {
			return Batch{}, fmt.Errorf("entry %d of %d is cut short", i, count)
		}
		length := int64(binary.LittleEndian.Uint32(body[9:]))
		entry := core.Entry{
			Index: batch.From + core.Index(i),
			Term:  core.Term(binary.LittleEndian.Uint64(body)),
			Kind:  core.EntryKind(body[8]),
		}
		body = body[entryBytes:]
		if length > int64(len(body)) {
			return Batch{}, fmt.Errorf("entry %d of %d is cut short", i, count)
		}
		if length > 0 {
			entry.Data = bytes.Clone(body[:length])
		}
		body = body[length:]
		batch.Entries = append(batch.Entries, entry)
	}
	if len(body) > 0 {
		return Batch{}, fmt.Errorf("%d bytes follow the last entry", len(body))
	}
	return batch, nil
}

// decodeStart reads the body of a segment's first record.
func decodeStart(body []byte) (start, error) {
	if len(body) != startBytes {
		return start{}, fmt.Errorf("a start of %d bytes, want %d", len(body), startBytes)
	}
	return start{
		hard: decodeHardState(body),
		base: core.SnapshotMeta{
			Index: core.Index(binary.LittleEndian.Uint64(body[24:])),
			Term:  core.Term(binary.LittleEndian.Uint64(body[32:])),
		},
	}, nil
}

// highestMark scans a segment from an offset on for valid headers and gives
// the highest of their marks: whatever is below it was durable once.
func highestMark(b []byte, at position) position {
	var highest position
	for at.offset < int64(len(b)) {
		skip := bytes.Index(b[at.offset:], []byte(magic))
		if skip < 0 {
			break
		}
		at.offset += int64(skip)
		if h, err := decodeHeader(b[at.offset:], at); err == nil && h.mark.compare(highest) > 0 {
			highest = h.mark
		}
		at.offset++
	}
	return highest
}
