package wal

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

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
// fewer only at its end, and checks them without reading the rest. A snapshot
// that is read piece by piece stays readable while newer ones are saved, or a
// reader that is slower than they come would never end: the few that were
// read last stay open, though their names are gone. If a piece is to be had no
// more, or is of no such length, what is read is the beginning of the newest:
// Snapshot and Offset of the chunk say so. ErrNoSnapshot if there is none at all.
func (l *Log) SnapshotChunk(meta core.SnapshotMeta, offset uint64, size int) (Chunk, error) {
	if size < 1 {
		return Chunk{}, fmt.Errorf("wal: read a chunk of %d bytes; at least 1 is needed", size)
	}
	l.loans.mu.Lock()
	defer l.loans.mu.Unlock()
	for {
		if err := l.usable(); err != nil {
			return Chunk{}, err
		}
		r, lent := l.loans.find(meta)
		newest := l.newest()
		if newest == (core.SnapshotMeta{}) {
			return Chunk{}, ErrNoSnapshot
		}
		if !lent && newest != meta {
			meta, offset = newest, 0
			r, lent = l.loans.find(meta)
		}
		if !lent {
			var err error
			if r, err = l.lend(meta); l.superseded(meta, err) {
				continue
			} else if err != nil {
				return Chunk{}, err
			}
		}
		chunk, err := r.read(offset, size)
		if err != nil {
			return Chunk{}, fmt.Errorf("wal: read a chunk of %s: %w", r.name, errors.Join(err, l.loans.drop(r)))
		}
		return chunk, nil
	}
}

// maxLoans is how many snapshots stay open to be read piece by piece, and
// maxIdle for how many saves one does whose name is gone and that nobody reads.
const (
	maxLoans = 8
	maxIdle  = 8
)

// loans are the snapshots that were read last, the latest at the end. The lock
// is held over their reading, which delays no append and no save.
type loans struct {
	mu   sync.Mutex
	open []pieceReader
}

// age closes what was not read for many saves. Newest is still to be had by name.
func (o *loans) age(newest core.SnapshotMeta) error {
	if !o.mu.TryLock() {
		return nil // one is being read, and a save waits for nobody
	}
	defer o.mu.Unlock()
	var errs []error
	for _, r := range slices.Clone(o.open) {
		if r.idle++; r.meta != newest && r.idle > maxIdle {
			errs = append(errs, o.drop(r))
			continue
		}
		o.open[slices.IndexFunc(o.open, func(other pieceReader) bool { return other.meta == r.meta })] = r
	}
	return errors.Join(errs...)
}

// find gives an open snapshot and makes it the latest.
func (o *loans) find(meta core.SnapshotMeta) (pieceReader, bool) {
	for i, r := range o.open {
		if r.meta == meta {
			r.idle = 0
			o.open = append(slices.Delete(o.open, i, i+1), r)
			return r, true
		}
	}
	return pieceReader{}, false
}

// lend opens a snapshot, and closes the one that was not read for longest.
func (l *Log) lend(meta core.SnapshotMeta) (pieceReader, error) {
	name := filepath.Join(l.dir, snapshotName(meta))
	file, err := l.fs.Open(name)
	if err != nil {
		return pieceReader{}, fmt.Errorf("wal: open %s: %w", name, err)
	}
	r := pieceReader{file: file, name: name, meta: meta}
	l.loans.open = append(l.loans.open, r)
	if len(l.loans.open) > maxLoans {
		err = l.loans.drop(l.loans.open[0])
	}
	return r, err
}

// drop closes one.
func (o *loans) drop(r pieceReader) error {
	o.open = slices.DeleteFunc(o.open, func(other pieceReader) bool { return other.meta == r.meta })
	if err := r.file.Close(); err != nil {
		return fmt.Errorf("wal: close %s: %w", r.name, err)
	}
	return nil
}

// close closes all.
func (o *loans) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var errs []error
	for _, r := range o.open {
		errs = append(errs, r.file.Close())
	}
	o.open = nil
	return errors.Join(errs...)
}

// pieceReader reads pieces of one open snapshot.
type pieceReader struct {
	file File
	name string
	meta core.SnapshotMeta
	idle int // saves since it was read
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
