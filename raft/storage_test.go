package raft_test

import (
	"errors"
	"sync/atomic"
	"time"

	"partita/raft"
	"partita/raft/core"
	"partita/raft/wal"
)

// slowStorage takes its time for every append and can be told to fail, in all
// calls or in one.
type slowStorage struct {
	raft.Storage
	delay   time.Duration
	failing atomic.Bool
	failIn  atomic.Pointer[string] // the name of the call that fails
	busy    atomic.Int32           // appends under way
	chunks  atomic.Int32           // pieces of snapshots read
}

// fails says whether a call is to fail.
func (s *slowStorage) fails(call string) bool {
	in := s.failIn.Load()
	return s.failing.Load() || in != nil && *in == call
}

func (s *slowStorage) SaveSnapshot(meta core.SnapshotMeta, members core.Membership, data []byte) error {
	if s.fails("SaveSnapshot") {
		return errDisk
	}
	return s.Storage.SaveSnapshot(meta, members, data)
}

func (s *slowStorage) Reset(meta core.SnapshotMeta, members core.Membership, data []byte) error {
	if s.fails("Reset") {
		return errDisk
	}
	return s.Storage.Reset(meta, members, data)
}

func (s *slowStorage) Cut(to core.Index) error {
	if s.fails("Cut") {
		return errDisk
	}
	return s.Storage.Cut(to)
}

func (s *slowStorage) SnapshotChunk(meta core.SnapshotMeta, offset uint64, size int) (wal.Chunk, error) {
	s.chunks.Add(1)
	if s.fails("SnapshotChunk") {
		return wal.Chunk{}, errDisk
	}
	return s.Storage.SnapshotChunk(meta, offset, size)
}

var errDisk = errors.New("the disk is gone")

func (s *slowStorage) Append(batches ...wal.Batch) error {
	s.busy.Add(1)
	defer s.busy.Add(-1)
	if s.delay > 0 {
		<-time.After(s.delay)
	}
	if s.fails("Append") {
		return errDisk
	}
	return s.Storage.Append(batches...)
}
