package wal

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"

	"partita/raft/core"
)

// Chunk is a piece of a snapshot: len(Data) bytes of its data from Offset on.
// It has the fields of core.InstallSnapshot and is converted to one.
type Chunk struct {
	Snapshot core.SnapshotMeta
	Members  core.Membership // the configuration as of Snapshot
	Offset   uint64
	Data     []byte
	Done     bool // the data ends with this piece
}

// SnapshotChunk reads up to size bytes of the snapshot meta from offset on,
// fewer only at its end, and checks them without reading the rest. It may be
// asked chunk after chunk while newer snapshots are saved: one that is being read
// stays until its last piece was, or until lentSaves others have been saved since
// a piece of it was asked for. If the log does not hold the piece, because a newer snapshot
// has taken its place, what is read is the beginning of the newest, and the
// beginning of meta if it is of no such length: Snapshot and Offset of the chunk
// say so. ErrNoSnapshot if there is none at all.
func (l *Log) SnapshotChunk(meta core.SnapshotMeta, offset uint64, size int) (Chunk, error) {
	if size < 1 {
		return Chunk{}, fmt.Errorf("wal: read a chunk of %d bytes; at least 1 is needed", size)
	}
	for {
		if err := l.usable(); err != nil {
			return Chunk{}, err
		}
		held := l.lend(meta)
		if held == (core.SnapshotMeta{}) {
			return Chunk{}, ErrNoSnapshot
		}
		if held != meta {
			offset = 0
		}
		chunk, err := readChunk(l.fs, l.dir, held, offset, size)
		if l.superseded(held, err) {
			continue
		}
		if err == nil && chunk.Done {
			l.takeBack(held)
		}
		return chunk, err
	}
}

// lentSaves is how many snapshots may be saved while nobody asks for a piece
// of an older one, before that goes although it was not read to its end.
const lentSaves = 64

// lend notes that a snapshot is being read and so stays, or if it is gone the
// newest, and says which.
func (l *Log) lend(meta core.SnapshotMeta) core.SnapshotMeta {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.snapshots, meta) {
		meta = l.snapshots[len(l.snapshots)-1]
	}
	if l.lent == nil {
		l.lent = map[core.SnapshotMeta]uint64{}
	}
	l.lent[meta] = l.saves
	return meta
}

// takeBack lets a snapshot go with the next save, if it is not the newest.
func (l *Log) takeBack(meta core.SnapshotMeta) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.lent, meta)
}

// readChunk reads a piece of the snapshot of that name, or its beginning if it
// is shorter than offset.
func readChunk(fsys FS, dir string, meta core.SnapshotMeta, offset uint64, size int) (Chunk, error) {
	name := filepath.Join(dir, snapshotName(meta))
	file, err := fsys.Open(name)
	if err != nil {
		return Chunk{}, fmt.Errorf("wal: open %s: %w", name, err)
	}
	r := pieceReader{file: file, name: name, meta: meta}
	chunk, err := r.read(offset, size)
	if err = cmp.Or(err, file.Close()); err != nil {
		return Chunk{}, fmt.Errorf("wal: read a chunk of %s: %w", name, err)
	}
	return chunk, nil
}

// pieceReader reads pieces of one open snapshot.
type pieceReader struct {
	file File
	name string
	meta core.SnapshotMeta
}

func (r pieceReader) read(offset uint64, size int) (Chunk, error) {
	h, members, sums, err := r.head()
	if err != nil {
		return Chunk{}, err
	}
	if offset > uint64(h.data) {
		offset = 0
	}
	from := int64(offset)
	to := from + min(int64(size), h.data-from)
	begin, end := from/blockBytes*blockBytes, min(h.data, (to+blockBytes-1)/blockBytes*blockBytes)
	blocks, err := readPiece(r.file, h.begin()+begin, end-begin)
	if err != nil {
		return Chunk{}, err
	}
	if err := checkBlocks(blocks, sums[begin/blockBytes*4:]); err != nil {
		return Chunk{}, badSnapshot(r.name, h.meta, err)
	}
	return Chunk{
		Snapshot: r.meta, Members: members,
		Offset: offset, Data: blocks[from-begin : to-begin], Done: to == h.data,
	}, nil
}

// head reads and checks what stands before the data.
func (r pieceReader) head() (h snapshotHeader, members core.Membership, sums []byte, err error) {
	length, err := r.file.Size()
	if err != nil {
		return h, members, nil, err
	}
	b, err := readPiece(r.file, 0, min(length, snapshotHeaderBytes))
	if err != nil {
		return h, members, nil, err
	}
	if h, err = decodeSnapshotHeader(b, length); err != nil || h.meta != r.meta {
		return h, members, nil, badSnapshot(r.name, h.meta, err)
	}
	if b, err = readPiece(r.file, snapshotHeaderBytes, h.begin()-snapshotHeaderBytes); err != nil {
		return h, members, nil, err
	}
	if members, sums, err = decodeSnapshotTables(h, b); err != nil {
		return h, members, nil, badSnapshot(r.name, h.meta, err)
	}
	return h, members, sums, nil
}
