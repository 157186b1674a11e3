package wal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"partita/raft/core"
	"partita/raft/wal/memfs"
)

// stateOf makes data of some size, in which no two stretches are alike.
func stateOf(seed byte, size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = seed + byte(i) + byte(i>>8)*3 + byte(i>>16)*7
	}
	return b
}

// saved makes a log with a snapshot of three blocks and a bit.
func saved(t *testing.T) (disk *memfs.Disk, l *Log, whole Chunk) {
	t.Helper()
	disk = memfs.New(1)
	l, _, err := reopen(disk, Options{})
	if err != nil {
		t.Fatal(err)
	}
	meta := core.SnapshotMeta{Index: 4, Term: 2}
	whole = Chunk{Snapshot: meta, Members: membersOf(meta), Data: stateOf(1, 3*blockBytes+100), Done: true}
	if err := l.SaveSnapshot(meta, whole.Members, whole.Data); err != nil {
		t.Fatal(err)
	}
	return disk, l, whole
}

// TestChunksAreThePiecesOfTheNewest compares chunks with slices of the data,
// while snapshots are saved, installed and found again after a restart. One of which
// a piece was read lately is read on, though there is a newer one.
func TestChunksAreThePiecesOfTheNewest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		disk := memfs.New(1)
		l, _, err := reopen(disk, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var newest Chunk
		var lent []Chunk // the latest at the end
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"save", "reset", "restart", "chunk", "chunk", "chunk"}).Draw(t, "step") {
			case "restart":
				if l, _, err = reopen(disk, Options{}); err != nil {
					t.Fatal(err)
				}
				if lent = nil; newest.Snapshot.Index > 0 {
					lent = []Chunk{newest} // which reopen has read
				}
			case "chunk":
				meta := newest.Snapshot
				meta.Index -= core.Index(rapid.Uint64Range(0, min(2, uint64(meta.Index))).Draw(t, "older"))
				offset := rapid.Uint64Range(0, uint64(len(newest.Data))+10).Draw(t, "offset")
				size := rapid.IntRange(1, 3*blockBytes).Draw(t, "size")
				chunk, err := l.SnapshotChunk(meta, offset, size)
				want := newest
				at := slices.IndexFunc(lent, func(c Chunk) bool { return c.Snapshot == meta })
				if at >= 0 {
					want = lent[at]
					lent = slices.Delete(lent, at, at+1)
				} else {
					lent = slices.DeleteFunc(lent, func(c Chunk) bool { return c.Snapshot == newest.Snapshot })
				}
				if newest.Snapshot.Index == 0 {
					lent = nil
				} else if lent = append(lent, want); len(lent) > maxLoans {
					lent = lent[1:]
				}
				if why := differsFromPiece(want, meta, offset, size, chunk, err); why != "" {
					t.Fatalf("%d bytes at %d of %+v: %s", size, offset, meta, why)
				}
			default:
				meta := core.SnapshotMeta{Index: newest.Snapshot.Index + 1, Term: 1}
				size := rapid.OneOf(rapid.IntRange(0, 10), rapid.IntRange(blockBytes-1, blockBytes+1), rapid.IntRange(0, 3*blockBytes)).Draw(t, "length")
				newest = Chunk{Snapshot: meta, Members: membersOf(meta), Data: stateOf(byte(meta.Index), size)}
				save := l.SaveSnapshot
				if rapid.Bool().Draw(t, "by reset") {
					save = l.Reset
				}
				if err := save(meta, newest.Members, newest.Data); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// differsFromPiece compares a chunk with what a slice of the newest snapshot is.
func differsFromPiece(newest Chunk, meta core.SnapshotMeta, offset uint64, size int, got Chunk, err error) string {
	if newest.Snapshot.Index == 0 {
		if !errors.Is(err, ErrNoSnapshot) {
			return fmt.Sprintf("%v, want ErrNoSnapshot", err)
		}
		return ""
	}
	if meta != newest.Snapshot || offset > uint64(len(newest.Data)) {
		offset = 0
	}
	rest := newest.Data[offset:]
	want := rest[:min(size, len(rest))]
	switch {
	case err != nil:
		return err.Error()
	case got.Snapshot != newest.Snapshot || !got.Members.Equal(newest.Members):
		return fmt.Sprintf("of %+v with %v, want %+v with %v", got.Snapshot, got.Members, newest.Snapshot, newest.Members)
	case got.Offset != offset || !bytes.Equal(got.Data, want):
		return fmt.Sprintf("%d bytes at %d, want %d at %d", len(got.Data), got.Offset, len(want), offset)
	case got.Done != (len(want) == len(rest)):
		return fmt.Sprintf("done is %v with %d bytes left", got.Done, len(rest)-len(want))
	}
	return ""
}

// TestSnapshotReplacedWhileAChunkIsRead: before the file is opened the newest
// is read from its beginning; after that, what was asked for.
func TestSnapshotReplacedWhileAChunkIsRead(t *testing.T) {
	newer := core.SnapshotMeta{Index: 9, Term: 2}
	for _, op := range []memfs.Op{memfs.OpOpen, memfs.OpSize, memfs.OpRead} {
		t.Run(string(op), func(t *testing.T) {
			disk, l, whole := saved(t)
			disk.SetHook(func(call memfs.Call) memfs.Fate {
				if call.Op == op && filepath.Base(call.Name) == snapshotName(whole.Snapshot) {
					disk.SetHook(nil)
					if err := l.SaveSnapshot(newer, membersOf(newer), []byte("nine")); err != nil {
						t.Error(err)
					}
				}
				return memfs.Fate{}
			})
			chunk, err := l.SnapshotChunk(whole.Snapshot, 100, 50)
			want := whole
			if op == memfs.OpOpen {
				want = Chunk{Snapshot: newer, Members: membersOf(newer), Data: []byte("nine")}
			}
			if why := differsFromPiece(want, whole.Snapshot, 100, 50, chunk, err); why != "" {
				t.Fatal(why)
			}
		})
	}
}

// TestOnlyThePieceIsChecked flips a byte in the second block: pieces that touch
// it are refused, the others are not read and so not harmed.
func TestOnlyThePieceIsChecked(t *testing.T) {
	_, l, whole := saved(t)
	begin := int64(len(encodeSnapshotHead(whole.Snapshot, whole.Members, whole.Data)))
	damage(t, l, whole.Snapshot, begin+blockBytes+17)
	cases := []struct {
		name   string
		offset uint64
		size   int
		bad    bool
	}{
		{"first block", 0, blockBytes, false},
		{"one byte more", 0, blockBytes + 1, true},
		{"inside the bad one", blockBytes + 100, 1, true},
		{"from the bad one on", 2*blockBytes - 1, 100, true},
		{"after it", 2 * blockBytes, 2 * blockBytes, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			chunk, err := l.SnapshotChunk(whole.Snapshot, c.offset, c.size)
			if !c.bad {
				if why := differsFromPiece(whole, whole.Snapshot, c.offset, c.size, chunk, err); why != "" {
					t.Fatal(why)
				}
				return
			}
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || !strings.Contains(corrupt.Reason, "data's checksum") {
				t.Fatalf("%v, want corruption of the data", err)
			}
		})
	}
}

// damage flips a byte of a snapshot under an open log.
func damage(t *testing.T, l *Log, meta core.SnapshotMeta, offset int64) {
	t.Helper()
	file, err := l.fs.Open(filepath.Join(l.dir, snapshotName(meta)))
	if err != nil {
		t.Fatal(err)
	}
	if err := cmp.Or(flip(offset)(file), file.Sync(), file.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedHeadIsRefused: what stands before the data is checked for every
// piece, and the file is named.
func TestDamagedHeadIsRefused(t *testing.T) {
	cases := []struct {
		name   string
		offset int64
		reason string
	}{
		{"magic", 0, "this is no snapshot"},
		{"header", 20, "header's checksum"},
		{"configuration", snapshotHeaderBytes, "configuration's checksum"},
		{"checksums", -1, "checksum of the data's checksums"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, l, whole := saved(t)
			if c.offset < 0 {
				c.offset += int64(len(encodeSnapshotHead(whole.Snapshot, whole.Members, whole.Data)))
			}
			damage(t, l, whole.Snapshot, c.offset)
			_, err := l.SnapshotChunk(whole.Snapshot, blockBytes, 10)
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || !strings.Contains(corrupt.Reason, c.reason) ||
				corrupt.File != filepath.Join(testDir, snapshotName(whole.Snapshot)) {
				t.Fatalf("%v, want %q", err, c.reason)
			}
		})
	}
}

// TestFailureAtEveryCallOfAChunk: a read that fails is an error and no more; the
// log goes on.
func TestFailureAtEveryCallOfAChunk(t *testing.T) {
	broken := errors.New("input/output error")
	disk, l, whole := saved(t)
	if err := l.loans.close(); err != nil {
		t.Fatal(err)
	}
	before := disk.Calls()
	if _, err := l.SnapshotChunk(whole.Snapshot, 10, 10); err != nil {
		t.Fatal(err)
	}
	calls := disk.Calls() - before
	for number := 1; number <= calls; number++ {
		disk.SetHook(nil)
		if err := l.loans.close(); err != nil {
			t.Fatal(err)
		}
		at(disk, number, memfs.Fate{Err: broken})
		if _, err := l.SnapshotChunk(whole.Snapshot, 10, 10); !errors.Is(err, broken) {
			t.Errorf("call %d of %d: %v, want the failure", number, calls, err)
		}
	}
	disk.SetHook(nil)
	if err := assembled(l, whole, 1000); err != nil {
		t.Fatal(err)
	}
}

func TestChunkOfNoBytesIsRefused(t *testing.T) {
	_, l, whole := saved(t)
	for _, size := range []int{0, -1} {
		if _, err := l.SnapshotChunk(whole.Snapshot, 0, size); err == nil {
			t.Errorf("a chunk of %d bytes was read", size)
		}
	}
}
