package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"

	"partita/raft/core"
)

// A snapshot is a file of its own, written under another name, synced, and
// then renamed, so that a crash leaves it whole or not at all. Little-endian;
// the header's CRC32C covers bytes 8 to 48.
//
//	   0               4               8              12              16
//	   +---------------+---------------+---------------+---------------+
//	 0 | magic "PSN2"  | header CRC    | members CRC   | sums CRC      |
//	   +---------------+---------------+---------------+---------------+
//	16 | index                         | term                          |
//	   +-------------------------------+-------------------------------+
//	32 | members length                | data length                   |
//	   +-------------------------------+-------------------------------+
//	48 | members ...   | sums ...      | data ...
//	   +---------------+---------------+
//
// The members are the configuration as of the snapshot, as core encodes it. The
// sums are one CRC32C of 4 bytes for each block of 64 KiB of the data, of which
// the last may be shorter: so a piece of the data is checked without the rest of
// it. Files of version 1, "PSN1", knew no configuration and are refused.
const (
	snapshotMagic       = "PSN2"
	snapshotMagic1      = "PSN1"
	snapshotHeaderBytes = 48

	// blockBytes is how much of a snapshot's data has a checksum of its own.
	blockBytes = 64 << 10
	// maxMembersBytes bounds the encoding of a configuration: three lists of
	// varints, of which the lengths take one byte each.
	maxMembersBytes = 3 * (1 + core.MaxMembers*binary.MaxVarintLen64)
	// maxSnapshotBytes bounds the data that a header may claim.
	maxSnapshotBytes = 1 << 50
)

// snapshotHeader is the fixed part of a snapshot, decoded and found valid.
type snapshotHeader struct {
	meta       core.SnapshotMeta
	membersCRC uint32
	sumsCRC    uint32
	members    int64 // lengths in bytes
	data       int64
}

// sums is how many bytes the checksums of the data take.
func (h snapshotHeader) sums() int64 { return (h.data + blockBytes - 1) / blockBytes * 4 }

// begin is where the data begins in the file.
func (h snapshotHeader) begin() int64 { return snapshotHeaderBytes + h.members + h.sums() }

// encodeSnapshotHead gives what stands before the data.
func encodeSnapshotHead(meta core.SnapshotMeta, members core.Membership, data []byte) []byte {
	b := members.AppendTo(make([]byte, snapshotHeaderBytes))
	length := len(b) - snapshotHeaderBytes
	for rest := data; len(rest) > 0; rest = rest[min(len(rest), blockBytes):] {
		sum := crc32.Checksum(rest[:min(len(rest), blockBytes)], castagnoli)
		b = binary.LittleEndian.AppendUint32(b, sum)
	}
	variable := b[snapshotHeaderBytes:]
	copy(b, snapshotMagic)
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(variable[:length], castagnoli))
	binary.LittleEndian.PutUint32(b[12:], crc32.Checksum(variable[length:], castagnoli))
	binary.LittleEndian.PutUint64(b[16:], uint64(meta.Index))
	binary.LittleEndian.PutUint64(b[24:], uint64(meta.Term))
	binary.LittleEndian.PutUint64(b[32:], uint64(length))
	binary.LittleEndian.PutUint64(b[40:], uint64(len(data)))
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[8:snapshotHeaderBytes], castagnoli))
	return b
}

// decodeSnapshotHeader reads the fixed part, which b begins with, of a file of
// size bytes. A file of another version is ErrVersion.
func decodeSnapshotHeader(b []byte, size int64) (snapshotHeader, error) {
	switch {
	case len(b) >= 4 && string(b[:4]) == snapshotMagic1:
		return snapshotHeader{}, fmt.Errorf("%w: a snapshot of version 1, which holds no configuration", ErrVersion)
	case len(b) < snapshotHeaderBytes:
		return snapshotHeader{}, fmt.Errorf("%d bytes are too few for a snapshot", len(b))
	case string(b[:4]) != snapshotMagic:
		return snapshotHeader{}, errors.New("this is no snapshot")
	case binary.LittleEndian.Uint32(b[4:]) != crc32.Checksum(b[8:snapshotHeaderBytes], castagnoli):
		return snapshotHeader{}, errors.New("the header's checksum is wrong")
	}
	h := snapshotHeader{
		meta: core.SnapshotMeta{
			Index: core.Index(binary.LittleEndian.Uint64(b[16:])),
			Term:  core.Term(binary.LittleEndian.Uint64(b[24:])),
		},
		membersCRC: binary.LittleEndian.Uint32(b[8:]),
		sumsCRC:    binary.LittleEndian.Uint32(b[12:]),
	}
	members, data := binary.LittleEndian.Uint64(b[32:]), binary.LittleEndian.Uint64(b[40:])
	if members > maxMembersBytes || data > maxSnapshotBytes {
		return snapshotHeader{}, errors.New("the header makes no sense")
	}
	h.members, h.data = int64(members), int64(data)
	if want := h.begin() + h.data; want != size {
		return snapshotHeader{}, fmt.Errorf("the file has %d bytes, want %d", size, want)
	}
	return h, nil
}

// decodeSnapshotTables reads what stands between the header and the data: the
// configuration, and the checksums of the data's blocks.
func decodeSnapshotTables(h snapshotHeader, b []byte) (core.Membership, []byte, error) {
	members, sums := b[:h.members], b[h.members:]
	if crc32.Checksum(members, castagnoli) != h.membersCRC {
		return core.Membership{}, nil, errors.New("the configuration's checksum is wrong")
	}
	if crc32.Checksum(sums, castagnoli) != h.sumsCRC {
		return core.Membership{}, nil, errors.New("the checksum of the data's checksums is wrong")
	}
	decoded, err := core.DecodeMembership(members)
	return decoded, sums, err
}

// checkBlocks compares data with its checksums, of which the first is that of
// the block with which data begins.
func checkBlocks(data, sums []byte) error {
	for ; len(data) > 0; data, sums = data[min(len(data), blockBytes):], sums[4:] {
		if crc32.Checksum(data[:min(len(data), blockBytes)], castagnoli) != binary.LittleEndian.Uint32(sums) {
			return errors.New("the data's checksum is wrong")
		}
	}
	return nil
}

// decodeSnapshot reads a whole snapshot file. The data is not copied.
func decodeSnapshot(b []byte) (core.SnapshotMeta, core.Membership, []byte, error) {
	h, err := decodeSnapshotHeader(b, int64(len(b)))
	if err != nil {
		return core.SnapshotMeta{}, core.Membership{}, nil, err
	}
	members, sums, err := decodeSnapshotTables(h, b[snapshotHeaderBytes:h.begin()])
	if err == nil {
		err = checkBlocks(b[h.begin():], sums)
	}
	if err != nil {
		return core.SnapshotMeta{}, core.Membership{}, nil, err
	}
	return h.meta, members, b[h.begin():], nil
}

// readSnapshot reads and checks the snapshot of that name.
func readSnapshot(fsys FS, dir string, meta core.SnapshotMeta) (core.Membership, []byte, error) {
	name := filepath.Join(dir, snapshotName(meta))
	content, err := readAll(fsys, name)
	if err != nil {
		return core.Membership{}, nil, err
	}
	found, members, data, err := decodeSnapshot(content)
	if err != nil || found != meta {
		return core.Membership{}, nil, badSnapshot(name, found, err)
	}
	return members, data, nil
}

// badSnapshot is the error about a snapshot that cannot be read, or that is
// one of another name.
func badSnapshot(name string, found core.SnapshotMeta, err error) error {
	if errors.Is(err, ErrVersion) {
		return fmt.Errorf("wal: read %s: %w", name, err)
	}
	if err == nil {
		err = fmt.Errorf("it is of index %d and term %d", found.Index, found.Term)
	}
	return &CorruptError{File: name, Reason: err.Error()}
}
